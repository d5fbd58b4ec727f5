/** The native dialect in MessagePack. What is published is bytes, which stay as they are. */
import { pack } from 'msgpackr';
import type { Dialect } from './dialect.ts';

/** A map of two whose first key is `id`. */
const ANSWER = '\x82\xa2id';

export const sluiceMsgpack: Dialect = {
  protocol: 'sluice-msgpack',
  binary: true,
  path: () => '/connection/websocket',
  greeting(token, { hears }) {
    const connect = pack({ id: 1, connect: { token } });
    if (hears.length === 0) return [{ send: connect, answer: '\xa7connect' }];
    const subscribes = hears.map((channel, i) => pack({ id: i + 2, subscribe: { channel } }));
    const last = pack(hears.length + 1).toString('latin1');
    return [
      { send: Buffer.concat([connect, ...subscribes]), answer: `${ANSWER}${last}\xa9subscribe` },
    ];
  },
  publish: (channel, id, data) => pack({ id, publish: { channel, data: Buffer.from(data) } }),
  rpc: (id, data) => pack({ id, rpc: { method: 'echo', data: Buffer.from(data) } }),
  answer: Buffer.from(ANSWER, 'latin1'),
  refusal: '\xa5error',
  ping: '\x80',
  pong: '\x80',
};
