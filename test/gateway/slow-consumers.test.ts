/** A client that does not read, among others that do. */
import type { Centrifuge } from 'centrifuge';
import { describe, expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { Json } from '../../src/kernel/data.ts';
import { Bystander } from '../support/bystander.ts';
import type { EdgeName, Running } from '../support/gateway.ts';
import { EDGES, officialClient, startGateway } from '../support/gateway.ts';
import { meter } from '../support/http.ts';
import { KeptLog } from '../support/log.ts';
import type { Message } from '../support/peer.ts';
import { Peer } from '../support/peer.ts';

const QUICKLY = { timeout: 15_000, interval: 10 };
const CHANNEL = 'slow:news';

/** Enough of them fill what the system buffers between two sockets: 6 MiB at most on Linux. */
const PAD = 'x'.repeat(16 * 1024);
const PUBLICATIONS_MAX = 2000;

type Rules = NonNullable<GatewayOptions['namespaces']>[string];

const OPEN: Rules = { subscribe: 'anonymous', presence: true, presenceAccess: 'anonymous' };
const KEPT: Rules = { ...OPEN, history: { size: PUBLICATIONS_MAX, ttl: '5m' }, recovery: true };

interface Scene extends Running {
  readonly bystander: Bystander;
  /** Reads all the time. */
  readonly fast: Peer;
  /** How many were published. */
  readonly published: () => number;
  /** Publishes the next numbers until something is so. */
  readonly publishUntil: (holds: () => boolean | Promise<boolean>) => Promise<void>;
  /** Publishes the next numbers, one in each turn. */
  readonly publishMore: (count: number) => Promise<void>;
}

async function scene(
  transport: EdgeName,
  rules: Rules,
  options: GatewayOptions = {},
): Promise<Scene> {
  const log = new KeptLog();
  const running = await startGateway({
    transport,
    logger: log,
    namespaces: { slow: rules },
    ...options,
    limits: { outboxBytes: '256KiB', historyPublications: PUBLICATIONS_MAX, ...options.limits },
  });
  const bystander = await Bystander.watch(running, log);
  const fast = await Peer.connected(running.url);
  await fast.subscribe(CHANNEL);
  let count = 0;
  const publish = async (): Promise<void> => {
    count += 1;
    await running.gateway.publish(CHANNEL, new Json(`{"n":${count},"pad":"${PAD}"}`));
    await new Promise((resolve) => setImmediate(resolve));
  };
  return {
    ...running,
    bystander,
    fast,
    published: () => count,
    async publishUntil(holds) {
      while (!(await holds())) {
        if (count >= PUBLICATIONS_MAX) throw new Error(`not after ${count} publications`);
        for (let burst = 0; burst < 10; burst += 1) await publish();
      }
    },
    async publishMore(more) {
      for (let left = more; left > 0; left -= 1) await publish();
    },
  };
}

function upTo(last: number, first = 1): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** The numbers of the publications that came. */
function numbers(peer: Peer): number[] {
  return peer.data(CHANNEL).map((data) => (data as { readonly n: number }).n);
}

async function got(peer: Peer, last: number): Promise<void> {
  await peer.until(() => numbers(peer).at(-1) === last, `publication ${last}`);
}

/** Whether a reader was found to be too slow, under the rule. */
async function isSlow({ http }: Running, rule: string): Promise<boolean> {
  return ((await meter(http, 'slow')).get(rule) ?? 0) > 0;
}

/** How often that happened. */
async function lags({ http }: Running, rule: string): Promise<number> {
  return (await meter(http, 'slow')).get(rule) ?? 0;
}

function endOf(peer: Peer): Message | undefined {
  return peer.pushes(CHANNEL).find((push) => push['unsubscribe'] !== undefined);
}

describe.each(EDGES)('over %s, a client that does not read', (transport) => {
  test('is closed with 3008 under `disconnect`, and has lost nothing when it comes back', async () => {
    const rules: Rules = { ...KEPT, slowConsumer: 'disconnect' };
    const slow = await scene(transport, rules);
    const { url, gateway, bystander, fast } = slow;
    const reader = await Peer.connected(url);
    const { epoch } = await reader.subscribe(CHANNEL, { recoverable: true });
    await slow.publishMore(5);
    await got(reader, 5);
    reader.socket.pause();
    await slow.publishUntil(() => gateway.connections === 2);
    await slow.publishMore(5);
    reader.socket.resume();
    // What was on its way still arrives, and the reason after it.
    expect(await reader.ended()).toEqual({ code: 3008, reason: 'slow' });
    const before = numbers(reader);
    expect(before).toEqual(upTo(before.length));
    expect(before.length).toBeLessThan(slow.published());

    const back = await Peer.connected(url);
    const offset = before.length;
    const position = { recover: true, recoverable: true, epoch, offset };
    const { recovered, publications } = await back.subscribe(CHANNEL, position);
    expect(recovered).toBe(true);
    const missed = (publications as { data: { n: number } }[]).map(({ data }) => data.n);
    await slow.publishMore(3);
    await got(back, slow.published());
    expect([...before, ...missed, ...numbers(back)]).toEqual(upTo(slow.published()));

    await got(fast, slow.published());
    expect(numbers(fast)).toEqual(upTo(slow.published()));
    for (const peer of [back, fast]) await peer.leave();
    await bystander.isUndisturbed(CHANNEL);
  });

  test.each(['json', 'msgpack'] as const)(
    'under `skip` gets all of it when it reads again, once and in order, in %s',
    async (encoding) => {
      const slow = await scene(transport, { ...KEPT, slowConsumer: 'skip' });
      const { url, bystander, fast } = slow;
      const reader = await Peer.connected(url, { encoding });
      await reader.subscribe(CHANNEL, { recoverable: true });
      for (let round = 1; round <= 2; round += 1) {
        reader.socket.pause();
        const before = await lags(slow, 'skip');
        await slow.publishUntil(async () => (await lags(slow, 'skip')) > before);
        await slow.publishMore(20);
        reader.socket.resume();
        // While it catches up, more is published.
        await slow.publishMore(20);
        await got(reader, slow.published());
      }
      await slow.publishMore(3);
      await got(reader, slow.published());
      expect(numbers(reader)).toEqual(upTo(slow.published()));
      expect(endOf(reader)).toBe(undefined);
      expect(reader.ending).toBe(null);
      await got(fast, slow.published());
      expect(numbers(fast)).toEqual(upTo(slow.published()));
      for (const peer of [reader, fast]) await peer.leave();
      await bystander.isUndisturbed(CHANNEL);
    },
  );

  test('under `skip` is told 2500 when the history no longer holds what it missed', async () => {
    const rules: Rules = { ...KEPT, history: { size: 10, ttl: '5m' }, slowConsumer: 'skip' };
    const slow = await scene(transport, rules);
    const { url, bystander, fast } = slow;
    const reader = await Peer.connected(url);
    const { epoch } = await reader.subscribe(CHANNEL, { recoverable: true });
    reader.socket.pause();
    await slow.publishUntil(() => isSlow(slow, 'skip'));
    await slow.publishMore(20);
    reader.socket.resume();
    await reader.until(() => endOf(reader) !== undefined, 'the end of the subscription');
    expect(endOf(reader)).toMatchObject({
      unsubscribe: { code: 2500, reason: 'insufficient state' },
    });
    const before = numbers(reader);
    expect(before).toEqual(upTo(before.length));
    const position = { recover: true, recoverable: true, epoch, offset: before.length };
    const again = await reader.subscribe(CHANNEL, position);
    expect(again).toMatchObject({ was_recovering: true, offset: slow.published() });
    expect(again).not.toHaveProperty('recovered');
    const last = slow.published();
    await slow.publishMore(3);
    await got(reader, slow.published());
    expect(numbers(reader)).toEqual([...before, ...upTo(slow.published(), last + 1)]);
    for (const peer of [reader, fast]) await peer.leave();
    await bystander.isUndisturbed(CHANNEL);
  });

  test('under `skip` is told 2500 where there is no history', async () => {
    const slow = await scene(transport, { ...OPEN, slowConsumer: 'skip' });
    const { url, bystander, fast } = slow;
    const reader = await Peer.connected(url);
    await reader.subscribe(CHANNEL);
    reader.socket.pause();
    await slow.publishUntil(() => isSlow(slow, 'skip'));
    reader.socket.resume();
    await reader.until(() => endOf(reader) !== undefined, 'the end of the subscription');
    expect(endOf(reader)).toMatchObject({ unsubscribe: { code: 2500 } });
    expect(numbers(reader)).toEqual(upTo(numbers(reader).length));
    await got(fast, slow.published());
    for (const peer of [reader, fast]) await peer.leave();
    await bystander.isUndisturbed(CHANNEL);
  });

  test('under `latest` ends with the newest, and never sees an older one after it', async () => {
    const slow = await scene(transport, { ...OPEN, slowConsumer: 'latest' });
    const { url, bystander, fast } = slow;
    const reader = await Peer.connected(url);
    await reader.subscribe(CHANNEL);
    for (let round = 1; round <= 2; round += 1) {
      reader.socket.pause();
      const before = await lags(slow, 'latest');
      await slow.publishUntil(async () => (await lags(slow, 'latest')) > before + 20);
      reader.socket.resume();
      await got(reader, slow.published());
    }
    await slow.publishMore(3);
    await got(reader, slow.published());
    const seen = numbers(reader);
    expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => a - b));
    expect(seen.length).toBeLessThan(slow.published());
    await got(fast, slow.published());
    expect(numbers(fast)).toEqual(upTo(slow.published()));
    for (const peer of [reader, fast]) await peer.leave();
    await bystander.isUndisturbed(CHANNEL);
  });

  test('under `skip`, with deltas, the official client still sees each publication whole', async () => {
    const rules: Rules = { ...KEPT, delta: true, slowConsumer: 'skip' };
    const slow = await scene(transport, rules);
    const client = officialClient(slow.url);
    client.connect();
    await client.ready(5000);
    const subscription = client.newSubscription(CHANNEL, { delta: 'fossil', recoverable: true });
    const seen: string[] = [];
    subscription.on('publication', ({ data }) => seen.push(JSON.stringify(data)));
    subscription.subscribe();
    await subscription.ready(5000);
    const socket = socketOf(client);
    socket.pause();
    const sent: string[] = [];
    // Half of each is new, so that a delta is worth it and still fills the buffers.
    const publish = async (): Promise<void> => {
      const random = Math.random().toString(36).repeat(1000).slice(0, 8192);
      const noise = Array.from({ length: 512 }, () => Math.random().toString(36).slice(2)).join('');
      const text = JSON.stringify({ n: sent.length, same: PAD, random, noise });
      sent.push(text);
      await slow.gateway.publish(CHANNEL, new Json(text));
      await new Promise((resolve) => setImmediate(resolve));
    };
    while (!(await isSlow(slow, 'skip')))
      for (let burst = 0; burst < 20; burst += 1) await publish();
    socket.resume();
    for (let more = 0; more < 5; more += 1) await publish();
    await vi.waitFor(() => expect(seen.length).toBe(sent.length), QUICKLY);
    expect(seen).toEqual(sent);
  });

  test('is closed for a reply that finds no room, and is no subscriber after it', async () => {
    const rules: Rules = { ...KEPT, slowConsumer: 'skip' };
    const slow = await scene(transport, rules);
    const { url, http, gateway, bystander, fast } = slow;
    await fast.leave();
    const reader = await Peer.connected(url);
    await reader.subscribe(CHANNEL, { recoverable: true });
    reader.socket.pause();
    await slow.publishUntil(() => isSlow(slow, 'skip'));
    // Each reply brings a history as large as all that was buffered so far.
    while (gateway.connections === 2) {
      reader.command({ unsubscribe: { channel: CHANNEL } });
      reader.command({ subscribe: { channel: CHANNEL, recoverable: true, recover: true } });
      await bystander.peer.ask({ ping: {} });
    }
    await vi.waitFor(async () => expect((await meter(http, 'channels')).get('')).toBe(1), QUICKLY);
    await slow.publishMore(3);
    reader.socket.resume();
    expect(await reader.ended()).toEqual({ code: 3008, reason: 'slow' });
    await bystander.isUndisturbed(CHANNEL);
  });

  test('of two channels is closed if one of them says so', async () => {
    const slow = await scene(
      transport,
      { ...KEPT, slowConsumer: 'skip' },
      { namespaces: { slow: { ...KEPT, slowConsumer: 'skip' }, strict: OPEN } },
    );
    const { url, gateway, fast, bystander } = slow;
    const reader = await Peer.connected(url);
    await reader.subscribe(CHANNEL, { recoverable: true });
    await reader.subscribe('strict:alarms');
    reader.socket.pause();
    await slow.publishUntil(() => isSlow(slow, 'skip'));
    expect(gateway.connections).toBe(3);
    // What the first channel left of the room is less than this.
    await gateway.publish('strict:alarms', new Json(JSON.stringify('x'.repeat(300_000))));
    await vi.waitFor(() => expect(gateway.connections).toBe(2), QUICKLY);
    reader.socket.resume();
    expect(await reader.ended()).toMatchObject({ code: 3008 });
    await fast.leave();
    await bystander.isUndisturbed(CHANNEL, 'strict:alarms');
  });

  test.each(['skip', 'latest'] as const)(
    'costs no more memory the more it does not read, under `%s`',
    async (slowConsumer) => {
      const kept = { ...KEPT, history: { size: 50, ttl: '5m' } } as const;
      const rules: Rules = slowConsumer === 'skip' ? kept : OPEN;
      const slow = await scene(transport, { ...rules, slowConsumer });
      const { url, gateway, bystander, fast } = slow;
      await fast.leave();
      const readers = await Promise.all(Array.from({ length: 10 }, () => Peer.connected(url)));
      for (const reader of readers) {
        await reader.subscribe(CHANNEL);
        reader.socket.pause();
      }
      await slow.publishUntil(async () => (await lags(slow, slowConsumer)) >= readers.length);
      await slow.publishMore(50);
      const before = process.memoryUsage.rss();
      // 10 times 16 MiB, had it been buffered.
      for (let count = 0; count < 1000; count += 1) {
        await gateway.publish(CHANNEL, new Json(`{"n":0,"pad":"${PAD}"}`));
        if (count % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      const grownMiB = (process.memoryUsage.rss() - before) / 2 ** 20;
      expect(grownMiB).toBeLessThan(80);
      for (const reader of readers) reader.cut();
      await bystander.isUndisturbed(CHANNEL);
    },
  );
});

/** The WebSocket of an official client. */
function socketOf(client: Centrifuge): { pause(): void; resume(): void } {
  const { _transport: transport } = client as unknown as {
    readonly _transport: { readonly _transport: { pause(): void; resume(): void } };
  };
  const { _transport: socket } = transport;
  return socket;
}
