/** `history_remove`: forgets the publications of a channel; offsets go on. */
import * as z from 'zod';
import { channel } from '../fields.ts';
import { method } from '../method.ts';

export const historyRemove = method({
  name: 'history_remove',
  summary: 'Forget the publications of a channel.',
  request: z.strictObject({ channel: channel() }),
  result: z.looseObject({}),
  async run(operations, request) {
    await operations.removeHistory(request.channel);
    return {};
  },
});
