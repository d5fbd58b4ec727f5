/** `broadcast`: the same to many channels. */
import * as z from 'zod';
import { channel } from '../fields.ts';
import { method } from '../method.ts';
import { errorWire, positionWire } from '../reply.ts';
import { content, dataOf, optionsOf, place } from './content.ts';

/** One request keeps the event loop for some tenths of a second at the most. */
export const BROADCAST_CHANNELS_MAX = 10_000;

export const broadcast = method({
  name: 'broadcast',
  summary: 'Publish the same to many channels.',
  request: z.strictObject({
    channels: z.array(channel()).min(1).max(BROADCAST_CHANNELS_MAX).describe('The channels.'),
    ...content,
  }),
  result: z.looseObject({
    responses: z
      .array(
        z.looseObject({
          result: place.optional(),
          error: z.looseObject({ code: z.int(), message: z.string() }).optional(),
        }),
      )
      .describe('For each channel, in their order, a result or an error.'),
  }),
  async run(operations, request) {
    const data = dataOf('broadcast', request);
    const outcomes = await operations.broadcast(request.channels, data, optionsOf(request));
    return {
      responses: outcomes.map((one) =>
        'position' in one
          ? { result: positionWire(one.position) }
          : { error: errorWire(one.refusal.entry, one.refusal.message) },
      ),
    };
  },
});
