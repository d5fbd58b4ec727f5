/** `refresh`: when the connections of a user expire. */
import * as z from 'zod';
import { expireAt, flag, target } from '../fields.ts';
import { method } from '../method.ts';

export const refresh = method({
  name: 'refresh',
  summary: 'Set when the connections of a user expire.',
  request: z.strictObject({
    ...target,
    expired: flag('Close them now, as expired (3005).'),
    expire_at: expireAt('When they expire, in seconds since 1970; absent or 0 is never.'),
  }),
  result: z.looseObject({}),
  async run(operations, request) {
    const { user = '', client, expired } = request;
    await operations.refresh(user, { client, expired, expireAtMs: request.expire_at });
    return {};
  },
});
