/** Redis is there, but not as it should be: it forgets, is full, forbids, or lets others wait. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';
import { gatewayOn, SOON } from './gateways.ts';
import { Scene } from './scene.ts';

const OPTIONS: GatewayOptions = {
  namespaces: { default: { history: { size: 100_000, ttl: '1h' } } },
  limits: { historyPublications: 10_000 },
};
const MOOD_MS = 1500;

interface Mood {
  readonly name: string;
  readonly begins: readonly string[];
  readonly ends?: readonly string[];
  /** What its clients are told then: nothing was lost, or something may be missing. */
  readonly outcome: 'whole' | 'told' | 'either';
}

const MOODS: readonly Mood[] = [
  { name: 'forgets all', begins: ['FLUSHALL'], outcome: 'told' },
  { name: 'forgets the scripts', begins: ['SCRIPT FLUSH'], outcome: 'whole' },
  { name: 'lets all wait', begins: [`CLIENT PAUSE ${MOOD_MS} ALL`], outcome: 'whole' },
  { name: 'lets writers wait', begins: [`CLIENT PAUSE ${MOOD_MS} WRITE`], outcome: 'whole' },
  {
    name: 'is full',
    begins: ['CONFIG SET maxmemory 1000'],
    ends: ['CONFIG SET maxmemory 0'],
    outcome: 'whole',
  },
  {
    name: 'is full, and evicts',
    begins: ['CONFIG SET maxmemory-policy allkeys-random', 'CONFIG SET maxmemory 1200000'],
    ends: ['CONFIG SET maxmemory 0'],
    outcome: 'either',
  },
  {
    name: 'cuts off who listens too slowly',
    begins: ['CONFIG SET client-output-buffer-limit "pubsub 100 100 1"'],
    ends: ['CONFIG SET client-output-buffer-limit "pubsub 33554432 8388608 60"'],
    outcome: 'whole',
  },
  {
    name: 'forbids scripts',
    begins: ['ACL SETUSER default -evalsha -eval'],
    ends: ['ACL SETUSER default +evalsha +eval'],
    outcome: 'whole',
  },
  {
    name: 'forbids to listen',
    begins: ['ACL SETUSER default -subscribe', 'CLIENT KILL TYPE pubsub'],
    ends: ['ACL SETUSER default +subscribe'],
    outcome: 'whole',
  },
];

/** Words, and texts in quotes. */
function wordsOf(command: string): string[] {
  return [...command.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);
}

test.each(MOODS)('Redis $name', async ({ begins, ends = [], outcome }) => {
  const redis = await RedisServer.start();
  const nodes = await Promise.all([1, 2].map(() => gatewayOn(redis.url, OPTIONS)));
  const scene = await Scene.begin(nodes, { roamers: 2, atOnce: 50 });
  for (const command of begins) {
    expect(await redis.command(...wordsOf(command))).toMatch(/^[+:]/);
  }
  await sleep(MOOD_MS);
  for (const command of ends) expect(await redis.command(...wordsOf(command))).toMatch(/^\+OK/);
  await scene.settle();
  if (outcome === 'whole') await scene.expectWhole();
  if (outcome === 'told') scene.expectTold();
});

test('who is there is known again soon after Redis has forgotten all', async () => {
  const redis = await RedisServer.start();
  const running = await gatewayOn(redis.url, OPTIONS);
  const peers = [await Peer.connected(running.url), await Peer.connected(running.url)];
  for (const peer of peers) await peer.subscribe('room', { join_leave: true });
  await redis.command('FLUSHALL');
  const clientsIn = async (): Promise<unknown> =>
    (await peers[0]!.ask({ presence_stats: { channel: 'room' } }))['presence_stats'];
  await vi.waitFor(async () => expect(await clientsIn()).toMatchObject({ num_clients: 2 }), SOON);
  await peers[1]!.leave();
  await vi.waitFor(async () => expect(await clientsIn()).toMatchObject({ num_clients: 1 }), SOON);
});
