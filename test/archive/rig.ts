/** Archives over a database that outlives them. */
import { onTestFinished, vi } from 'vitest';
import { Archive } from '../../src/archive/archive.ts';
import type { ArchiveOptions } from '../../src/archive/archive.ts';
import type { PageQuery } from '../../src/archive/reader.ts';
import type { Archived } from '../../src/archive/record.ts';
import type { Sql } from '../../src/archive/sql.ts';
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import type { Draft } from '../../src/channel/publication.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Json } from '../../src/kernel/data.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { Limits } from '../../src/kernel/limits.ts';
import { ThrottledLog } from '../../src/kernel/log.ts';
import { Meters } from '../../src/kernel/meters.ts';
import { KeptLog } from '../support/log.ts';

export const SOON = { timeout: 10_000, interval: 5 };

export interface Rig {
  readonly archive: Archive;
  readonly meters: Meters;
  readonly log: KeptLog;
}

export interface RigOptions extends Partial<Omit<ArchiveOptions, 'limits' | 'sql' | 'log'>> {
  readonly limits?: Partial<Limits>;
}

/** It writes at once what it is given, unless it is told to wait. */
export function rigOf(sql: Sql, { limits: set = {}, ...options }: RigOptions = {}): Rig {
  const log = new KeptLog();
  const meters = new Meters();
  const archive = new Archive({
    // The next test goes on with it.
    sql: { ...open(sql), close: () => Promise.resolve() },
    retentionMs: null,
    delayMs: 1,
    waitMs: 1000,
    limits: limits(set),
    clock: systemClock,
    random: () => 0.5,
    log,
    throttled: new ThrottledLog(log, () => Date.now()),
    meters,
    ...options,
  });
  onTestFinished(() => archive.close());
  return { archive, meters, log };
}

/** One that reads and writes. */
export async function openRig(sql: Sql, options: RigOptions = {}): Promise<Rig> {
  const rig = rigOf(sql, options);
  await vi.waitFor(() => {
    if (!rig.archive.isUp) throw new Error('the archive is not open');
  }, SOON);
  return rig;
}

/** The same in an object whose methods can be replaced. */
export function open(sql: Sql): Sql {
  return {
    name: sql.name,
    width: sql.width,
    maintain: sql.maintain,
    ask: sql.ask,
    transaction: (work) => sql.transaction(work),
    close: () => sql.close(),
  };
}

let channels = 0;

/** One that no other test uses. */
export function newChannel(): ChannelName {
  channels += 1;
  return channelNameOf(`room:${channels}`, 255);
}

export function draft(data: unknown, set: Partial<Draft> = {}): Draft {
  const bare = { data: Json.of(data), info: null, tags: null, event: null, wantsDelta: false };
  return { ...bare, ...set };
}

/** Keeps publications, each a millisecond after the one before, as a broker would have placed them. */
export function keep(
  { archive }: Pick<Rig, 'archive'>,
  channel: ChannelName,
  {
    from = 1,
    to,
    epoch = 'e',
    atMs = 1000,
  }: { from?: number; to: number; epoch?: string; atMs?: number },
): void {
  for (let offset = from; offset <= to; offset += 1) {
    const entry = archive.admit(channel, draft(offset));
    const position = epoch === '' ? { offset: 0, epoch } : { offset, epoch };
    entry.keep({ position, atMs: atMs + offset });
  }
}

export function queryOf(channel: ChannelName, query: Partial<PageQuery> = {}): PageQuery {
  return { channel, reverse: false, limit: 100, after: null, ...query };
}

/** What was said in each. */
export function dataOf(publications: readonly Archived[]): unknown[] {
  return publications.map(({ publication: { data } }) =>
    data instanceof Json ? data.value() : data,
  );
}

export async function readAll(
  { archive }: Pick<Rig, 'archive'>,
  channel: ChannelName,
  query: Partial<PageQuery> = {},
): Promise<Archived[]> {
  const all: Archived[] = [];
  let after: PageQuery['after'] = null;
  do {
    const page = await archive.page(queryOf(channel, { ...query, after }));
    all.push(...page.publications);
    after = page.next;
  } while (after !== null);
  return all;
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}
