/** The archive, joined to the broker: what is published through it is kept there, and read again. */
import type { ArchiveOptions } from './archive/archive.ts';
import { Archive } from './archive/archive.ts';
import { Ledger } from './archive/ledger.ts';
import { Pglite } from './archive/pglite.ts';
import { Postgres } from './archive/postgres.ts';
import type { Archived } from './archive/record.ts';
import type { Sql } from './archive/sql.ts';
import { ArchivedBroker } from './archived-broker.ts';
import type { Broker } from './broker/broker.ts';
import type { ChannelName } from './channel/name.ts';
import { channelNameOf } from './channel/name.ts';
import type { Page } from './channel/recovery.ts';
import type { Rules } from './channel/rules.ts';
import { historyOf } from './channel/rules.ts';
import type { ArchiveConfig } from './config/archive.ts';
import type { Config } from './config/config.ts';
import type { Clock } from './kernel/clock.ts';
import { Refusal } from './kernel/errors.ts';
import type { Part } from './kernel/part.ts';
import type { Sharing } from './sharing.ts';

export interface ArchivingContext extends Pick<
  ArchiveOptions,
  'clock' | 'random' | 'log' | 'throttled' | 'meters'
> {
  readonly config: Config;
  readonly rulesOf: (channel: ChannelName) => Rules | null;
  readonly fault: (where: string, error: unknown) => void;
}

export interface Archiving {
  /** The one to publish through. */
  readonly broker: Broker;
  /** Null where there is none. */
  readonly archive: Archive | null;
  /** In the order of their birth. */
  readonly parts: readonly Part[];
}

export function withArchive(sharing: Sharing, context: ArchivingContext): Archiving {
  const { broker } = sharing;
  const { config, clock, rulesOf } = context;
  const { archive: options, limits, namespaces } = config;
  if (options === null) return { broker, archive: null, parts: [] };
  const sql = open(options, clock);
  const waitMs = options.statementTimeoutMs;
  const archive = new Archive({ ...context, ...options, sql, waitMs, limits });
  const part = { name: 'archive', close: () => archive.close() };
  const isWritten = [...namespaces.values()].some((rules) => rules.archive);
  if (!isWritten) return { broker, archive, parts: [part] };
  const ledger = ledgerOf(sharing, archive, context);
  const past = { archive, clock, delayMs: options.delayMs };
  const historyMax = limits.historyPublications;
  return {
    broker: new ArchivedBroker({ broker, archive, ledger, past, historyMax, rulesOf }),
    archive,
    // What the archive writes at last is in the ledger no more.
    parts: ledger === null ? [part] : [{ name: 'ledger', close: () => ledger.close() }, part],
  };
}

function open(options: ArchiveConfig, clock: Clock): Sql {
  const isWithin = options.url.startsWith('pglite:');
  return isWithin ? new Pglite({ ...options, clock }) : new Postgres(options);
}

function ledgerOf(
  { redis, lease, broker }: Sharing,
  archive: Archive,
  context: ArchivingContext,
): Ledger | null {
  if (redis === null || lease === null) return null;
  return new Ledger({
    ...context,
    redis,
    lease,
    written: () => archive.written,
    channelsMax: context.config.limits.archiveBufferPublications,
    repair: (channel) => repair(channel, { broker, archive, ...context }),
    nameOf(text) {
      try {
        return channelNameOf(text, context.config.limits.channelNameLength);
      } catch (error) {
        if (error instanceof Refusal) return null;
        throw error;
      }
    },
  });
}

interface Repair extends Pick<ArchivingContext, 'clock' | 'rulesOf'> {
  readonly broker: Broker;
  readonly archive: Archive;
}

/** Publications that are read and archived in one step. */
const STEP = 100;

/** Archives all that the stream of a channel holds. @throws {Refusal} where one of the two is away. */
async function repair(
  channel: ChannelName,
  { broker, archive, clock, rulesOf }: Repair,
): Promise<void> {
  const rules = rulesOf(channel);
  const kept = rules === null ? null : historyOf(rules);
  if (rules?.archive !== true || kept === null) return;
  let offset = 0;
  for (;;) {
    const since = { offset, epoch: '' };
    const page = await broker.read(channel, { kind: 'since', since, limit: STEP }, kept);
    const last = page.publications.at(-1);
    if (last === undefined) return;
    await archive.restore(channel, archivedIn(page, clock.now()));
    ({ offset } = last);
  }
}

/** What the stream held when it was in its former life belongs to that. */
function archivedIn({ publications, times, top, former }: Page, nowMs: number): Archived[] {
  const border = former?.offset ?? 0;
  return publications.map((publication, index) => ({
    publication,
    epoch: publication.offset > border ? top.epoch : (former?.epoch ?? top.epoch),
    // Gateways of an earlier release did not tell the time.
    atMs: times?.[index] || nowMs,
  }));
}
