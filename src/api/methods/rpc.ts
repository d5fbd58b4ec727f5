/** `rpc`: asks the application, as a client could. */
import * as z from 'zod';
import { json, optional, text } from '../fields.ts';
import { method } from '../method.ts';
import { optionalPayload } from '../payload.ts';

export const rpc = method({
  name: 'rpc',
  summary: 'Call the rpc hook of the application.',
  request: z.strictObject({
    method: optional(text('What is called.')),
    data: optional(json('Its argument.')),
    params: optional(json('Another name of `data`, which other servers know it by.')),
  }),
  result: z.looseObject({ data: z.unknown().optional().describe('What the hook answered.') }),
  async run(operations, request) {
    const answer = await operations.rpc(request.method ?? '', request.data ?? request.params);
    return { data: optionalPayload(answer) ?? undefined };
  },
});
