/** Gateways that share a Redis. */
import { expect, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { Running } from '../support/gateway.ts';
import { startGateway } from '../support/gateway.ts';

/** Looks every few milliseconds: what is waited for takes no longer. */
export const SOON = { timeout: 15_000, interval: 10 };

export async function isReady({ http }: Pick<Running, 'http'>): Promise<boolean> {
  return (await fetch(`${http}/ready`)).status === 200;
}

/** One that is ready. */
export async function gatewayOn(url: string, options: GatewayOptions = {}): Promise<Running> {
  const running = await startGateway({ redis: { url }, ...options });
  await running.gateway.ready();
  return running;
}

/** One through which everything is delivered, wherever in a Cluster it lies. */
export async function wholeGatewayOn(url: string, options: GatewayOptions = {}): Promise<Running> {
  const running = await startGateway({ redis: { url }, ...options });
  await vi.waitFor(async () => expect(await awayOf(running)).toBe(0), SOON);
  return running;
}

/** Parts of all channels that are not delivered. */
export async function awayOf({ http }: Pick<Running, 'http'>): Promise<number> {
  const metrics = await (await fetch(`${http}/metrics`)).text();
  return Number(/^\S*redis_partitions_away (\d+)/m.exec(metrics)?.[1]);
}
