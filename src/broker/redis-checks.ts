/** Which channels are listened to, and whether the bus brought all of their streams. */
import type { ChannelName } from '../channel/name.ts';
import type { Position } from '../channel/recovery.ts';

export interface TopChecksOptions {
  /** Null where nothing is kept any more. */
  top(channel: ChannelName): Promise<Position | null>;
  check(channel: ChannelName, top: Position): void;
  fault(where: string, error: unknown): void;
}

/** A channel in which nothing was heard for so long is compared with its stream. */
const QUIET_MS = 30_000;
/** Reads that are under way at once: a pipeline that Redis answers within some milliseconds. */
const ROUND = 250;
const RETRY_MS = 250;

export class TopChecks {
  readonly #options: TopChecksOptions;
  /** When each channel with a history was last heard or compared. */
  readonly #tracked = new Map<ChannelName, number>();
  readonly #untracked = new Set<ChannelName>();
  /** Channels that are to be compared, in their order. */
  readonly #due = new Set<ChannelName>();
  readonly #timer: ReturnType<typeof setInterval>;
  #isRunning = false;
  #isClosed = false;

  constructor(options: TopChecksOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#quiet(), QUIET_MS / 4);
    this.#timer.unref();
  }

  add(channel: ChannelName, tracked: boolean): void {
    if (tracked) this.#tracked.set(channel, Date.now());
    else this.#untracked.add(channel);
  }

  remove(channel: ChannelName): void {
    this.#tracked.delete(channel);
    this.#untracked.delete(channel);
    this.#due.delete(channel);
  }

  heard(channel: ChannelName): void {
    if (this.#tracked.has(channel)) this.#tracked.set(channel, Date.now());
  }

  /** The bus lost an unknown part of what was said in some channels: compares them. */
  doubt(isLost: (channel: ChannelName) => boolean): { tracked: number; untracked: number } {
    const tracked = [...this.#tracked.keys()].filter(isLost);
    for (const channel of tracked) {
      // Once more, and at the end, where a comparison before may have been too early.
      this.#due.delete(channel);
      this.#due.add(channel);
    }
    this.#run();
    const untracked = [...this.#untracked].filter(isLost);
    return { tracked: tracked.length, untracked: untracked.length };
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
    this.#due.clear();
  }

  #quiet(): void {
    const before = Date.now() - QUIET_MS;
    for (const [channel, heardAtMs] of this.#tracked) {
      if (heardAtMs <= before) this.#due.add(channel);
    }
    this.#run();
  }

  #run(): void {
    if (this.#isRunning || this.#due.size === 0) return;
    this.#isRunning = true;
    this.#compareAll()
      .catch((error: unknown) => this.#options.fault('checks', error))
      .finally(() => {
        this.#isRunning = false;
      });
  }

  async #compareAll(): Promise<void> {
    while (this.#due.size > 0 && !this.#isClosed) {
      const round = [...this.#due].slice(0, ROUND);
      for (const channel of round) this.#due.delete(channel);
      const outcomes = await Promise.all(round.map((channel) => this.#compare(channel)));
      if (outcomes.includes(false)) {
        await new Promise<void>((resolve) => {
          setTimeout(resolve, RETRY_MS).unref();
        });
      }
    }
  }

  /** False when Redis did not answer; the channel is due again then. */
  async #compare(channel: ChannelName): Promise<boolean> {
    try {
      const top = await this.#options.top(channel);
      // Reads that were asked for before this one are told before it.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      if (top === null || !this.#tracked.has(channel)) return true;
      this.#tracked.set(channel, Date.now());
      this.#options.check(channel, top);
      return true;
    } catch {
      if (this.#tracked.has(channel)) this.#due.add(channel);
      return false;
    }
  }
}
