/** Reads of streams that lie in Redis. */
import type { ChannelName } from '../channel/name.ts';
import { placed } from '../channel/publication.ts';
import type { Page, Query } from '../channel/recovery.ts';
import { Refusal } from '../kernel/errors.ts';
import type { ScriptArg } from '../redis/link.ts';
import { LIFE } from '../redis/link.ts';
import type { Redis } from '../redis/redis.ts';
import type { Reply } from '../redis/reply.ts';
import { bytesOf, listOf, numberOf, textOf } from '../redis/reply.ts';
import { scriptOf } from '../redis/script.ts';
import type { HistoryQuery, HistoryRules } from './broker.ts';
import { draftOf } from './redis-body.ts';

const HISTORY = scriptOf(
  new URL('redis-stream.lua', import.meta.url),
  new URL('redis-history.lua', import.meta.url),
);

/**
 * How much longer than its publications a stream that is only read is remembered: longer than it
 * takes until it is read again by who listens to it.
 */
const READ_OUTLIVES_MS = 120_000;

/** `all` is for offsets and limits. */
const ALL = -1;

interface Span {
  readonly kind: 'top' | 'after' | 'before';
  readonly offset: number;
  readonly limit: number;
}

export class RedisHistory {
  readonly #redis: Redis;
  readonly #newEpoch: () => string;

  constructor(redis: Redis, newEpoch: () => string) {
    this.#redis = redis;
    this.#newEpoch = newEpoch;
  }

  /** @throws {RedisAway} */
  read(channel: ChannelName, query: Query, rules: HistoryRules): Promise<Page> {
    return this.#page(channel, spanOf(query), rules);
  }

  /** @throws {RedisAway}, and a `Refusal` where `since` is of another life of the stream. */
  async history(channel: ChannelName, query: HistoryQuery, rules: HistoryRules): Promise<Page> {
    const { since, limit, reverse } = query;
    const kind = reverse ? 'before' : 'after';
    const offset = since?.offset ?? (reverse ? ALL : 0);
    const page = await this.#page(channel, { kind, offset, limit }, rules);
    // Not even of the life that this one goes on from: what it had after `since` may be lost.
    if (since === null || since.epoch === '' || since.epoch === page.top.epoch) return page;
    throw new Refusal('unrecoverablePosition', 'since.epoch is of another life of the stream');
  }

  /** @throws {RedisAway} */
  async remove(channel: ChannelName): Promise<void> {
    await this.#redis.link.call('DEL', this.#redis.names.key('s', channel));
  }

  async #page(channel: ChannelName, span: Span, { ttlMs }: HistoryRules): Promise<Page> {
    const { names, link } = this.#redis;
    const keys = [names.key('s', channel), names.key('m', channel)];
    const { kind, offset, limit } = span;
    const args: ScriptArg[] = [
      LIFE,
      this.#newEpoch(),
      ttlMs + READ_OUTLIVES_MS,
      kind,
      offset,
      limit,
    ];
    return pageOf(listOf(await link.run(HISTORY, keys, args)));
  }
}

function spanOf(query: Query): Span {
  if (query.kind === 'top') return { kind: 'top', offset: 0, limit: 0 };
  if (query.kind === 'latest') return { kind: 'before', offset: ALL, limit: 1 };
  const { since, limit } = query;
  return { kind: 'after', offset: since.offset, limit: Number.isFinite(limit) ? limit : ALL };
}

function pageOf(reply: readonly Reply[]): Page {
  const [epoch, offset, formerEpoch, formerOffset, entries] = reply;
  const top = { epoch: textOf(epoch), offset: numberOf(offset) };
  const former = { epoch: textOf(formerEpoch), offset: numberOf(formerOffset) };
  const list = listOf(entries);
  const publications = [];
  const times = [];
  for (let at = 0; at < list.length; at += 2) {
    const [place = '', atMs] = textOf(list[at]).split('-');
    const draft = draftOf(bytesOf(list[at + 1]));
    publications.push(placed(draft, Number(place), top.epoch));
    times.push(Number(atMs));
  }
  return { publications, times, top, former: former.epoch === '' ? null : former };
}
