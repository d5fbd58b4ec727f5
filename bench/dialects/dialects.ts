/** All dialects by name. */
import type { Dialect } from './dialect.ts';
import { nats } from './nats.ts';
import { nchan } from './nchan.ts';
import { bare, echo, plain } from './plain.ts';
import { sluiceMsgpack } from './sluice-msgpack.ts';
import { sluice } from './sluice.ts';
import { socketio } from './socketio.ts';

export const DIALECTS = {
  sluice,
  'sluice-msgpack': sluiceMsgpack,
  plain,
  bare,
  echo,
  socketio,
  nats,
  nchan,
} as const satisfies Record<string, Dialect>;
export type DialectName = keyof typeof DIALECTS;
