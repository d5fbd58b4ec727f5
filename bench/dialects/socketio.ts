/** Engine.IO 4 over WebSocket alone, and Socket.IO 5 in it. */
import type { Dialect } from './dialect.ts';

export const socketio: Dialect = {
  protocol: '',
  binary: false,
  path: () => '/socket.io/?EIO=4&transport=websocket',
  greeting: (_token, { hears }) => [
    { send: null, answer: '0{' },
    { send: '40', answer: '40{' },
    ...hears.map((channel, i) => ({
      send: `42${i}["subscribe","${channel}"]`,
      answer: `43${i}[`,
    })),
  ],
  publish: (channel, id, data) => `42${id}["publish","${channel}",${data}]`,
  rpc: (id, data) => `42${id}["rpc",${data}]`,
  answer: Buffer.from('[]'),
  refusal: '',
  ping: '2',
  pong: '3',
};
