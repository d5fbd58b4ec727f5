/** A gateway is not dead but only held up, for longer than its lease lasts: others took it for dead. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';
import { SOON } from './gateways.ts';
import { notices } from './notices.ts';
import { GatewayProcess } from './processes.ts';
import { Scene } from './scene.ts';

const MEMBERS = 60;
const TAKEN_FOR_DEAD = { timeout: 15_000, interval: 100 };
/** In which something would have been told once more. */
const ONCE_MORE_MS = 5000;

interface Member {
  readonly peer: Peer;
  readonly client: string;
}

async function memberOn({ url }: GatewayProcess): Promise<Member> {
  const peer = await Peer.connected(url);
  await peer.subscribe('room');
  return { peer, client: (peer.heard[0]!['connect'] as { readonly client: string }).client };
}

/** What a client was told of another, in order. */
function toldOf(watcher: Peer, client: string): string[] {
  return watcher.pushes('room').flatMap((push) =>
    (['join', 'leave'] as const).filter((type) => {
      const notice = push[type] as { readonly info: { readonly client: string } } | undefined;
      return notice?.info.client === client;
    }),
  );
}

test('a gateway that was held up is there again with all who stayed, and nobody else', async () => {
  const redis = await RedisServer.start();
  const gateways = await Promise.all([1, 2, 3].map(() => GatewayProcess.ready(redis.url)));
  const [held, other] = gateways as [GatewayProcess, GatewayProcess, GatewayProcess];
  const scene = await Scene.begin(gateways);
  const watcher = await Peer.connected(other.url);
  await watcher.subscribe('room', { join_leave: true });
  const members: Member[] = [];
  for (let n = 0; n < MEMBERS; n += 1) members.push(await memberOn(held));
  const elsewhere = await memberOn(other);
  await watcher.until(() => notices(watcher, 'join').length === MEMBERS + 2, 'the joins');

  held.pause();
  const [leaving, staying] = [members.slice(0, MEMBERS / 3), members.slice(MEMBERS / 3)];
  for (const { peer } of leaving) peer.cut();
  await vi.waitFor(() => expect(notices(watcher, 'leave')).toHaveLength(MEMBERS), TAKEN_FOR_DEAD);
  held.resume();

  const clientsIn = async (): Promise<string[]> => {
    const { presence } = await watcher.ask({ presence: { channel: 'room' } });
    return Object.keys((presence as { presence: object }).presence).toSorted();
  };
  const [connected] = watcher.heard;
  const self = (connected!['connect'] as { readonly client: string }).client;
  const there = [self, elsewhere.client, ...staying.map(({ client }) => client)].toSorted();
  await vi.waitFor(async () => expect(await clientsIn()).toEqual(there), SOON);
  await scene.settle();
  await scene.expectWhole();
  await sleep(ONCE_MORE_MS);
  expect(await clientsIn()).toEqual(there);
  for (const { peer, client } of staying) {
    expect(peer.ending).toBe(null);
    expect(toldOf(watcher, client)).toEqual(['join', 'leave', 'join']);
  }
  for (const { client } of leaving) {
    // It may have been there once more for a moment, until the gateway saw that it was gone.
    const told = toldOf(watcher, client);
    expect(told.length % 2).toBe(0);
    expect(told).toEqual(told.map((_, at) => (at % 2 === 0 ? 'join' : 'leave')));
  }
  expect(toldOf(watcher, elsewhere.client)).toEqual(['join']);
});
