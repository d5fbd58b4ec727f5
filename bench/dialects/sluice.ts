/** The native dialect in JSON. */
import type { Dialect, Place } from './dialect.ts';

export const sluice: Dialect = {
  protocol: '',
  binary: false,
  path: () => '/connection/websocket',
  greeting(token, { hears, since }) {
    const connect = `{"id":1,"connect":{"token":"${token}"}}`;
    if (hears.length === 0) return [{ send: connect, answer: '"connect":{' }];
    // What an SDK does: the subscriptions follow the connect without waiting for its reply.
    const subscribes = hears.map(
      (channel, i) => `{"id":${i + 2},"subscribe":{"channel":"${channel}"${back(since)}}}`,
    );
    const last = `{"id":${hears.length + 1},"subscribe":{`;
    return [{ send: [connect, ...subscribes].join('\n'), answer: last }];
  },
  publish: (channel, id, data) => `{"id":${id},"publish":{"channel":"${channel}","data":${data}}}`,
  rpc: (id, data) => `{"id":${id},"rpc":{"method":"echo","data":${data}}}`,
  answer: Buffer.from('{"id":'),
  refusal: '"error"',
  ping: '{}',
  pong: '{}',
};

function back(since: Place | null): string {
  if (since === null) return '';
  return `,"recover":true,"offset":${since.offset},"epoch":"${since.epoch}"`;
}
