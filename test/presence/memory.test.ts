import { expect, test } from 'vitest';
import { channelNameOf } from '../../src/channel/name.ts';
import { MemoryPresence } from '../../src/presence/memory.ts';
import { presenceSuite } from './presence-suite.ts';

presenceSuite('in memory', () => {
  const heard = new Map<string, string[]>();
  const presence = new MemoryPresence((type, channel, { client }) =>
    heard.get(channel)?.push(`${type} ${client}`),
  );
  return Promise.resolve({
    presence,
    listen(channel) {
      const told: string[] = [];
      heard.set(channel, told);
      return Promise.resolve(told);
    },
  });
});

test('in memory nothing is left behind of those who left', () => {
  const presence = new MemoryPresence(() => {});
  const members = Array.from({ length: 100 }, (_, at) => ({
    channel: channelNameOf(`room ${at % 10}`, 255),
    info: { client: `${at}`, user: `${at % 7}`, connInfo: null, chanInfo: null },
  }));
  for (const { channel, info } of members) presence.add(channel, info);
  expect(presence.size).toBe(10);
  for (const { channel, info } of members) presence.remove(channel, info);
  expect(presence.size).toBe(0);
});

test('in memory a client that comes back as another user is counted as that one', () => {
  const presence = new MemoryPresence(() => {});
  const channel = channelNameOf('room', 255);
  const of = (user: string): { client: string; user: string; connInfo: null; chanInfo: null } => ({
    client: 'a',
    user,
    connInfo: null,
    chanInfo: null,
  });
  presence.add(channel, of('ann'));
  presence.add(channel, of('bob'));
  presence.add(channel, { ...of('ann'), client: 'b' });
  expect(presence.stats(channel)).toEqual({ clients: 2, users: 2 });
  presence.remove(channel, of('ann'));
  expect(presence.stats(channel)).toEqual({ clients: 1, users: 1 });
  presence.remove(channel, { ...of('ann'), client: 'b' });
  expect(presence.size).toBe(0);
});
