/** nginx with nchan, as its readme shows it: one address to publish, one to subscribe. */
import type { Dialect } from './dialect.ts';

export const nchan: Dialect = {
  protocol: '',
  binary: false,
  path: ({ hears, speaksTo }) =>
    speaksTo.length === 0 ? `/hear/${hears[0]}` : `/speak/${speaksTo[0]}`,
  greeting: () => [],
  publish: (_channel, _id, data) => data,
  rpc: () => {
    throw new Error('a message broker answers nothing');
  },
  // It answers each publication with what is in the channel now.
  answer: Buffer.from('queued messages'),
  refusal: 'error',
  ping: '',
  pong: '',
};
