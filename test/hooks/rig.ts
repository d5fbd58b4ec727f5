/** A gateway with a backend over HTTP. */
import { expect, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { Running } from '../support/gateway.ts';
import { startGateway } from '../support/gateway.ts';
import { meter } from '../support/http.ts';
import { KeptLog } from '../support/log.ts';
import type { Behaviour } from './backend.ts';
import { Backend } from './backend.ts';

export const QUICKLY = { timeout: 10_000, interval: 5 };

/** Channels of `asked` ask the hooks. */
export const ASKED = { asked: { hooks: { subscribe: true, publish: true }, presence: true } };

export interface Scene extends Running {
  readonly backend: Backend;
  readonly log: KeptLog;
  /** A gauge or counter of endpoints, by its label. */
  readonly seen: (name: string, label?: string) => Promise<number>;
}

/** The backend behaves well; all hooks ask it, unless the options say otherwise. */
export async function scene(
  behaves?: Behaviour,
  { hooks = {}, ...options }: GatewayOptions = {},
): Promise<Scene> {
  const backend = await Backend.start(behaves);
  const log = new KeptLog();
  const running = await startGateway({
    logger: log,
    namespaces: ASKED,
    ...options,
    hooks: { url: backend.url, ...hooks },
  });
  const seen: Scene['seen'] = async (name, label = 'default') =>
    (await meter(running.http, name)).get(label) ?? 0;
  return { ...running, backend, log, seen };
}

/** No call is under way or waits for one. */
export async function isIdle({ seen }: Scene): Promise<void> {
  await vi.waitFor(async () => {
    expect([await seen('endpoint_running'), await seen('endpoint_waiting')]).toEqual([0, 0]);
  }, QUICKLY);
}
