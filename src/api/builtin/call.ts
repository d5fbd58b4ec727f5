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

/** The endpoints of the backend. */
export interface Callee {
  has(endpoint: string): boolean;
  /** Resolves with what is answered, a JSON value; what it rejects with is tried again. */
  call(endpoint: string, body: unknown, signal: AbortSignal): Promise<unknown>;
}

const NAME = 'call';
const schema = z.strictObject({
  endpoint: text('The name of the endpoint, as it is configured.').min(1),
  body: z.unknown().optional().describe('What it is sent: any JSON value.'),
  channel: optional(channel()),
});

/** `callee` is null where no endpoints are configured. */
export function callTask(
  operations: Pick<Operations, 'publish' | 'checkChannel'>,
  callee: Callee | null,
): TaskDefinition {
  const known = (endpoint: string): Callee => {
    if (callee?.has(endpoint) === true) return callee;
    throw new Refusal('notAvailable', `no endpoint is called ${JSON.stringify(endpoint)}`);
  };
  return {
    name: NAME,
    prepare(input) {
      if (callee === null) throw new Refusal('notAvailable', 'no endpoints are configured to call');
      const fields = fieldsOfInput(input);
      const request = check(NAME, schema, fields);
      known(request.endpoint);
      if (request.channel !== undefined) operations.checkChannel(request.channel);
      return input instanceof Json ? input : inputOf(Object(fields));
    },
    async run(input, { id, signal }) {
      const { endpoint, body, channel: to } = check(NAME, schema, fieldsOfInput(input));
      // Another gateway may have taken it in, with other endpoints.
      const answer = Json.of(await known(endpoint).call(endpoint, body ?? null, signal));
      if (to !== undefined) await operations.publish(to, answer, { idempotencyKey: keyOf(id) });
      return answer;
    },
  };
}
