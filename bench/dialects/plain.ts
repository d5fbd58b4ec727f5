/**
 * For systems made by hand: `+channel` subscribes, `=channel` says where all that follows goes, and
 * each message is answered `ok`. So what is published is the message and nothing has to be parsed.
 * Whoever speaks to several channels names one before each message: `@channel message`.
 */
import type { Dialect } from './dialect.ts';

export const plain: Dialect = {
  protocol: '',
  binary: false,
  path: () => '/',
  greeting: (_token, { hears, speaksTo }) => [
    ...hears.map((channel) => ({ send: `+${channel}`, answer: 'ok' })),
    ...(speaksTo.length === 1 ? [{ send: `=${speaksTo[0]}`, answer: 'ok' }] : []),
  ],
  publish: (channel, _id, data, speaksTo) => (speaksTo.length === 1 ? data : `@${channel} ${data}`),
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
