/** `subscribe`: the connections of a user, in their name. */
import * as z from 'zod';
import * as field from '../fields.ts';
import { method } from '../method.ts';

const { optional, json, bytes, either } = field;

export const subscribe = method({
  name: 'subscribe',
  summary: 'Subscribe the connections of a user to a channel.',
  request: z.strictObject({
    ...field.target,
    channel: field.channel(),
    info: optional(json('About the subscriber, for presence and for others.')),
    b64info: optional(bytes('In place of `info`: bytes in base64.')),
    data: optional(json('For the subscriber itself.')),
    b64data: optional(bytes('In place of `data`: bytes in base64.')),
    expire_at: field.expireAt('When the subscription ends, in seconds since 1970; 0 is never.'),
    recover_since: optional(field.position('Where the subscriber was, to go on from there.')),
    override: optional(field.overrides()),
  }),
  result: z.looseObject({}),
  async run(operations, request) {
    const { user = '', client, channel, info, b64info, data, b64data } = request;
    await operations.subscribe(user, channel, {
      client,
      info: either({ json: info, bytes: b64info }, 'subscribe.info', 'b64info'),
      data: either({ json: data, bytes: b64data }, 'subscribe.data', 'b64data'),
      override: request.override,
      recoverSince: request.recover_since,
      expireAtMs: request.expire_at,
    });
    return {};
  },
});
