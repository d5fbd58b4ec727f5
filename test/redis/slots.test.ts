/** Where names lie in a Cluster, and what its servers tell of each other. */
import { describe, expect, test } from 'vitest';
import { awayOr, Redirected, RedisAway } from '../../src/redis/errors.ts';
import { namesOf } from '../../src/redis/names.ts';
import type { Reply } from '../../src/redis/reply.ts';
import { slotMapOf } from '../../src/redis/slot-map.ts';
import { slotOf, SLOTS, slotOfTag } from '../../src/redis/slot.ts';
import { targetOf } from '../../src/redis/target.ts';

const NAMES = namesOf('sluice', { cluster: true, db: 0 });

describe('slots', () => {
  test('are those of the specification', () => {
    expect(slotOfTag('123456789')).toBe(0x31c3);
    // What CLUSTER KEYSLOT answers.
    expect([slotOf('x{14}'), slotOf('x{14}y{15}'), slotOf('{foo}')]).toEqual([115, 115, 12_182]);
    expect(slotOf('x{ünï}')).toBe(slotOfTag('ünï'));
  });

  test('of all names of a channel are one', () => {
    for (const channel of ['news', 'a:b', '{x}', 'ünï']) {
      const slots = ['s', 'm', 'i', 'p', 'u'].map((kind) => slotOf(NAMES.key(kind, channel)));
      const held = `${NAMES.prefixOf(NAMES.partitionOf(channel))}held:x`;
      expect(new Set([...slots, slotOf(NAMES.bus('c', channel)), slotOf(held)]).size).toBe(1);
    }
  });

  test.each([1, 3, 5, 6, 12, 32])('of all partitions lie evenly over %i masters', (masters) => {
    const counts = Array.from({ length: masters }, () => 0);
    for (let partition = 0; partition < NAMES.partitions; partition += 1) {
      const at = Math.floor((slotOf(NAMES.prefixOf(partition)) * masters) / SLOTS);
      counts[at] = (counts[at] ?? 0) + 1;
    }
    expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(2);
  });

  test('and names never change: they are in use', () => {
    expect(NAMES.key('s', 'news')).toBe('sluice:{119}s:news');
    expect(NAMES.bus('x', 'control')).toBe('sluice:{43}x:control');
    expect([0, 1, 127].map((partition) => NAMES.prefixOf(partition))).toEqual([
      'sluice:{14}',
      'sluice:{10}',
      'sluice:{44}',
    ]);
    const single = namesOf('sluice', { cluster: false, db: 2 });
    expect(single.key('s', 'news')).toBe('sluice:s:news');
    expect(single.bus('c', 'news')).toBe('sluice@2:c:news');
  });
});

describe('a map of slots', () => {
  const node = (host: string | null, port: number): Reply => [
    host === null ? null : Buffer.from(host),
    port,
    Buffer.from('id'),
    [],
  ];

  test('tells the master of each slot, and all servers', () => {
    const reply = [
      [0, 99, node('10.0.0.1', 6379), node('10.0.0.2', 6379)],
      [200, 200, node('fd00::1', 6380)],
    ];
    const { masters, servers } = slotMapOf(reply, '10.0.0.9:6379');
    expect([masters[0], masters[99], masters[100], masters[200], masters[201]]).toEqual([
      '10.0.0.1:6379',
      '10.0.0.1:6379',
      '',
      'fd00::1:6380',
      '',
    ]);
    expect(servers).toEqual(['10.0.0.1:6379', '10.0.0.2:6379', 'fd00::1:6380']);
  });

  test.each([[null], [''], ['?']])('takes the host %j for the one that was asked', (host) => {
    expect(slotMapOf([[0, 1, node(host, 7001)]], 'fd00::9:6379').masters[0]).toBe('fd00::9:7001');
  });

  test.each([[[0, 1]], [[[0, 1, ['x']]]], ['x']])('refuses %j', (reply) => {
    expect(() => slotMapOf(reply as Reply, '10.0.0.9:6379')).toThrow('Redis answered');
  });
});

describe('an answer', () => {
  const said = (message: string): unknown => {
    const error = new Error(message);
    error.name = 'ReplyError';
    return awayOr(error);
  };

  test('that sends elsewhere says where', () => {
    expect(said('MOVED 3999 127.0.0.1:6381')).toMatchObject({
      redirection: 'MOVED',
      address: '127.0.0.1:6381',
    });
    expect(said('ASK 3999 :6381')).toMatchObject({ redirection: 'ASK', address: ':6381' });
    expect(said('TRYAGAIN Multiple keys request during rehashing of slot')).toMatchObject({
      redirection: 'TRYAGAIN',
      address: '',
    });
  });

  test.each([
    'CLUSTERDOWN Hash slot not served',
    'ERR Script attempted to access a non local key in a cluster node script: 66, on @user_script:1.',
    'ERR Script attempted to execute a write command while the cluster is down and readonly',
    'LOADING Redis is loading the dataset in memory',
  ])('%s is about the state of Redis', (message) => {
    expect(said(message)).toBeInstanceOf(RedisAway);
    expect(said(message)).not.toBeInstanceOf(Redirected);
  });

  test.each(["CROSSSLOT Keys in request don't hash to the same slot", 'ERR unknown command'])(
    '%s is a mistake of ours',
    (message) => {
      expect(said(message)).not.toBeInstanceOf(RedisAway);
    },
  );
});

describe('the URL of a Cluster', () => {
  test('names some of its servers, and no database', () => {
    expect(targetOf('rediss+cluster://u:p%40@a:7000,b,[fd00::1]:7001')).toEqual({
      kind: 'cluster',
      tls: true,
      hosts: [
        { host: 'a', port: 7000 },
        { host: 'b', port: 6379 },
        { host: 'fd00::1', port: 7001 },
      ],
      master: '',
      username: 'u',
      password: 'p@',
      db: 0,
    });
    expect(() => targetOf('redis+cluster://a/1')).toThrow('no databases');
  });
});
