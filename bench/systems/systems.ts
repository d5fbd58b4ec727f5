/** All systems by name. Each is loaded in its own process only. */
import type { System } from './system.ts';

interface SystemModule {
  readonly system: System;
}

export const SYSTEMS = {
  sluice: () => import('./sluice.ts'),
  'sluice-msgpack': async () => ({ system: (await import('./sluice.ts')).packed }),
  'uws-raw': () => import('./uws-raw.ts'),
  'uws-joined': () => import('./uws-joined.ts'),
  'uws-joined-push': () => import('./uws-joined-push.ts'),
  'uws-upgrade': () => import('./uws-upgrade.ts'),
  'uws-echo': () => import('./uws-echo.ts'),
  'ws-broadcast': () => import('./ws-broadcast.ts'),
  socketio: () => import('./socketio.ts'),
  nats: () => import('./nats.ts'),
  nchan: () => import('./nchan.ts'),
  centrifugo: () => import('./centrifugo.ts'),
} as const satisfies Record<string, () => Promise<SystemModule>>;

export type SystemName = keyof typeof SYSTEMS;

export function isSystemName(name: string): name is SystemName {
  return Object.hasOwn(SYSTEMS, name);
}
