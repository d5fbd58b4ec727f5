/** The task `call`: asks an endpoint of the backend, and publishes what it answers. */
import * as z from 'zod';
import { Refusal } from '../../kernel/errors.ts';
import { Json } from '../../kernel/data.ts';
import { channel, optional, text } from '../fields.ts';
import { check } from '../method.ts';
import type { Operations } from '../operations.ts';
import type { TaskDefinition } from '../tasks.ts';
import { fieldsOfInput, inputOf } from './input.ts';
import { keyOf } from './key.ts';

/**
 * Asks an endpoint by its name; resolves with its answer as a JSON value. A `Refusal` that is not
 * temporary ends the task; anything else is tried again.
 */
export type CallEndpoint = (
  endpoint: string,
  body: unknown,
  signal: AbortSignal,
) => Promise<unknown>;

const NAME = 'call';
const schema = z.strictObject({
  endpoint: text('The name of the endpoint, as it is configured.').min(1),
  body: z.unknown().optional().describe('What it is sent: any JSON value.'),
  channel: optional(channel()),
});

/** `call` is null where no endpoints are configured. */
export function callTask(
  operations: Pick<Operations, 'publish' | 'checkChannel'>,
  call: CallEndpoint | null,
): TaskDefinition {
  return {
    name: NAME,
    prepare(input) {
      if (call === null) throw new Refusal('notAvailable', 'no endpoints are configured to call');
      const fields = fieldsOfInput(input);
      const request = check(NAME, schema, fields);
      if (request.channel !== undefined) operations.checkChannel(request.channel);
      return input instanceof Json ? input : inputOf(Object(fields));
    },
    async run(input, { id, signal }) {
      // Another gateway took it in, with other endpoints.
      if (call === null) throw new Refusal('notAvailable', 'no endpoints are configured to call');
      const { endpoint, body, channel: to } = check(NAME, schema, fieldsOfInput(input));
      const answer = Json.of(await call(endpoint, body ?? null, signal));
      if (to !== undefined) await operations.publish(to, answer, { idempotencyKey: keyOf(id) });
      return answer;
    },
  };
}
