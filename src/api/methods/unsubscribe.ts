/** `unsubscribe`: the connections of a user, with code 2000. */
import * as z from 'zod';
import { channel, target } from '../fields.ts';
import { method } from '../method.ts';

export const unsubscribe = method({
  name: 'unsubscribe',
  summary: 'End the subscriptions of a user to a channel.',
  request: z.strictObject({ ...target, channel: channel() }),
  result: z.looseObject({}),
  async run(operations, request) {
    const { user = '', client } = request;
    await operations.unsubscribe(user, request.channel, { client });
    return {};
  },
});
