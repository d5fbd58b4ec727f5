/** Every limit of the table is crossed here, and the peer sees what the table says. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { LIMITS, LIMIT_NAMES } from '../../src/kernel/limits.ts';
import type { LimitName } from '../../src/kernel/limits.ts';
import { Backend as HttpBackend, saying, mute } from '../hooks/backend.ts';
import { Bystander } from '../support/bystander.ts';
import { ManualClock } from '../support/clock.ts';
import type { Running } from '../support/gateway.ts';
import { EDGES, startGateway, token, SECRET } from '../support/gateway.ts';
import { api, ask, meter } from '../support/http.ts';
import { isReady } from '../redis/gateways.ts';
import type { Message } from '../support/peer.ts';
import { Peer, refusedUpgrade } from '../support/peer.ts';
import { PostgresServer } from '../support/postgres.ts';
import { EVENT_CROSSINGS } from './event-limits.ts';
import { TASK_CROSSINGS } from './task-limits.ts';

/** Starts a gateway that somebody else uses, too. */
type Start = (options: GatewayOptions) => Promise<Running>;

/** Crosses a limit, and gives the codes and statuses that were seen at it, in the words of the table. */
type Crossing = (start: Start) => Promise<readonly string[]>;

const QUICKLY = { timeout: 10_000, interval: 5 };

async function closing(peer: Peer): Promise<string> {
  return `close ${(await peer.ended()).code}`;
}

async function refusal(peer: Peer, command: Message): Promise<string> {
  return `error ${(await peer.ask(command)).error?.code}`;
}

/** A backend that answers when it is told to. */
class Backend {
  readonly signals: AbortSignal[] = [];
  readonly #waiting: ((answer: number) => void)[] = [];
  running = 0;
  most = 0;

  readonly rpc = async (
    _question: unknown,
    { signal }: { signal: AbortSignal },
  ): Promise<number> => {
    this.signals.push(signal);
    this.running += 1;
    this.most = Math.max(this.most, this.running);
    const answer = await new Promise<number>((resolve) => {
      this.#waiting.push(resolve);
    });
    this.running -= 1;
    return answer;
  };

  answerOne(): void {
    this.#waiting.shift()?.(this.signals.length);
  }
}

const rpc = (data: unknown = null): Message => ({ rpc: { method: 'any', data } });
const ping: Message = { ping: {} };

/** `depth` arrays in each other. */
function nested(depth: number): unknown {
  let value: unknown = [];
  for (let level = 1; level < depth; level += 1) value = [value];
  return value;
}

let postgres: PostgresServer;
beforeAll(async () => {
  postgres = await PostgresServer.shared();
});
afterAll(() => postgres.dispose());

/** The options of a gateway that archives. */
function archiving(limits: GatewayOptions['limits']): GatewayOptions {
  const log = { history: { size: 1, ttl: '1m' }, archive: true, publish: 'anonymous' } as const;
  return {
    archive: { url: postgres.url, delay: '1ms', statementTimeout: '10s' },
    namespaces: { log: { ...log, historyAccess: 'anonymous' } },
    limits: limits ?? {},
  };
}

/** Nothing is read from the archive or written to it until it is called. */
async function block({ http }: Running): Promise<() => Promise<void>> {
  await vi.waitFor(async () => {
    expect(await meter(http, 'archive_up')).toEqual(new Map([['', 1]]));
  }, QUICKLY);
  const blocker = await postgres.connect();
  await blocker.query('begin; lock table sluice_publications in access exclusive mode');
  return () => blocker.end();
}

/** Publishes what is not archived until there is no room, and tells how that ended. */
async function fill(running: Running, data: unknown): Promise<string[]> {
  const { url, http } = running;
  const unblock = await block(running);
  const peer = await Peer.connected(url);
  const channel = `log:${url}`;
  let published = 0;
  let refused = await refusal(peer, { publish: { channel, data } });
  while (refused === 'error undefined' && published < 10) {
    published += 1;
    refused = await refusal(peer, { publish: { channel, data } });
  }
  expect(published).toBe(3);
  const { status } = await api(http, 'publish', { channel, data });
  // What was refused was not published.
  const { answer } = await api(http, 'history', { channel });
  expect(answer).toMatchObject({ result: { offset: published } });
  await peer.publish('news', data);
  await unblock();
  await vi.waitFor(() => peer.publish(channel, data), QUICKLY);
  return [refused, `API: ${status}`];
}

