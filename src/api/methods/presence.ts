/** `presence`: who is in a channel. */
import * as z from 'zod';
import { channel } from '../fields.ts';
import { method } from '../method.ts';
import { infoWire } from '../reply.ts';

export const clientInfo = z.looseObject({
  client: z.string(),
  user: z.string(),
  conn_info: z.unknown().optional().describe('About the connection.'),
  chan_info: z.unknown().optional().describe('About the subscription.'),
});

export const presence = method({
  name: 'presence',
  summary: 'Who is in a channel.',
  request: z.strictObject({ channel: channel() }),
  result: z.looseObject({ presence: z.record(z.string(), clientInfo).describe('By client.') }),
  async run(operations, request) {
    const members = await operations.presence(request.channel);
    return { presence: new Map(members.map((info) => [info.client, infoWire(info)])) };
  },
});
