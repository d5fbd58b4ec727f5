/** `disconnect`: the connections of a user. */
import * as z from 'zod';
import { optional, target, text } from '../fields.ts';
import { method } from '../method.ts';

export const disconnect = method({
  name: 'disconnect',
  summary: 'Close the connections of a user.',
  request: z.strictObject({
    ...target,
    whitelist: optional(z.array(text('A client.')).describe('Clients that stay.')),
    disconnect: optional(
      z
        .strictObject({
          code: optional(
            z.int().min(0).describe('The close code, 3000 to 4999; 3503 where it is absent or 0.'),
          ),
          reason: optional(text('The close reason, at most 123 bytes.')),
        })
        .describe('How they are closed. Clients do not come back after 3500-3999 and 4500-4999.'),
    ),
  }),
  result: z.looseObject({}),
  async run(operations, request) {
    const { user = '', client, whitelist, disconnect: how } = request;
    await operations.disconnect(user, {
      client,
      whitelist,
      code: how?.code || undefined,
      reason: how?.reason || undefined,
    });
    return {};
  },
});
