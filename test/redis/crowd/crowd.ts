/** A crowd of clients, and what is known of it as a whole. */
import type { Company, Counted } from './follower.ts';
import { Follower } from './follower.ts';

export interface CrowdOptions {
  readonly url: string;
  readonly size: number;
  readonly channels: readonly string[];
  /** Of the channels each client is in so many, one after the other. */
  readonly channelsEach: number;
}

/** What a test is told. */
export interface CrowdState {
  /** Clients that are in all of their channels. */
  readonly there: number;
  /** How often one was told that something may be missing. */
  readonly told: number;
  readonly faults: readonly string[];
  /** By code, how often. */
  readonly closes: Readonly<Record<string, number>>;
  readonly errors: Readonly<Record<string, number>>;
  /** By status, how often an upgrade was refused. */
  readonly refusals: Readonly<Record<string, number>>;
  readonly unsubscribes: Readonly<Record<string, number>>;
  /** By channel, how far the last of its clients is. */
  readonly least: Readonly<Record<string, number>>;
  /** When clients were cut off, and when they were there again, by the clock. */
  readonly cutsMs: readonly number[];
  readonly arrivalsMs: readonly number[];
}

/** One process has so many ports for each of its addresses. */
const ADDRESSES = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
/** Who comes in one go. */
const STEP = 50;
const FAULTS_MAX = 10;

export class Crowd implements Company {
  readonly url: string;
  readonly #options: CrowdOptions;
  readonly #followers: Follower[] = [];
  readonly #faults: string[] = [];
  #counts = noCounts();
  #told = 0;
  /** What was published where, as the first saw it. */
  readonly #book = new Map<string, string>();
  #there = 0;
  #cutsMs: number[] = [];
  #arrivalsMs: number[] = [];

  constructor(options: CrowdOptions) {
    this.url = options.url;
    this.#options = options;
  }

  /** They come one after the other; done when the last was sent on its way. */
  async begin(): Promise<void> {
    const { size, channels, channelsEach } = this.#options;
    for (let at = 0; at < size; at += 1) {
      const own = Array.from(
        { length: channelsEach },
        (_, more) => channels[(at + more) % channels.length]!,
      );
      const follower = new Follower(this, own, ADDRESSES[at % ADDRESSES.length]!);
      this.#followers.push(follower);
      follower.connect();
      if (at % STEP === STEP - 1) await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  end(): void {
    for (const follower of this.#followers) follower.end();
  }

  state(): CrowdState {
    const least: Record<string, number> = {};
    for (const channel of this.#options.channels) {
      const offsets = this.#followers.flatMap((follower) => follower.offsetIn(channel) ?? []);
      least[channel] = Math.min(...offsets);
    }
    return {
      there: this.#there,
      told: this.#told,
      faults: this.#faults,
      ...this.#counts,
      least,
      cutsMs: this.#cutsMs,
      arrivalsMs: this.#arrivalsMs,
    };
  }

  /** What was counted so far is of no interest. */
  forget(): void {
    this.#counts = noCounts();
    this.#cutsMs = [];
    this.#arrivalsMs = [];
    this.#told = 0;
  }

  blame(fault: string): void {
    if (this.#faults.length < FAULTS_MAX) this.#faults.push(fault);
  }

  count(what: Counted, code: number): void {
    this.#counts[what][code] = (this.#counts[what][code] ?? 0) + 1;
    if (what === 'closes') this.#cutsMs.push(Date.now());
  }

  told(): void {
    this.#told += 1;
  }

  arrived(): void {
    this.#there += 1;
    this.#arrivalsMs.push(Date.now());
  }

  left(): void {
    this.#there -= 1;
  }

  /** All see the same at the same place. */
  compare(place: string, said: string): void {
    const before = this.#book.get(place);
    if (before === undefined) this.#book.set(place, said);
    else if (before !== said) this.blame(`${place}: ${said} and ${before}`);
  }
}

function noCounts(): Record<Counted, Record<string, number>> {
  return { closes: {}, errors: {}, refusals: {}, unsubscribes: {} };
}
