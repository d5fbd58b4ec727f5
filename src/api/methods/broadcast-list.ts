/** `broadcast_list`: a part of the channels of a broadcast that is too large for one request. */
import * as z from 'zod';
import { channel, text } from '../fields.ts';
import { method } from '../method.ts';
import { KEY_LENGTH_MAX } from '../publication.ts';
import { PARTS_MAX } from '../../tasks/lists.ts';

export const broadcastList = method({
  name: 'broadcast_list',
  summary:
    'Put channels into a list, for a `broadcast` task. A part that comes twice is there once.',
  request: z.strictObject({
    list: text('The name of the list; the task names it, too.').min(1).max(KEY_LENGTH_MAX),
    part: z
      .int()
      .min(0)
      .max(PARTS_MAX - 1)
      .describe('The number of the part, from 0.'),
    channels: z.array(channel()).min(1).describe('The channels of this part.'),
  }),
  result: z.looseObject({ channels: z.int().min(0).describe('How many the list has now.') }),
  async run(operations, { list, part, channels }) {
    return { channels: await operations.tasks.putChannels(list, part, channels) };
  },
});
