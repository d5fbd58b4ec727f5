/** NATS over WebSocket. Verbose, so that each message is answered, as in the others. */
import type { Dialect } from './dialect.ts';

export const nats: Dialect = {
  protocol: '',
  binary: true,
  path: () => '/',
  greeting: (_token, { hears }) => [
    { send: null, answer: 'INFO ' },
    { send: 'CONNECT {"verbose":true,"pedantic":false}\r\n', answer: '+OK' },
    ...hears.map((channel, i) => ({ send: `SUB ${channel} ${i + 1}\r\n`, answer: '+OK' })),
  ],
  publish: (channel, _id, data) => `PUB ${channel} ${Buffer.byteLength(data)}\r\n${data}\r\n`,
  rpc: () => {
    throw new Error('a message broker answers nothing');
  },
  answer: Buffer.from('+OK'),
  refusal: '-ERR',
  ping: 'PING\r\n',
  pong: 'PONG\r\n',
};
