/** `publish`: to one channel. */
import * as z from 'zod';
import { channel } from '../fields.ts';
import { method } from '../method.ts';
import { positionWire } from '../reply.ts';
import { content, dataOf, optionsOf, place } from './content.ts';

export const publish = method({
  name: 'publish',
  summary: 'Publish to a channel.',
  request: z.strictObject({ channel: channel(), ...content }),
  result: place,
  async run(operations, request) {
    const data = dataOf('publish', request);
    return positionWire(await operations.publish(request.channel, data, optionsOf(request)));
  },
});
