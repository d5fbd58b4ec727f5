/** What all gateways share: the streams, and what is known of a run as a whole. */
import type { ChannelName } from '../../../src/channel/name.ts';
import type { Publication } from '../../../src/channel/publication.ts';
import { placed } from '../../../src/channel/publication.ts';
import type { Page, Position, Query } from '../../../src/channel/recovery.ts';
import { Json } from '../../../src/kernel/data.ts';
import type { Plan } from './plan.ts';

/** Something was lost, doubled, out of order, or left behind. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

export function violated(what: string): never {
  throw new Violation(what);
}

/** What the backend answers when it cannot. */
export class Outage extends Error {}

/** What the bus carries. */
export interface Letter {
  readonly publication: Publication;
  readonly epoch: string;
}

/** One channel at the backend. */
export class Stream {
  life = 1;
  /** It lacks the newest of its life, and the next publication begins another. */
  wentBack = false;
  /** By a life the one it goes on from, and how far. */
  readonly formers = new Map<string, Position>();
  /** By a life the gateways that listened when it ended. */
  readonly witnesses = new Map<string, ReadonlySet<string>>();
  top = 0;
  kept: Publication[] = [];
  /** Every publication there ever was, by epoch and offset. */
  readonly all = new Map<string, string[]>();

  get epoch(): string {
    return `e${this.life}`;
  }

  textOf(epoch: string, offset: number): string | undefined {
    return this.all.get(epoch)?.[offset - 1];
  }
}

/** Where a reader is. */
export interface Place {
  readonly channel: ChannelName;
  readonly offset: number;
  readonly epoch: string;
}

export class Backend {
  readonly plan: Plan;
  readonly #streams: ReadonlyMap<ChannelName, Stream>;
  /** How often it did not answer, and how much was published that no history has. */
  outages = 0;
  past = 0;
  /** How often a stream went back within a life. */
  returns = 0;
  /** What a bus that goes on as if nothing had been does not tell of. */
  losses = 0;
  #published = 0;
  #blamed: Error | null = null;
  /** The gateways that listen. */
  listenersOf: (channel: ChannelName) => ReadonlySet<string> = () => new Set();
  /** Of what happened, when it is asked for. */
  readonly trace: string[] | null;

  constructor(plan: Plan, traced: boolean) {
    this.plan = plan;
    this.#streams = new Map(plan.channels.map((name) => [name, new Stream()]));
    this.trace = traced ? [] : null;
  }

  note(line: () => string): void {
    this.trace?.push(line());
  }

  /** For what is found out where nothing may be thrown. */
  blame(fault: unknown): void {
    this.#blamed ??= fault instanceof Error ? fault : new Violation(String(fault));
  }

  throwBlamed(): void {
    if (this.#blamed !== null) throw this.#blamed;
  }

  streamOf(channel: ChannelName): Stream {
    return this.#streams.get(channel) ?? violated('no such stream');
  }

  /** Mostly small and alike, sometimes large; by `variety`. */
  publish(channel: ChannelName, variety: number): Letter {
    const stream = this.streamOf(channel);
    if (stream.wentBack) this.failOver(channel, 0);
    stream.top += 1;
    this.#published += 1;
    const filler =
      variety % 7 === 0 ? 'x'.repeat(300 + (variety % 700)) : 'the same again and again';
    const data = Json.of(`${filler} ${this.#published}`);
    const draft = { data, info: null, tags: null, event: null, wantsDelta: variety % 5 !== 0 };
    const publication = placed(draft, stream.top, stream.epoch);
    const texts = stream.all.get(stream.epoch) ?? [];
    texts.push(data.text);
    stream.all.set(stream.epoch, texts);
    stream.kept.push(publication);
    if (stream.kept.length > this.plan.historySize) stream.kept.shift();
    return { publication, epoch: stream.epoch };
  }

  publishPast(): Letter {
    this.past += 1;
    const data = Json.of('past the history');
    const draft = { data, info: null, tags: null, event: null, wantsDelta: false };
    return { publication: placed(draft, 0, ''), epoch: '' };
  }

  /** The stream is lost, and begins again in another life. */
  reset(channel: ChannelName): void {
    const stream = this.streamOf(channel);
    this.losses += 1;
    stream.life += 1;
    stream.wentBack = false;
    stream.top = 0;
    stream.kept = [];
  }

  /** Another server goes on in another life of the stream, and knows all but the last `lost`. */
  failOver(channel: ChannelName, lost: number): void {
    const stream = this.streamOf(channel);
    const { epoch } = stream;
    this.#truncate(stream, lost);
    stream.witnesses.set(epoch, this.listenersOf(channel));
    stream.life += 1;
    stream.wentBack = false;
    stream.formers.set(stream.epoch, { offset: stream.top, epoch });
    stream.all.set(stream.epoch, (stream.all.get(epoch) ?? []).slice(0, stream.top));
  }

  /** A server that was demoted shows what the other one knows, which begins no life by itself. */
  goBack(channel: ChannelName, lost: number): void {
    const stream = this.streamOf(channel);
    this.#truncate(stream, lost);
    this.returns += 1;
    stream.wentBack = true;
  }

  pageOf(channel: ChannelName, query: Query): Page {
    const stream = this.streamOf(channel);
    const { top, epoch } = stream;
    const former = stream.formers.get(epoch) ?? null;
    // As a history is read, in the life it is read in.
    const kept = stream.kept.map((publication) => placed(publication, publication.offset, epoch));
    const page = { top: { offset: top, epoch }, former };
    if (query.kind === 'top') return { ...page, publications: [] };
    if (query.kind === 'latest') return { ...page, publications: kept.slice(-1) };
    const after = kept.filter(({ offset }) => offset > query.since.offset);
    return { ...page, publications: after.slice(0, query.limit) };
  }

  /** Whether a reader there misses nothing that is before that offset in another life. */
  leadsTo({ channel, offset, epoch }: Place, life: string): boolean {
    const { formers } = this.streamOf(channel);
    for (let at = life; at !== epoch;) {
      const former = formers.get(at);
      if (former === undefined || offset > former.offset) return false;
      at = former.epoch;
    }
    return true;
  }

  /** Whether the history has had all the while what is after the place. */
  isKept(place: Place): boolean {
    const stream = this.streamOf(place.channel);
    const first = stream.kept[0]?.offset ?? stream.top + 1;
    return first <= place.offset + 1 && this.#isOfThisLife(place, stream);
  }

  #truncate(stream: Stream, lost: number): void {
    this.losses += 1;
    stream.top = Math.max(0, stream.top - lost);
    stream.kept = stream.kept.filter(({ offset }) => offset <= stream.top);
  }

  /** Also of the life before, where nobody can have been beyond what this one goes on from. */
  #isOfThisLife({ epoch }: Place, stream: Stream): boolean {
    if (stream.wentBack) return false;
    if (epoch === stream.epoch) return true;
    const former = stream.formers.get(stream.epoch);
    return former?.epoch === epoch && former.offset === (stream.all.get(epoch)?.length ?? 0);
  }
}
