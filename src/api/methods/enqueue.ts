/** `enqueue`: a task, for later. */
import * as z from 'zod';
import { duration, json, optional, text } from '../fields.ts';
import { method } from '../method.ts';
import { KEY_LENGTH_MAX } from '../publication.ts';

export const enqueue = method({
  name: 'enqueue',
  summary: 'Hand in a task, which is run later.',
  request: z.strictObject({
    name: text('The task: `publish`, `broadcast`, `call`, or one that a program brings.').min(1),
    input: optional(json('What it is about: any JSON value that the task takes.')),
    delay: optional(duration('Run it so much later: milliseconds, or a text such as `30s`.')),
    at: optional(
      z
        .union([z.int(), z.string()], { error: 'must be milliseconds since 1970, or an ISO text' })
        .describe('Run it then: milliseconds since 1970, or `2027-01-31T12:00:00Z`.'),
    ),
    attempts: optional(z.int().min(1).describe('How often it is tried.')),
    timeout: optional(duration('How long one attempt may take.')),
    notify: optional(text('A channel that is told how it ends, and how far it is.')),
    idempotency_key: optional(
      text('The same key for the same name is the same task, with the same id.').max(
        KEY_LENGTH_MAX,
      ),
    ),
  }),
  result: z.looseObject({ id: z.string().describe('What `task` and `cancel_task` take.') }),
  async run(operations, request) {
    const { name, input, idempotency_key: idempotencyKey, ...options } = request;
    return { id: await operations.tasks.enqueue(name, input, { ...options, idempotencyKey }) };
  },
});
