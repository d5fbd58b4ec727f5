/** The task `publish`: a publication at a later time. */
import * as z from 'zod';
import { channel } from '../fields.ts';
import { check } from '../method.ts';
import { content, dataOf, optionsOf } from '../methods/content.ts';
import type { Operations } from '../operations.ts';
import { positionWire, write } from '../reply.ts';
import { Json } from '../../kernel/data.ts';
import type { TaskDefinition } from '../tasks.ts';
import { fieldsOfInput, inputOf } from './input.ts';
import { keyOf } from './key.ts';

const NAME = 'publish';
const schema = z.strictObject({ channel: channel(), ...content });

export function publishTask(
  operations: Pick<Operations, 'publish' | 'checkPublication'>,
): TaskDefinition {
  return {
    name: NAME,
    prepare(input) {
      const fields = fieldsOfInput(input);
      const request = check(NAME, schema, fields);
      // Whoever hands it in is told what is wrong; nobody else could be.
      operations.checkPublication(request.channel, dataOf(NAME, request), optionsOf(request));
      return input instanceof Json ? input : inputOf(Object(fields));
    },
    async run(input, { id }) {
      const request = check(NAME, schema, fieldsOfInput(input));
      const options = optionsOf(request);
      const position = await operations.publish(request.channel, dataOf(NAME, request), {
        ...options,
        // It may be run twice, and is published once.
        idempotencyKey: options.idempotencyKey ?? keyOf(id),
      });
      return new Json(write(positionWire(position)));
    },
  };
}
