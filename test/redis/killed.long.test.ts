/** A gateway dies under load, and others find out who was there: three processes. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { Peer } from '../support/peer.ts';
import { RedisServer } from '../support/redis.ts';
import { GatewayProcess } from './processes.ts';
import { notices } from './notices.ts';
import { Scene } from './scene.ts';

const PRESENCE_GONE_MS = 15_000;
const ROOMS = ['room 1', 'room 2', 'room 3'];
const MEMBERS_EACH = 40;
/** In which a leave would have been told a second time. */
const ONCE_MORE_MS = 5000;

/** Members of the rooms, on one gateway; each is in two of them. */
async function membersOn(gateway: GatewayProcess): Promise<Map<string, string[]>> {
  const rooms = new Map(ROOMS.map((room) => [room, [] as string[]]));
  for (let n = 0; n < MEMBERS_EACH; n += 1) {
    const member = await Peer.connected(gateway.url);
    const { client } = member.heard[0]!['connect'] as { readonly client: string };
    for (const at of [n, n + 1]) {
      const room = ROOMS[at % ROOMS.length]!;
      await member.subscribe(room);
      rooms.get(room)!.push(client);
    }
  }
  return rooms;
}

test('a killed gateway leaves nobody behind, and its clients miss nothing', async () => {
  const redis = await RedisServer.start();
  const gateways = await Promise.all([1, 2, 3].map(() => GatewayProcess.ready(redis.url)));
  const [killed, ...survivors] = gateways;
  // Those who roam come to the killed one, too; those who stay are on the others.
  const scene = await Scene.begin(survivors, { roamers: 6, roads: gateways });
  const watchers = await Promise.all(survivors.map(({ url }) => Peer.connected(url)));
  for (const watcher of watchers) {
    for (const room of ROOMS) await watcher.subscribe(room, { join_leave: true });
  }
  const gone = await membersOn(killed!);
  const [staying] = await Promise.all(survivors.map(membersOn));
  const clientsIn = async (watcher: Peer, room: string): Promise<string[]> => {
    const { presence } = await watcher.ask({ presence: { channel: room } });
    return Object.keys((presence as { presence: object }).presence);
  };

  const killedAtMs = performance.now();
  killed!.kill();
  for (const watcher of watchers) {
    for (const room of ROOMS) {
      const ghosts = new Set(gone.get(room));
      await vi.waitFor(
        async () => {
          const there = await clientsIn(watcher, room);
          expect(there.filter((client) => ghosts.has(client))).toEqual([]);
          expect(there).toEqual(expect.arrayContaining(staying!.get(room)!));
        },
        { timeout: PRESENCE_GONE_MS, interval: 100 },
      );
    }
  }
  expect(performance.now() - killedAtMs).toBeLessThan(PRESENCE_GONE_MS);
  await scene.settle();
  await scene.expectWhole();
  expect(scene.timesTold(scene.roamers)).toEqual(scene.roamers.map(() => 0));

  await sleep(ONCE_MORE_MS);
  for (const watcher of watchers) {
    for (const room of ROOMS) {
      expect(notices(watcher, 'leave', room).toSorted()).toEqual(gone.get(room)!.toSorted());
    }
  }
});
