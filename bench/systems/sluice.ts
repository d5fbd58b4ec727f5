/** Our gateway in a process as `sluice serve` makes it, without the bounds of one client's commands. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { createGateway as createGatewayType } from '../../src/gateway.ts';
import type { tuneV8 as tuneV8Type } from '../../src/process.ts';
import type { Started, System, SystemOptions } from './system.ts';

interface GatewayModule {
  readonly createGateway: typeof createGatewayType;
}

interface ProcessModule {
  /** Commits before 2026-11-26 have none. */
  readonly tuneV8?: typeof tuneV8Type;
}

/** A publisher at full speed, or one that was held up and makes up for it, is what these keep away. */
const FULL_SPEED = {
  framesPerSecond: 0,
  commandsPerSecond: 0,
  mailboxMessages: 100_000,
  mailboxBytes: '64MiB',
};

async function start(options: SystemOptions): Promise<Started> {
  const { secret, apiKey, root, history, presence, slowConsumer, redis, idle } = options;
  const { tuneV8 } = await load<ProcessModule>(root, 'src/process.ts');
  tuneV8?.();
  const { createGateway } = await load<GatewayModule>(root, 'src/gateway.ts');
  const kept = history > 0 ? { history: { size: history, ttl: '5m' }, recovery: true } : {};
  const gateway = createGateway({
    host: '127.0.0.1',
    port: 0,
    tokens: { hmacSecret: secret },
    api: { keys: [apiKey] },
    limits: idle ? {} : FULL_SPEED,
    namespaces: {
      default: { subscribe: 'client', publish: 'client', slowConsumer, presence, ...kept },
    },
    hooks: { rpc: ({ data }) => data },
    ...(redis === null ? {} : { redis: { url: redis } }),
    ...(idle ? {} : { ping: { interval: '1h' } }),
  });
  const { port } = await gateway.start();
  await ready(port);
  return { port };
}

async function load<T>(root: string, file: string): Promise<T> {
  return (await import(pathToFileURL(join(root, file)).href)) as T;
}

/** With Redis a gateway listens before it has reached it. */
async function ready(port: number): Promise<void> {
  while (!(await fetch(`http://127.0.0.1:${port}/ready`)).ok) await sleep(50);
}

export const system: System = { dialect: 'sluice', start };

/** The same gateway, and clients that speak MessagePack. */
export const packed: System = { dialect: 'sluice-msgpack', start };
