/**
 * What every broker promises, whatever it is made of. An implementation is opened by its factory,
 * anew for each test; all is awaited, so that it may answer at once or over a wire.
 */
import { assert } from '../../src/kernel/assert.ts';
import { describe, expect, test, vi } from 'vitest';
import type {
  Broker,
  BrokerListener,
  HistoryQuery,
  PublishOptions,
  Published,
} from '../../src/broker/broker.ts';
import { IDEMPOTENCY_TTL_MS, STREAM_OUTLIVES_MS } from '../../src/broker/broker.ts';
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import type { ClientInfo, Draft, Publication } from '../../src/channel/publication.ts';
import type { Page, Position } from '../../src/channel/recovery.ts';
import { Json } from '../../src/kernel/data.ts';

/** A broker under test. Its factory sees to it that it is closed after the test. */
export interface Opened {
  readonly broker: Broker;
  /** Lets time pass; null where it passes by itself, and what takes long is not tested. */
  readonly pass: ((ms: number) => void) | null;
}

export type OpenBroker = (listener: BrokerListener) => Promise<Opened>;

const KEPT = { size: 5, ttlMs: 60_000 };
const PLAIN: PublishOptions = { history: KEPT, idempotencyKey: '', version: 0, versionEpoch: '' };
const ANN: ClientInfo = { client: 'c1', user: 'ann', connInfo: Json.of({ a: 1 }), chanInfo: null };

/** What a gateway was told, in its order. */
interface Heard {
  readonly channel: ChannelName;
  readonly publication: Publication;
  readonly epoch: string;
}

interface Rig extends Opened {
  readonly channel: ChannelName;
  readonly other: ChannelName;
  readonly heard: Heard[];
  readonly notices: unknown[][];
}

let rigs = 0;

export function draft(data: unknown, set: Partial<Draft> = {}): Draft {
  const bare = { data: Json.of(data), info: null, tags: null, event: null, wantsDelta: false };
  return { ...bare, ...set };
}

