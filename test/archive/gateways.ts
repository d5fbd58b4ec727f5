/** Gateways with an archive, and what they hold. */
import { expect, vi } from 'vitest';
import type { GatewayOptions, NamespaceInput } from '../../src/gateway.ts';
import type { Running } from '../support/gateway.ts';
import { startGateway } from '../support/gateway.ts';
import { api, meter } from '../support/http.ts';
import { SOON } from './rig.ts';

/** A stream of five publications; the rest is in the archive. */
export const SHORT: NamespaceInput = {
  history: { size: 5, ttl: '10m' },
  recovery: true,
  archive: true,
  subscribe: 'anonymous',
  publish: 'anonymous',
  historyAccess: 'anonymous',
  delta: true,
};

export const NAMESPACES = {
  chat: SHORT,
  note: { archive: true, subscribe: 'anonymous', publish: 'anonymous' },
  plain: { history: { size: 5, ttl: '10m' }, publish: 'anonymous', historyAccess: 'anonymous' },
} as const satisfies Record<string, NamespaceInput>;

/** One that is ready, and whose archive is open. */
export async function archivedOn(url: string, options: GatewayOptions = {}): Promise<Running> {
  const running = await archivingTo(url, options);
  await running.gateway.ready();
  await vi.waitFor(async () => expect(await isUp(running)).toBe(true), SOON);
  return running;
}

/** One whose archive may be away. */
export function archivingTo(url: string, options: GatewayOptions = {}): Promise<Running> {
  const { archive = {}, namespaces = {}, ...rest } = options;
  return startGateway({
    archive: { url, delay: '5ms', ...archive },
    namespaces: { ...NAMESPACES, ...namespaces },
    ...rest,
  });
}

export async function isUp({ http }: Pick<Running, 'http'>): Promise<boolean> {
  return (await meter(http, 'archive_up')).get('') === 1;
}

export interface ArchivedWire {
  readonly data: unknown;
  readonly offset?: number;
  readonly epoch?: string;
  readonly time: number;
  readonly tags?: Readonly<Record<string, string>>;
}

/** All that the archive has of a channel, page by page. */
export async function archived(
  { http }: Pick<Running, 'http'>,
  channel: string,
  asked: Readonly<Record<string, unknown>> = {},
): Promise<ArchivedWire[]> {
  const all: ArchivedWire[] = [];
  let cursor: string | undefined;
  do {
    const { status, answer } = await api(http, 'archive', { channel, ...asked, cursor });
    if (status !== 200) throw new Error(JSON.stringify(answer));
    const page = answer['result'] as { publications: ArchivedWire[]; cursor?: string };
    all.push(...page.publications);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return all;
}

export async function offsetsOf(
  { http }: Pick<Running, 'http'>,
  channel: string,
  asked: Readonly<Record<string, unknown>> = {},
): Promise<number[]> {
  const { status, answer } = await api(http, 'history', { channel, limit: -1, ...asked });
  if (status !== 200) throw new Error(JSON.stringify(answer));
  const { publications } = answer['result'] as { publications: { offset: number }[] };
  return publications.map(({ offset }) => offset);
}

export async function publishMany(
  { gateway }: Pick<Running, 'gateway'>,
  channel: string,
  data: readonly unknown[],
): Promise<void> {
  await Promise.all(data.map((one) => gateway.publish(channel, one)));
}

let names = 0;

/** A channel that no other test uses, in the namespace. */
export function channelIn(namespace: keyof typeof NAMESPACES): string {
  names += 1;
  return `${namespace}:${names}`;
}
