/** A broker whose publications are archived, and whose history goes on in the archive. */
import type { Archive } from './archive/archive.ts';
import type { Ledger } from './archive/ledger.ts';
import type {
  Broker,
  HistoryQuery,
  HistoryRules,
  Published,
  PublishOptions,
} from './broker/broker.ts';
import type { ChannelName } from './channel/name.ts';
import type { ClientInfo, Draft } from './channel/publication.ts';
import type { Page, Query } from './channel/recovery.ts';
import { continues, leadsTo } from './channel/recovery.ts';
import type { Rules } from './channel/rules.ts';
import { historyOf } from './channel/rules.ts';
import { Refusal } from './kernel/errors.ts';
import type { Maybe } from './kernel/maybe.ts';
import { chain } from './kernel/maybe.ts';
import type { Past } from './past.ts';
import { backward, forward } from './past.ts';

export interface ArchivedBrokerOptions {
  readonly broker: Broker;
  readonly archive: Archive;
  /** Null where no other gateway could take over. */
  readonly ledger: Ledger | null;
  readonly past: Past;
  /** Publications in one recovery. */
  readonly historyMax: number;
  readonly rulesOf: (channel: ChannelName) => Rules | null;
}

export class ArchivedBroker implements Broker {
  readonly #options: ArchivedBrokerOptions;
  readonly #broker: Broker;

  constructor(options: ArchivedBrokerOptions) {
    this.#options = options;
    this.#broker = options.broker;
  }

  listen(channel: ChannelName): Maybe<void> {
    return this.#broker.listen(channel);
  }

  unlisten(channel: ChannelName): void {
    this.#broker.unlisten(channel);
  }

  /** Whoever gives a publication its place archives it, so that it is done once for all gateways. */
  publish(channel: ChannelName, draft: Draft, options: PublishOptions): Maybe<Published> {
    if (!this.#isArchived(channel) || options.skipHistory === true) {
      return this.#broker.publish(channel, draft, options);
    }
    const entry = this.#options.archive.admit(channel, draft);
    // Only a stream can be read again.
    const ledger = options.history === null ? null : this.#options.ledger;
    ledger?.begin(channel);
    const settle = (published: Published): Published => {
      const line = isKept(published) ? entry.keep(published) : entry.drop();
      ledger?.end(channel, line);
      return published;
    };
    const fail = (error: unknown): never => {
      ledger?.end(channel, entry.drop());
      // What was sent may have been published, and only the answer was lost.
      if (error instanceof Refusal && error.entry.temporary) ledger?.doubt(channel);
      throw error;
    };
    try {
      const published = this.#broker.publish(channel, draft, options);
      return published instanceof Promise ? published.then(settle, fail) : settle(published);
    } catch (error) {
      return fail(error);
    }
  }

  notify(type: 'join' | 'leave', channel: ChannelName, info: ClientInfo): Maybe<void> {
    return this.#broker.notify(type, channel, info);
  }

  read(channel: ChannelName, query: Query, rules: HistoryRules): Maybe<Page> {
    const read = this.#broker.read(channel, query, rules);
    if (query.kind !== 'since' || !this.#isArchived(channel)) return read;
    const { since } = query;
    const most = Math.min(query.limit, this.#options.historyMax);
    return chain(read, (page) => {
      const isNear = page.top.offset - since.offset <= most && leadsTo(page, since);
      if (!isNear || continues(page, since)) return page;
      return this.#complete(channel, page, { since, limit: most, reverse: false });
    });
  }

  history(channel: ChannelName, query: HistoryQuery, rules: HistoryRules): Maybe<Page> {
    const read = this.#broker.history(channel, query, rules);
    if (query.limit === 0 || !this.#isArchived(channel)) return read;
    const { past } = this.#options;
    return chain(read, (page) =>
      query.reverse
        ? backward(past, { channel, page, ...query })
        : forward(past, { channel, page, ...query }),
    );
  }

  /** What is archived stays there, but is history no more. What comes meanwhile is. */
  async removeHistory(channel: ChannelName): Promise<void> {
    const rules = this.#options.rulesOf(channel);
    const kept = rules === null ? null : historyOf(rules);
    if (rules?.archive === true && kept !== null) {
      const { top } = await this.#broker.read(channel, { kind: 'top' }, kept);
      await this.#options.archive.remove(channel, top);
    }
    await this.#broker.removeHistory(channel);
  }

  close(): Promise<void> {
    return this.#broker.close();
  }

  /** Whoever comes back is not kept waiting by an archive that is away: it is told that it missed some. */
  async #complete(channel: ChannelName, page: Page, query: HistoryQuery): Promise<Page> {
    try {
      return await forward(this.#options.past, { channel, page, ...query });
    } catch (error) {
      if (error instanceof Refusal) return page;
      throw error;
    }
  }

  #isArchived(channel: ChannelName): boolean {
    return this.#options.rulesOf(channel)?.archive === true;
  }
}

/** Of what is repeated the first author may have died before it was archived. */
function isKept({ outcome, position }: Published): boolean {
  return outcome === 'published' || (outcome === 'repeated' && position.offset > 0);
}
