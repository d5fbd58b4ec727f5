/** `channels`: those with subscribers. */
import * as z from 'zod';
import { optional, text } from '../fields.ts';
import { method } from '../method.ts';
import { CHANNELS_MAX } from '../census.ts';

export const channels = method({
  name: 'channels',
  summary: `The channels with subscribers, at most ${CHANNELS_MAX}.`,
  request: z.strictObject({
    pattern: optional(text('`*` is any characters, `?` is one; empty is every channel.')),
  }),
  result: z.looseObject({
    channels: z
      .record(z.string(), z.looseObject({ num_clients: z.int().min(0) }))
      .describe('By name.'),
    truncated: z.boolean().optional().describe('There are more than the answer holds.'),
  }),
  async run(operations, { pattern }) {
    const found = await operations.channels({ pattern });
    const entries = [...found.channels].map(
      ([channel, { numClients }]) => [channel, { num_clients: numClients }] as const,
    );
    return { channels: new Map(entries), truncated: found.truncated || undefined };
  },
});
