/**
 * For systems made by hand: `+channel` subscribes, `=channel` says where all that follows goes, and
 * each message is answered `ok`. So what is published is the message and nothing has to be parsed.
 */
import type { Dialect } from './dialect.ts';

export const plain: Dialect = {
  protocol: '',
  binary: false,
  path: () => '/',
  greeting: (_token, { hears, speaksTo }) => [
    ...hears.map((channel) => ({ send: `+${channel}`, answer: 'ok' })),
    ...(speaksTo === null ? [] : [{ send: `=${speaksTo}`, answer: 'ok' }]),
  ],
  publish: (_channel, _id, data) => data,
  rpc: (id, data) => `{"id":${id},"rpc":{"method":"echo","data":${data}}}`,
  answer: Buffer.from('ok'),
  refusal: '',
  ping: '',
  pong: '',
};

/** A connection that is only opened. */
export const bare: Dialect = { ...plain, greeting: () => [] };

/** What is asked is answered in JSON. */
export const echo: Dialect = { ...plain, answer: Buffer.from('{"id":') };
