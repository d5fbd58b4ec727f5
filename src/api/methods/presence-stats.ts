/** `presence_stats`: how many are in a channel. */
import * as z from 'zod';
import { channel } from '../fields.ts';
import { method } from '../method.ts';

export const presenceStats = method({
  name: 'presence_stats',
  summary: 'How many are in a channel.',
  request: z.strictObject({ channel: channel() }),
  result: z.looseObject({ num_clients: z.int().min(0), num_users: z.int().min(0) }),
  async run(operations, request) {
    const { numClients, numUsers } = await operations.presenceStats(request.channel);
    return { num_clients: numClients, num_users: numUsers };
  },
});
