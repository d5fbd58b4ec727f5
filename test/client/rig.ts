/** Real clients on a real gateway. */
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { Client } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/options.ts';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { NamespaceInput } from '../../src/config/input.ts';
import type { Running } from '../support/gateway.ts';
import { SECRET, startGateway } from '../support/gateway.ts';

const OPEN: NamespaceInput = {
  subscribe: 'anonymous',
  publish: 'anonymous',
  presence: true,
  presenceAccess: 'anonymous',
  joinLeave: true,
  delta: true,
};

const KEPT: NamespaceInput = {
  ...OPEN,
  history: { size: 1000, ttl: '5m' },
  recovery: true,
  historyAccess: 'anonymous',
};

/**
 * - `kept`: all it takes to recover. `short`: only three publications. `latest`: only the last one.
 * - `plain`: no history. `told`: no recovery, but gaps are told of.
 * - `mine`: wants a token. `closed`: nobody may do anything. `asked`: the backend is asked, if it has a hook.
 */
const NAMESPACES: Readonly<Record<string, NamespaceInput>> = {
  kept: KEPT,
  short: { ...KEPT, history: { size: 3, ttl: '5m' } },
  latest: { ...KEPT, recovery: 'cache' },
  plain: OPEN,
  told: { ...KEPT, recovery: false, positioned: true },
  mine: { ...KEPT, subscribe: 'nobody' },
  closed: {},
};

export function start(options: GatewayOptions = {}): Promise<Running> {
  const subscribe = options.hooks?.subscribe !== undefined;
  const publish = options.hooks?.publish !== undefined;
  return startGateway({
    namespaces: { ...NAMESPACES, asked: { ...KEPT, hooks: { subscribe, publish } } },
    tokens: { hmacSecret: SECRET },
    limits: { framesPerSecond: 0, commandsPerSecond: 0 },
    ...options,
  });
}

/** Its retries are quick. Closed after the test. */
export function client(url: string, options: ClientOptions = {}): Client {
  const one = new Client(url, { minReconnectDelayMs: 10, maxReconnectDelayMs: 50, ...options });
  onTestFinished(() => one.close());
  return one;
}

/** The WebSocket of `ws`, as a program on Node 20 would pass it. */
export { WebSocket };

/** At least so long. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Looks again and again; fails after ten seconds, and says what it waited for. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`waited in vain: ${what}`);
    await pause(2);
  }
}
