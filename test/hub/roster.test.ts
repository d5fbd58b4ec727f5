import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Peer } from '../../src/hub/roster.ts';
import { Roster } from '../../src/hub/roster.ts';

function peerOf(client: string, user = ''): Peer {
  return {
    client,
    user,
    close() {},
    subscribe: () => Promise.resolve(),
    unsubscribe: () => false,
    refresh() {},
    message() {},
    channels: () => [],
  };
}

describe('a roster', () => {
  test('knows who is here, and by client and user who has connected', () => {
    const roster = new Roster();
    const [ann, ann2, nobody] = [peerOf('1', 'ann'), peerOf('2', 'ann'), peerOf('3')];
    for (const peer of [ann, ann2, nobody]) roster.opened(peer);
    expect([...roster.all()]).toEqual([ann, ann2, nobody]);
    expect(roster.client('1')).toBeNull();
    expect(roster.ofUser('ann')).toEqual([]);
    for (const peer of [ann, ann2, nobody]) roster.connected(peer);
    expect(roster.client('3')).toBe(nobody);
    expect(roster.ofUser('ann')).toEqual([ann, ann2]);
    // Nobody in particular is not somebody.
    expect(roster.ofUser('')).toEqual([]);
    expect(roster.users).toBe(1);
    roster.closed(ann);
    roster.closed(ann);
    expect(roster.ofUser('ann')).toEqual([ann2]);
    expect(roster.client('1')).toBeNull();
    expect(roster.size).toBe(2);
  });

  test('lets go of one who never connected', () => {
    const roster = new Roster();
    const peer = peerOf('1');
    roster.opened(peer);
    roster.closed(peer);
    roster.closed(peerOf('2', 'ann'));
    expect([roster.size, roster.users]).toEqual([0, 0]);
  });

  test('gives a copy of the connections of a user, which may end while it is gone through', () => {
    const roster = new Roster();
    for (const client of ['1', '2', '3']) roster.connected(peerOf(client, 'ann'));
    for (const peer of roster.ofUser('ann')) roster.closed(peer);
    expect(roster.ofUser('ann')).toEqual([]);
    expect(roster.users).toBe(0);
  });

  test('is right after any comings and goings', () => {
    const acts = fc.array(
      fc.record({
        act: fc.constantFrom('opened', 'connected', 'closed'),
        client: fc.nat(5),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(acts, (script) => {
        const roster = new Roster();
        const peers = Array.from({ length: 6 }, (_, at) =>
          peerOf(`${at}`, ['', 'ann', 'bob'][at % 3]),
        );
        const open = new Set<Peer>();
        const connected = new Set<Peer>();
        for (const { act, client } of script) {
          const peer = peers[client]!;
          // As sessions do: opened once, connected only then, and never after the end.
          if (act === 'opened' && !open.has(peer)) {
            roster.opened(peer);
            open.add(peer);
          } else if (act === 'connected' && open.has(peer)) {
            roster.connected(peer);
            connected.add(peer);
          } else if (act === 'closed') {
            roster.closed(peer);
            open.delete(peer);
            connected.delete(peer);
          }
        }
        expect(new Set(roster.all())).toEqual(open);
        for (const peer of peers) {
          expect(roster.client(peer.client)).toBe(connected.has(peer) ? peer : null);
        }
        for (const user of ['ann', 'bob']) {
          const of = [...connected].filter((peer) => peer.user === user);
          expect(new Set(roster.ofUser(user))).toEqual(new Set(of));
        }
        const users = new Set([...connected].map(({ user }) => user).filter((user) => user !== ''));
        expect(roster.users).toBe(users.size);
      }),
    );
  });
});
