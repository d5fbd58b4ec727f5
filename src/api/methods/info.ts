/** `info`: the gateways, and how much they carry. */
import * as z from 'zod';
import { method } from '../method.ts';

const node = z.looseObject({
  uid: z.string(),
  name: z.string(),
  version: z.string(),
  num_clients: z.int().min(0).describe('Connections.'),
  num_users: z.int().min(0).describe('Users with a connection.'),
  num_subs: z.int().min(0).describe('Subscriptions.'),
  num_channels: z.int().min(0).describe('Channels with subscribers.'),
  uptime: z.int().min(0).describe('Seconds since it started.'),
});

export const info = method({
  name: 'info',
  summary: 'The gateways, and how much they carry.',
  request: z.strictObject({}),
  result: z.looseObject({ nodes: z.array(node) }),
  async run(operations) {
    const { nodes } = await operations.info();
    return {
      nodes: nodes.map((one) => ({
        uid: one.uid,
        name: one.name,
        version: one.version,
        num_clients: one.numClients,
        num_users: one.numUsers,
        num_subs: one.numSubs,
        num_channels: one.numChannels,
        uptime: Math.floor(one.uptimeMs / 1000),
      })),
    };
  },
});