/** `ownClock`: time is the test's to let pass; where it passes by itself, what takes long is not tested. */
export function brokerSuite(name: string, open: OpenBroker, { ownClock = true } = {}): void {
  async function rig(): Promise<Rig> {
    rigs += 1;
    const heard: Heard[] = [];
    const notices: unknown[][] = [];
    const opened = await open({
      published: (channel, publication, epoch) => void heard.push({ channel, publication, epoch }),
      noticed: (...notice) => void notices.push(notice),
    });
    const channel = channelNameOf(`room ${rigs}`, 255);
    return { ...opened, channel, other: channelNameOf(`other ${rigs}`, 255), heard, notices };
  }

  /** Tests that take longer than anybody waits. */
  const timed = (
    title: string,
    run: (rig: Rig, pass: (ms: number) => void) => Promise<void>,
  ): void => {
    if (!ownClock) return;
    test(title, async () => {
      const opened = await rig();
      assert(opened.pass !== null, 'a broker with a clock of the test lets time pass');
      await run(opened, opened.pass);
    });
  };

  describe(`${name}: the stream`, () => {
    test('gives the offsets 1, 2, 3 in one epoch, which the first publication tells', async () => {
      const { broker, channel, heard } = await rig();
      await broker.listen(channel);
      const positions: Position[] = [];
      for (const n of [1, 2, 3]) {
        const { position, outcome } = await broker.publish(channel, draft(n), PLAIN);
        expect(outcome).toBe('published');
        positions.push(position);
      }
      const [{ epoch } = { epoch: '' }] = positions;
      expect(epoch).not.toBe('');
      expect(positions).toEqual([1, 2, 3].map((offset) => ({ offset, epoch })));
      await vi.waitFor(() => expect(heard).toHaveLength(3));
      expect(heard.map((one) => [one.publication.offset, one.epoch])).toEqual([
        [1, epoch],
        [2, epoch],
        [3, epoch],
      ]);
      expect(heard.map((one) => one.publication.epoch)).toEqual([epoch, null, null]);
      expect(await offsets(broker, channel, ALL)).toEqual([1, 2, 3]);
    });

    test('keeps the order in which publications were asked for', async () => {
      const { broker, channel, heard } = await rig();
      await broker.listen(channel);
      const numbers = Array.from({ length: 50 }, (_, n) => n);
      const rules = { size: 100, ttlMs: 60_000 };
      const published = await Promise.all(
        numbers.map(async (n) => broker.publish(channel, draft(n), { ...PLAIN, history: rules })),
      );
      expect(published.map(({ position }) => position.offset)).toEqual(numbers.map((n) => n + 1));
      await vi.waitFor(() => expect(heard).toHaveLength(50));
      expect(heard.map(({ publication }) => valueOf(publication))).toEqual(numbers);
      const page = await broker.history(channel, ALL, rules);
      expect(page.publications.map(valueOf)).toEqual(numbers);
    });

    test('keeps what a publication says, as it was said', async () => {
      const { broker, channel, heard } = await rig();
      await broker.listen(channel);
      const drafts = [
        draft(0, { data: new Json('{ "b" : 1.0, "n": 12345678901234567890 }') }),
        draft(0, { data: Uint8Array.of(0, 1, 255, 10, 13) }),
        draft('ünï\u{1f600}', {
          event: 'said',
          tags: { b: '2', a: '' },
          info: ANN,
          wantsDelta: true,
        }),
      ];
      for (const one of drafts) await broker.publish(channel, one, PLAIN);
      await vi.waitFor(() => expect(heard).toHaveLength(3));
      const { publications } = await broker.history(channel, ALL, KEPT);
      for (const [at, one] of drafts.entries()) {
        for (const got of [heard[at]?.publication, publications[at]]) {
          expect(plain(got)).toEqual(plain(one));
        }
      }
    });

    test('of different channels are different, and do not count together', async () => {
      const { broker, channel, other } = await rig();
      const here = await broker.publish(channel, draft(1), PLAIN);
      const there = await broker.publish(other, draft(1), PLAIN);
      expect(there.position.offset).toBe(1);
      expect(there.position.epoch).not.toBe(here.position.epoch);
    });

    test('keeps so many publications and not one more', async () => {
      const { broker, channel } = await rig();
      for (let n = 1; n <= 8; n += 1) await broker.publish(channel, draft(n), PLAIN);
      const page = await broker.history(channel, ALL, KEPT);
      expect(page.publications.map(({ offset }) => offset)).toEqual([4, 5, 6, 7, 8]);
      expect(page.top.offset).toBe(8);
    });

    test('forgets its publications when told to, and goes on from where it was', async () => {
      const { broker, channel } = await rig();
      const { position } = await broker.publish(channel, draft(1), PLAIN);
      await broker.removeHistory(channel);
      const page = await broker.read(channel, since(0, position.epoch), KEPT);
      expect(page).toMatchObject({ publications: [], top: position });
      const next = await broker.publish(channel, draft(2), PLAIN);
      expect(next.position).toEqual({ offset: 2, epoch: position.epoch });
    });

    test('that is not there can be forgotten, too', async () => {
      const { broker, channel } = await rig();
      await broker.removeHistory(channel);
      expect((await broker.publish(channel, draft(1), PLAIN)).position.offset).toBe(1);
    });

    test('gives no place to what is published past the history', async () => {
      const { broker, channel, heard } = await rig();
      await broker.listen(channel);
      await broker.publish(channel, draft(1), PLAIN);
      const past = await broker.publish(channel, draft('past'), { ...PLAIN, history: null });
      await broker.publish(channel, draft(2), PLAIN);
      expect(past).toMatchObject({ outcome: 'published', position: { offset: 0, epoch: '' } });
      await vi.waitFor(() => expect(heard).toHaveLength(3));
      expect(heard.map(({ publication, epoch }) => [publication.offset, epoch !== ''])).toEqual([
        [1, true],
        [0, false],
        [2, true],
      ]);
      expect(await offsets(broker, channel, ALL)).toEqual([1, 2]);
    });

    timed(
      'forgets its publications when they are old, and keeps its epoch and top',
      async (of, pass) => {
        const { broker, channel } = of;
        await broker.publish(channel, draft(1), PLAIN);
        pass(KEPT.ttlMs - 1000);
        const { position } = await broker.publish(channel, draft(2), PLAIN);
        pass(KEPT.ttlMs - 1000);
        expect(await offsets(broker, channel, ALL)).toEqual([1, 2]);
        pass(2000);
        const page = await broker.read(channel, since(0, position.epoch), KEPT);
        expect(page).toMatchObject({ publications: [], top: position });
        pass(STREAM_OUTLIVES_MS - 2 * KEPT.ttlMs);
        const next = await broker.publish(channel, draft(3), PLAIN);
        expect(next.position).toEqual({ offset: 3, epoch: position.epoch });
        expect(await offsets(broker, channel, ALL)).toEqual([3]);
      },
    );

    timed('is another one when it was forgotten as a whole', async ({ broker, channel }, pass) => {
      const { position } = await broker.publish(channel, draft(1), PLAIN);
      pass(KEPT.ttlMs + STREAM_OUTLIVES_MS + 60_000);
      const { top } = await broker.read(channel, { kind: 'top' }, KEPT);
      expect(top.offset).toBe(0);
      expect(top.epoch).not.toBe(position.epoch);
    });

    timed('has an epoch from its first read, for as long as it is read', async (of, pass) => {
      const { broker, channel } = of;
      const { top } = await broker.read(channel, { kind: 'top' }, KEPT);
      expect(top.offset).toBe(0);
      for (let n = 0; n < 10; n += 1) {
        pass(KEPT.ttlMs - 1000);
        expect((await broker.read(channel, { kind: 'top' }, KEPT)).top).toEqual(top);
      }
      const { position } = await broker.publish(channel, draft(1), PLAIN);
      expect(position).toEqual({ offset: 1, epoch: top.epoch });
    });
  });

  describe(`${name}: reads`, () => {
    test('of the top, the latest and what is after a place', async () => {
      const { broker, channel } = await rig();
      const empty = await broker.read(channel, { kind: 'latest' }, KEPT);
      expect(empty).toMatchObject({ publications: [], top: { offset: 0 } });
      for (let n = 1; n <= 8; n += 1) await broker.publish(channel, draft(n), PLAIN);
      const { epoch } = empty.top;
      const top = { offset: 8, epoch };
      const at = async (page: Page | Promise<Page>): Promise<unknown> => {
        const read = await page;
        expect(read.top).toEqual(top);
        return read.publications.map(({ offset }) => offset);
      };
      expect(await at(broker.read(channel, { kind: 'top' }, KEPT))).toEqual([]);
      expect(await at(broker.read(channel, { kind: 'latest' }, KEPT))).toEqual([8]);
      expect(await at(broker.read(channel, since(6, epoch), KEPT))).toEqual([7, 8]);
      expect(await at(broker.read(channel, since(8, epoch), KEPT))).toEqual([]);
      expect(await at(broker.read(channel, since(99, epoch), KEPT))).toEqual([]);
      expect(await at(broker.read(channel, since(4, epoch, 2), KEPT))).toEqual([5, 6]);
      // What is gone is not made up for: the reader sees that the first is not the next.
      expect(await at(broker.read(channel, since(1, epoch), KEPT))).toEqual([4, 5, 6, 7, 8]);
      // The epoch is for the reader to compare.
      expect(await at(broker.read(channel, since(6, 'other'), KEPT))).toEqual([7, 8]);
    });

    test('of the history forward and backward, from a place and with a limit', async () => {
      const { broker, channel } = await rig();
      for (let n = 1; n <= 8; n += 1) await broker.publish(channel, draft(n), PLAIN);
      const { top } = await broker.read(channel, { kind: 'top' }, KEPT);
      const ask = async (
        limit: number,
        offset: number | null,
        reverse = false,
      ): Promise<number[]> =>
        offsets(broker, channel, {
          limit,
          since: offset === null ? null : { offset, epoch: top.epoch },
          reverse,
        });
      expect(await ask(100, null)).toEqual([4, 5, 6, 7, 8]);
      expect(await ask(2, null)).toEqual([4, 5]);
      expect(await ask(0, null)).toEqual([]);
      expect(await ask(100, 6)).toEqual([7, 8]);
      expect(await ask(1, 6)).toEqual([7]);
      expect(await ask(100, 0)).toEqual([4, 5, 6, 7, 8]);
      expect(await ask(100, 8)).toEqual([]);
      expect(await ask(100, 99)).toEqual([]);
      expect(await ask(100, null, true)).toEqual([8, 7, 6, 5, 4]);
      expect(await ask(2, null, true)).toEqual([8, 7]);
      expect(await ask(0, null, true)).toEqual([]);
      expect(await ask(100, 6, true)).toEqual([5, 4]);
      expect(await ask(1, 6, true)).toEqual([5]);
      expect(await ask(100, 4, true)).toEqual([]);
      expect(await ask(100, 1, true)).toEqual([]);
      expect(await ask(100, 0, true)).toEqual([]);
      expect(await ask(100, 99, true)).toEqual([8, 7, 6, 5, 4]);
    });

    test('from a place in another life of the stream are refused', async () => {
      const { broker, channel } = await rig();
      await broker.publish(channel, draft(1), PLAIN);
      const ask = async (epoch: string): Promise<Page> =>
        broker.history(channel, { limit: 9, since: { offset: 0, epoch }, reverse: false }, KEPT);
      await expect(ask('other')).rejects.toThrow('unrecoverable position');
      // One who knows no epoch has no other life.
      expect((await ask('')).publications).toHaveLength(1);
    });
  });

  describe(`${name}: the bus`, () => {
    test('brings what is listened to, from when that is done', async () => {
      const { broker, channel, other, heard } = await rig();
      await broker.publish(channel, draft('before'), PLAIN);
      await broker.listen(channel);
      await broker.publish(other, draft('elsewhere'), PLAIN);
      await broker.publish(channel, draft('here'), PLAIN);
      await vi.waitFor(() => expect(heard).toHaveLength(1));
      expect(heard[0]?.channel).toBe(channel);
      expect(valueOf(heard[0]!.publication)).toBe('here');
    });

    test('is listened to once, however often that is asked for', async () => {
      const { broker, channel, heard } = await rig();
      await Promise.all([broker.listen(channel), broker.listen(channel)]);
      await broker.listen(channel);
      await broker.publish(channel, draft(1), PLAIN);
      await broker.publish(channel, draft(2), PLAIN);
      await vi.waitFor(() => expect(heard).toHaveLength(2));
      expect(heard.map(({ publication }) => publication.offset)).toEqual([1, 2]);
    });

    test('can be left and listened to again', async () => {
      const { broker, channel, heard } = await rig();
      broker.unlisten(channel);
      await broker.listen(channel);
      broker.unlisten(channel);
      await broker.listen(channel);
      await broker.publish(channel, draft(1), PLAIN);
      await vi.waitFor(() => expect(heard).toHaveLength(1));
    });

    test('brings joins and leaves, in their order with the publications', async () => {
      const { broker, channel, other, heard, notices } = await rig();
      await broker.listen(channel);
      await broker.notify('join', channel, ANN);
      await broker.notify('join', other, ANN);
      await broker.publish(channel, draft(1), PLAIN);
      await broker.notify('leave', channel, ANN);
      await vi.waitFor(() => expect(notices).toHaveLength(2));
      expect(notices).toEqual([
        ['join', channel, ANN],
        ['leave', channel, ANN],
      ]);
      expect(heard).toHaveLength(1);
    });
  });

  describe(`${name}: idempotency keys`, () => {
    const keyed = (idempotencyKey: string, set: Partial<PublishOptions> = {}): PublishOptions => ({
      ...PLAIN,
      idempotencyKey,
      ...set,
    });

    test('let a publication through once, and answer the second with the first', async () => {
      const { broker, channel, heard } = await rig();
      await broker.listen(channel);
      const first = await broker.publish(channel, draft(1), keyed('k'));
      await broker.publish(channel, draft('between'), PLAIN);
      const again = await broker.publish(channel, draft(1), keyed('k'));
      expect(first).toMatchObject({ outcome: 'published', position: { offset: 1 } });
      // Also when it was published: that was the first time.
      expect(again).toEqual({ ...first, outcome: 'repeated' });
      await broker.publish(channel, draft('after'), PLAIN);
      await vi.waitFor(() => expect(heard).toHaveLength(3));
      expect(heard.map(({ publication }) => publication.offset)).toEqual([1, 2, 3]);
    });

    test('hold when both come at once', async () => {
      const { broker, channel } = await rig();
      const both = await Promise.all([
        broker.publish(channel, draft(1), keyed('k')),
        broker.publish(channel, draft(1), keyed('k')),
      ]);
      expect(both.map(({ outcome }) => outcome)).toEqual(['published', 'repeated']);
      expect(await offsets(broker, channel, ALL)).toEqual([1]);
    });

    test('hold without a history', async () => {
      const { broker, channel, heard } = await rig();
      await broker.listen(channel);
      const past = keyed('k', { history: null });
      const first = await broker.publish(channel, draft(1), past);
      const again = await broker.publish(channel, draft(1), past);
      expect([first.outcome, again.outcome]).toEqual(['published', 'repeated']);
      await broker.publish(channel, draft(2), PLAIN);
      await vi.waitFor(() => expect(heard).toHaveLength(2));
    });

    test.each([
      ['data', draft(2)],
      ['event', draft(1, { event: 'other' })],
      ['tags', draft(1, { tags: { a: 'other' } })],
      ['kind of data', draft(1, { data: new TextEncoder().encode('1') })],
    ])('refuse another %s', async (_what, other) => {
      const { broker, channel } = await rig();
      const said = draft(1, { event: 'said', tags: { a: 'b' } });
      const first = other.event === null && other.tags === null ? draft(1) : said;
      const second = {
        ...other,
        event: other.event ?? first.event,
        tags: other.tags ?? first.tags,
      };
      await broker.publish(channel, first, keyed('k'));
      await expect(
        Promise.resolve().then(() => broker.publish(channel, second, keyed('k'))),
      ).rejects.toThrow('conflict');
      expect(await offsets(broker, channel, ALL)).toEqual([1]);
    });

    test('take the same from another author for the same', async () => {
      const { broker, channel } = await rig();
      await broker.publish(channel, draft(1, { tags: { a: '1', b: '2' } }), keyed('k'));
      const again = draft(1, { tags: { b: '2', a: '1' }, info: ANN });
      expect((await broker.publish(channel, again, keyed('k'))).outcome).toBe('repeated');
    });

    test('are of one channel', async () => {
      const { broker, channel, other } = await rig();
      await broker.publish(channel, draft(1), keyed('k'));
      expect((await broker.publish(other, draft(2), keyed('k'))).outcome).toBe('published');
    });

    timed(
      'are remembered for five minutes from their first use',
      async ({ broker, channel }, pass) => {
        const publish = async (): Promise<Published> =>
          broker.publish(channel, draft(1), keyed('k'));
        await publish();
        pass(IDEMPOTENCY_TTL_MS - 1000);
        expect((await publish()).outcome).toBe('repeated');
        pass(1001);
        expect((await publish()).outcome).toBe('published');
        expect((await publish()).outcome).toBe('repeated');
      },
    );
  });

  describe(`${name}: versions`, () => {
    test('let through only what is above the last of the same epoch', async () => {
      const { broker, channel, heard } = await rig();
      await broker.listen(channel);
      const at = async (version: number, versionEpoch: string): Promise<Published> =>
        broker.publish(channel, draft(version), { ...PLAIN, version, versionEpoch });
      const outcomes = [];
      for (const version of [5, 5, 4, 6]) outcomes.push((await at(version, '')).outcome);
      expect(outcomes).toEqual(['published', 'outdated', 'outdated', 'published']);
      expect((await at(1, 'other')).outcome).toBe('published');
      expect(await at(1, 'other')).toMatchObject({ outcome: 'outdated', position: { offset: 3 } });
      // One without a version is none of theirs, and moves nothing.
      expect((await broker.publish(channel, draft(0), PLAIN)).outcome).toBe('published');
      expect((await at(1, 'other')).outcome).toBe('outdated');
      expect((await at(2, 'other')).position.offset).toBe(5);
      await vi.waitFor(() => expect(heard).toHaveLength(5));
      expect(await offsets(broker, channel, ALL)).toEqual([1, 2, 3, 4, 5]);
    });

    test('that are large are compared as numbers', async () => {
      const { broker, channel } = await rig();
      const at = async (version: number): Promise<string> =>
        (await broker.publish(channel, draft(0), { ...PLAIN, version })).outcome;
      expect(await at(9_007_199_254_740_990)).toBe('published');
      expect(await at(9_007_199_254_740_990)).toBe('outdated');
      expect(await at(9_007_199_254_740_991)).toBe('published');
      expect(await at(10)).toBe('outdated');
    });
  });
}

const ALL: HistoryQuery = { limit: 1000, since: null, reverse: false };

function since(
  offset: number,
  epoch: string,
  limit = Infinity,
): { kind: 'since'; since: Position; limit: number } {
  return { kind: 'since', since: { offset, epoch }, limit };
}

async function offsets(
  broker: Broker,
  channel: ChannelName,
  query: HistoryQuery,
): Promise<number[]> {
  const page = await broker.history(channel, query, KEPT);
  return page.publications.map(({ offset }) => offset);
}

function valueOf({ data }: Publication): unknown {
  return data instanceof Json ? data.value() : data;
}

/** What a draft says, comparable: its place apart, and bytes as numbers. */
function plain(one: Draft | undefined): unknown {
  if (one === undefined) return undefined;
  const { data, info, tags, event, wantsDelta } = one;
  const said = data instanceof Json ? data.text : [...data];
  return { said, info, tags: tags === null ? null : { ...tags }, event, wantsDelta };
}