/** By name, so that a limit without a test does not compile, nor a test without its limit. */
const CROSSINGS: { readonly [Name in LimitName]: Crossing } = {
  async messageBytes(start) {
    const { url } = await start({ limits: { messageBytes: '1KiB' } });
    const peer = await Peer.connected(url);
    const command = (id: number, data: string): string =>
      JSON.stringify({ id, publish: { channel: 'news', data } });
    const room = 1024 - command(100, '').length;
    peer.socket.send(command(100, 'x'.repeat(room)));
    expect((await peer.answer(100)).error).toBe(undefined);
    peer.socket.send(command(101, 'x'.repeat(room + 1)));
    return [await closing(peer)];
  },

  async framesPerSecond(start) {
    const clock = new ManualClock();
    const { url } = await start({ clock, limits: { framesPerSecond: 10 } });
    const peer = await Peer.connected(url);
    for (let frame = 2; frame <= 20; frame += 1) await peer.ask(ping);
    clock.advance(1000);
    for (let frame = 1; frame <= 10; frame += 1) await peer.ask(ping);
    peer.command(ping);
    return [await closing(peer)];
  },

  async commandsPerSecond(start) {
    const clock = new ManualClock();
    const { url } = await start({ clock, limits: { commandsPerSecond: 10 } });
    const peer = await Peer.connected(url);
    const many = (count: number): number =>
      peer.command(...Array.from({ length: count }, () => ping)).at(-1)!;
    await peer.answer(many(19));
    clock.advance(1000);
    await peer.answer(many(10));
    many(1);
    return [await closing(peer)];
  },

  async jsonDepth(start) {
    const { url, http } = await start({ limits: { jsonDepth: 8 } });
    const outcomes = new Set<string>();
    for (const encoding of ['json', 'msgpack'] as const) {
      const peer = await Peer.connected(url, { encoding });
      // The message and the command are two levels.
      await peer.publish('news', nested(6));
      peer.command({ publish: { channel: 'news', data: nested(7) } });
      outcomes.add(await closing(peer));
    }
    const publish = (depth: number): Promise<{ status: number }> =>
      api(http, 'publish', { channel: 'news', data: nested(depth) });
    expect((await publish(7)).status).toBe(200);
    return [...outcomes, `API: ${(await publish(8)).status}`];
  },

  async channelNameLength(start) {
    const { url } = await start({ limits: { channelNameLength: 10 } });
    const peer = await Peer.connected(url);
    await peer.subscribe('x'.repeat(10));
    const channel = 'x'.repeat(11);
    const outcomes = await Promise.all([
      refusal(peer, { subscribe: { channel } }),
      refusal(peer, { publish: { channel, data: 1 } }),
      refusal(peer, { presence: { channel } }),
      refusal(peer, { presence_stats: { channel } }),
      refusal(peer, { history: { channel } }),
      refusal(peer, { unsubscribe: { channel } }),
    ]);
    return [...new Set(outcomes)];
  },

  async channelsPerConnection(start) {
    const { url } = await start({
      limits: { channelsPerConnection: 3 },
      hooks: { connect: ({ data }) => ({ channels: Array.isArray(data) ? data : [] }) },
    });
    const peer = await Peer.connected(url, { connect: { data: ['a', 'b'] } });
    await peer.subscribe('c');
    const refused = await refusal(peer, { subscribe: { channel: 'd' } });
    await peer.ask({ unsubscribe: { channel: 'c' } });
    await peer.subscribe('d');
    const greedy = await Peer.open(url);
    greedy.command({ connect: { data: ['a', 'b', 'c', 'd'] } });
    return [refused, await closing(greedy)];
  },

  async mailboxMessages(start) {
    const backend = new Backend();
    const { url } = await start({ limits: { mailboxMessages: 4 }, hooks: backend });
    const peer = await Peer.connected(url);
    peer.command(rpc(), rpc(), rpc(), rpc());
    await vi.waitFor(() => expect(backend.running).toBe(4), QUICKLY);
    peer.command(rpc());
    const outcome = await closing(peer);
    expect(backend.signals.map(({ aborted }) => aborted)).toEqual([true, true, true, true]);
    return [outcome];
  },

  async mailboxBytes(start) {
    const backend = new Backend();
    const { url } = await start({ limits: { mailboxBytes: '2KiB' }, hooks: backend });
    const peer = await Peer.connected(url);
    const large = rpc('x'.repeat(900));
    peer.command(large, large);
    await vi.waitFor(() => expect(backend.running).toBe(2), QUICKLY);
    peer.command(large);
    const outcome = await closing(peer);
    expect(backend.signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    return [outcome];
  },

  async rpcConcurrency(start) {
    const backend = new Backend();
    const { url } = await start({ limits: { rpcConcurrency: 2 }, hooks: backend });
    const peer = await Peer.connected(url);
    const ids = peer.command(rpc(), rpc(), rpc(), rpc(), rpc());
    for (const [index, id] of ids.entries()) {
      await vi.waitFor(() => expect(backend.running).toBe(Math.min(2, 5 - index)), QUICKLY);
      backend.answerOne();
      expect((await peer.answer(id)).error).toBe(undefined);
    }
    expect(backend.most).toBe(2);
    return [];
  },

  async outboxBytes(start) {
    const { url, gateway } = await start({
      limits: { outboxBytes: '64KiB' },
      hooks: { rpc: () => 'x'.repeat(256 * 1024) },
    });
    const peer = await Peer.connected(url);
    expect((await peer.ask(rpc())).error).toBe(undefined);
    peer.socket.pause();
    // What the system buffers between the two is not ours to bound: 6 MiB at most, on this machine.
    while (gateway.connections === 2) {
      peer.command(rpc());
      await new Promise((resolve) => setImmediate(resolve));
    }
    peer.socket.resume();
    return [await closing(peer)];
  },

  async flushBytes(start) {
    const frames = async (flushBytes: string): Promise<number> => {
      const { url } = await start({ limits: { flushBytes, outboxBytes: '8KiB' } });
      const [reader, author] = [await Peer.connected(url), await Peer.connected(url)];
      await reader.subscribe('news');
      const before = reader.frames.length;
      const sent = Array.from({ length: 40 }, (_, count) => `${count} ${'x'.repeat(1000)}`);
      author.command(...sent.map((data) => ({ publish: { channel: 'news', data } })));
      await reader.until(() => reader.data('news').length >= sent.length, 'all publications');
      expect(reader.data('news')).toEqual(sent);
      return reader.frames.length - before;
    };
    // What gathers leaves as one frame; what is flushed meets the bounds of the outbox bit by bit.
    expect(await frames('1MiB')).toBe(1);
    expect(await frames('2KiB')).toBeGreaterThan(4);
    return [];
  },

  async connections(start) {
    const { url, gateway } = await start({ limits: { connections: 2 } });
    const peer = await Peer.connected(url);
    const { status } = await refusedUpgrade(url);
    await peer.leave();
    await vi.waitFor(() => expect(gateway.connections).toBe(1), QUICKLY);
    await Peer.connected(url);
    return [`HTTP ${status}`];
  },

  async connectionsPerUser(start) {
    const { url, gateway } = await start({
      tokens: { hmacSecret: SECRET },
      limits: { connectionsPerUser: 1 },
    });
    const [ada, bob] = [await token({ sub: 'ada' }), await token({ sub: 'bob' })];
    const peer = await Peer.connected(url, { connect: { token: ada } });
    const second = await Peer.open(url);
    second.command({ connect: { token: ada } });
    const outcome = await closing(second);
    await Peer.connected(url, { connect: { token: bob } });
    // Without a user nobody is counted.
    await Peer.connected(url);
    await peer.leave();
    await vi.waitFor(() => expect(gateway.connections).toBe(3), QUICKLY);
    await Peer.connected(url, { connect: { token: ada } });
    return [outcome];
  },

  async connectTimeoutMs(start) {
    const clock = new ManualClock();
    const { url } = await start({
      clock,
      limits: { connectTimeout: '5s' },
      hooks: { connect: ({ data }) => (data === 'wait' ? new Promise(() => {}) : {}) },
    });
    const silent = await Peer.open(url);
    const waiting = await Peer.open(url);
    waiting.command({ connect: { data: 'wait' } });
    const connected = await Peer.connected(url);
    clock.advance(4900);
    await connected.ask(ping);
    expect([silent.ending, waiting.ending]).toEqual([null, null]);
    clock.advance(500);
    const outcomes = [await closing(silent), await closing(waiting)];
    await connected.ask(ping);
    return [...new Set(outcomes)];
  },

  async presenceMembers(start) {
    const { url } = await start({ limits: { presenceMembers: 2 } });
    const presence = { presence: { channel: 'room' } };
    const peers = [await Peer.connected(url), await Peer.connected(url)];
    for (const peer of peers) await peer.subscribe('room');
    expect((await peers[0]!.ask(presence)).error).toBe(undefined);
    const third = await Peer.connected(url);
    await third.subscribe('room');
    const { presence_stats: stats } = await third.ask({ presence_stats: { channel: 'room' } });
    expect(stats).toMatchObject({ num_clients: 3 });
    return [await refusal(third, presence)];
  },

  async historyPublications(start) {
    const { url } = await start({ limits: { historyPublications: 3 } });
    const peer = await Peer.connected(url);
    for (const data of [1, 2, 3, 4, 5]) await peer.publish('log', data);
    for (const limit of [-1, 5]) {
      const { history } = await peer.ask({ history: { channel: 'log', limit } });
      expect(history).toMatchObject({ publications: [{ data: 1 }, { data: 2 }, { data: 3 }] });
    }
    const since = (offset: number): Message => ({ recoverable: true, recover: true, offset });
    const near = await peer.subscribe('log', since(2));
    expect(near).toMatchObject({ recovered: true, publications: [{ offset: 3 }, {}, {}] });
    await peer.ask({ unsubscribe: { channel: 'log' } });
    const far = await peer.subscribe('log', since(1));
    expect(far).toMatchObject({ was_recovering: true, offset: 5 });
    expect(far).not.toHaveProperty('recovered');
    expect(far).not.toHaveProperty('publications');
    return [];
  },

  async idempotencyKeys(start) {
    const { http } = await start({ limits: { idempotencyKeys: 2 } });
    const offset = async (key: string): Promise<unknown> => {
      const { answer } = await api(http, 'publish', {
        channel: 'log',
        data: 1,
        idempotency_key: key,
      });
      return answer['result'];
    };
    for (const [index, key] of ['a', 'b', 'b', 'c'].entries()) {
      expect(await offset(key)).toMatchObject({ offset: [1, 2, 2, 3][index] });
    }
    expect(await meter(http, 'idempotency_keys_forgotten')).toEqual(new Map([['', 1]]));
    expect(await offset('c')).toMatchObject({ offset: 3 });
    expect(await offset('a')).toMatchObject({ offset: 4 });
    return [];
  },

  async streams(start) {
    // The bystander has one.
    const { url, http } = await start({ limits: { streams: 2 } });
    const peer = await Peer.connected(url);
    await peer.publish('one', 1);
    const refused = await refusal(peer, { publish: { channel: 'more', data: 1 } });
    expect(await refusal(peer, { subscribe: { channel: 'more' } })).toBe(refused);
    await peer.publish('one', 2);
    const { status } = await api(http, 'publish', { channel: 'more', data: 1 });
    return [refused, `API: ${status}`];
  },

  ...TASK_CROSSINGS,
  ...EVENT_CROSSINGS,

  async archiveBufferPublications(start) {
    return fill(await start(archiving({ archiveBufferPublications: 3 })), 1);
  },

  async archiveBufferBytes(start) {
    // With what belongs to it, each is of about 1,200 bytes.
    return fill(await start(archiving({ archiveBufferBytes: '4KiB' })), 'x'.repeat(1000));
  },

  async archivePublications(start) {
    const { gateway, http } = await start(archiving({ archivePublications: 3 }));
    const { epoch } = await gateway.publish('log:1', 1);
    for (const data of [2, 3, 4]) await gateway.publish('log:1', data);
    for (const limit of [undefined, 100]) {
      const page = await vi.waitFor(async () => {
        const { status, answer } = await api(http, 'archive', { channel: 'log:1', epoch, limit });
        expect(status).toBe(200);
        return answer['result'];
      }, QUICKLY);
      expect(page).toMatchObject({ publications: [{ data: 1 }, { data: 2 }, { data: 3 }] });
      expect(page).toHaveProperty('cursor');
    }
    return [];
  },

  async archiveAnswerBytes(start) {
    const { gateway, http } = await start(archiving({ archiveAnswerBytes: '1KiB' }));
    const { epoch } = await gateway.publish('log:1', 'x'.repeat(2000));
    for (const data of ['a', 'b']) await gateway.publish('log:1', data);
    const page = (cursor?: string): Promise<{ publications: unknown[]; cursor?: string }> =>
      vi.waitFor(async () => {
        const { status, answer } = await api(http, 'archive', { channel: 'log:1', epoch, cursor });
        expect(status).toBe(200);
        return answer['result'] as { publications: unknown[]; cursor?: string };
      }, QUICKLY);
    const first = await page();
    expect(first.publications).toHaveLength(1);
    expect(await page(first.cursor)).toMatchObject({
      publications: [{ data: 'a' }, { data: 'b' }],
    });
    return [];
  },

  async archiveReads(start) {
    const running = await start(archiving({ archiveReads: 2 }));
    const { http, url } = running;
    const unblock = await block(running);
    const peer = await Peer.connected(url);
    await peer.publish('log:1', 1);
    await peer.publish('log:1', 2);
    const read = (): Promise<{ status: number }> => api(http, 'archive', { channel: 'log:1' });
    const two = [read(), read()];
    await vi.waitFor(async () => {
      const [row] = await postgres.query(
        `select count(*)::int as waiting from pg_stat_activity where wait_event_type = 'Lock'`,
      );
      expect(row?.['waiting']).toBeGreaterThanOrEqual(2);
    }, QUICKLY);
    const refused = await refusal(peer, { history: { channel: 'log:1', limit: 10 } });
    const { status } = await read();
    await unblock();
    expect((await Promise.all(two)).map((answer) => answer.status)).toEqual([200, 200]);
    return [refused, `API: ${status}`];
  },

  async apiBodyBytes(start) {
    const { http } = await start({
      limits: { apiBodyBytes: '1KiB' },
      routes: [
        { method: 'POST', path: '/take', handle: () => ({ status: 200, headers: {}, body: '' }) },
      ],
    });
    const take = (bytes: number): Promise<{ status: number }> =>
      ask(`${http}/take`, { method: 'POST', body: 'x'.repeat(bytes) });
    expect((await take(1024)).status).toBe(200);
    return [`HTTP ${(await take(1025)).status}`];
  },

  async apiConcurrency(start) {
    const waiting: (() => void)[] = [];
    const { http } = await start({
      limits: { apiConcurrency: 2 },
      routes: [
        {
          method: 'POST',
          path: '/slow',
          async handle() {
            await new Promise<void>((resolve) => {
              waiting.push(resolve);
            });
            return { status: 200, headers: {}, body: '' };
          },
        },
      ],
    });
    const slow = (): Promise<{ status: number }> => ask(`${http}/slow`, { method: 'POST' });
    const first = [slow(), slow()];
    await vi.waitFor(() => expect(waiting).toHaveLength(2), QUICKLY);
    const { status } = await slow();
    for (const answer of waiting) answer();
    expect((await Promise.all(first)).map((answer) => answer.status)).toEqual([200, 200]);
    await vi.waitFor(async () => expect((await ask(`${http}/health`)).status).toBe(200), QUICKLY);
    return [`HTTP ${status}`];
  },

  async requestHeadBytes(start) {
    const { http, url } = await start({ limits: { requestHeadBytes: '1KiB' } });
    const headers = (bytes: number): Record<string, string> => ({ 'x-long': 'x'.repeat(bytes) });
    expect((await ask(`${http}/health`, { headers: headers(500) })).status).toBe(200);
    const { status } = await ask(`${http}/health`, { headers: headers(1500) });
    expect((await refusedUpgrade(url, { headers: headers(1500) })).status).toBe(status);
    return [`HTTP ${status}`];
  },

  async endpointTimeoutMs(start) {
    const backend = await HttpBackend.start(mute);
    const { url } = await start({
      limits: { endpointTimeout: '50ms' },
      hooks: { url: backend.url, connect: false },
    });
    return [await refusal(await Peer.connected(url), rpc())];
  },

  async endpointConcurrency(start) {
    const release: (() => void)[] = [];
    const backend = await HttpBackend.start((_request, response) => {
      release.push(() => response.end('{}'));
    });
    const { url } = await start({
      limits: { endpointConcurrency: 2, endpointTimeout: '30s' },
      hooks: { url: backend.url, connect: false },
    });
    const peer = await Peer.connected(url);
    const ids = peer.command(rpc(), rpc(), rpc());
    await vi.waitFor(() => expect(release).toHaveLength(2), QUICKLY);
    await peer.ask(ping);
    expect(backend.heard).toHaveLength(2);
    release[0]?.();
    await vi.waitFor(() => expect(release).toHaveLength(3), QUICKLY);
    for (const answer of release.slice(1)) answer();
    for (const id of ids) expect((await peer.answer(id)).error).toBeUndefined();
    return [];
  },

  async endpointQueue(start) {
    const backend = await HttpBackend.start(mute);
    const { url } = await start({
      limits: { endpointConcurrency: 1, endpointQueue: 1, endpointTimeout: '30s' },
      hooks: { url: backend.url, connect: false },
    });
    const peer = await Peer.connected(url);
    peer.command(rpc(), rpc());
    return [await refusal(peer, rpc())];
  },

  async endpointAnswerBytes(start) {
    const answer = JSON.stringify({ result: { data: 'x'.repeat(1000) } });
    const backend = await HttpBackend.start(saying(answer));
    const options = { hooks: { url: backend.url, connect: false } };
    const limits = { endpointAnswerBytes: answer.length };
    const whole = await start({ ...options, limits });
    expect((await (await Peer.connected(whole.url)).ask(rpc())).error).toBeUndefined();
    const cut = await start({ ...options, limits: { endpointAnswerBytes: answer.length - 1 } });
    return [await refusal(await Peer.connected(cut.url), rpc())];
  },

  async cacheEntries(start) {
    const { gateway } = await start({ limits: { cacheEntries: 2 } });
    for (const key of ['a', 'b', 'c']) await gateway.cache.set(key, key, 60_000);
    const kept = ['a', 'b', 'c'].map((key) => gateway.cache.get(key));
    expect(await Promise.all(kept)).toEqual([undefined, 'b', 'c']);
    return [];
  },

  async cacheBytes(start) {
    const { gateway, http } = await start({ limits: { cacheBytes: '4KiB' } });
    for (let n = 0; n < 100; n += 1) await gateway.cache.set(`key ${n}`, 'x'.repeat(1000), 60_000);
    expect((await meter(http, 'cache_bytes')).get('')).toBeLessThanOrEqual(4096);
    expect((await meter(http, 'cache_evictions')).get('')).toBe(97);
    return [];
  },

  async cacheValueBytes(start) {
    const { gateway } = await start({ limits: { cacheValueBytes: 100 } });
    const compute = vi.fn<() => string>(() => 'x'.repeat(100));
    for (let n = 0; n < 3; n += 1) await gateway.cache.getOrSet('key', 60_000, compute);
    expect(compute).toHaveBeenCalledTimes(3);
    return [];
  },

  async cacheComputeMs(start) {
    const { gateway } = await start({ limits: { cacheCompute: '50ms' } });
    const never = (): Promise<string> => new Promise(() => {});
    await expect(gateway.cache.getOrSet('key', 60_000, never)).rejects.toThrow('within 50 ms');
    expect(await gateway.cache.getOrSet('key', 60_000, () => 'anew')).toBe('anew');
    return [];
  },
};

/** The codes and statuses that the table names for a limit. */
function outcomesOf(name: LimitName): readonly string[] {
  return LIMITS[name].outcome.match(/\b(?:error|close|HTTP|API:) \d+/g) ?? [];
}

test('every limit is crossed, and nothing else', () => {
  expect(Object.keys(CROSSINGS).toSorted()).toEqual(LIMIT_NAMES.toSorted());
});

describe.each(EDGES)('over %s, the limit', (transport) => {
  test.each(LIMIT_NAMES.map((name) => [name, LIMITS[name].outcome] as const))(
    '%s ends in: %s',
    async (name) => {
      const bystanders: Bystander[] = [];
      const outcomes = await CROSSINGS[name](async (options) => {
        const running = await startGateway({ transport, ...options });
        await vi.waitFor(async () => expect(await isReady(running)).toBe(true), QUICKLY);
        bystanders.push(await Bystander.watch(running));
        return running;
      });
      expect(outcomes).toEqual(outcomesOf(name));
      for (const bystander of bystanders) await bystander.isServed();
    },
  );
});
