/** The bounded queue of one connection's commands, in lanes that do not wait for each other. */
import type { Maybe } from './maybe.ts';

/** Items of one lane start in the order they came; at most `width` of them run at once. */
export interface Lane {
  readonly name: string;
  readonly width: number;
}

/** Waits for all that came before it; all that comes after waits for it. */
export const BARRIER: Lane = { name: '\0barrier', width: 1 };

/** Its items never wait, but for a barrier. */
export const URGENT: Lane = { name: '\0urgent', width: Infinity };

/** An item under way. What it waits for should end when `signal` aborts. */
export class Run {
  #controller: AbortController | null = null;
  #aborted = false;

  /** Made only for who asks for it. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.#aborted) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }
}

export interface MailboxOptions<T> {
  /** Items that may wait or run at once. */
  readonly messagesMax: number;
  /** Bytes that those may have together. */
  readonly bytesMax: number;
  /**
   * Carries out one item. It must neither throw nor reject: its owner is the one place that
   * catches. What it returns at once, without a promise, has cost no memory here.
   */
  readonly handle: (item: T, run: Run) => Maybe<void>;
}

interface Entry<T> {
  readonly item: T;
  readonly lane: Lane;
  readonly bytes: number;
}

interface Running<T> extends Entry<T> {
  readonly run: Run;
}

/** One lane in use: what runs on it and what waits for that. */
interface Traffic<T> {
  readonly running: Set<Running<T>>;
  waiting: Entry<T>[];
}

/** The run that the next item gets; kept for another if the item did not wait. */
let spare: Run | null = null;

/**
 * An item whose lane is idle is handled within `offer`. Only an item that waits, or whose handler
 * does, takes memory, and that is what the bounds are of.
 */
export class Mailbox<T> {
  readonly #options: MailboxOptions<T>;
  #messages = 0;
  #bytes = 0;
  #closed = false;
  /** The lanes in use. Made with the first item that waits. */
  #lanes: Map<string, Traffic<T>> | null = null;
  /** What waits for a barrier, in order, that barrier first unless it runs. */
  #held: Entry<T>[] | null = null;

  constructor(options: MailboxOptions<T>) {
    this.#options = options;
  }

  /** Items that wait or run. */
  get size(): number {
    return this.#messages;
  }

  /**
   * False when the bounds are reached: the item is not taken, and the owner decides what a flood
   * deserves. A closed mailbox takes everything and does nothing.
   */
  offer(item: T, lane: Lane, bytes: number): boolean {
    if (this.#closed) return true;
    if (this.#messages >= this.#options.messagesMax) return false;
    if (this.#bytes + bytes > this.#options.bytesMax) return false;
    if (this.#held !== null || (lane === BARRIER && this.#busy())) {
      this.#held ??= [];
      this.#held.push({ item, lane, bytes });
      this.#count(1, bytes);
      return true;
    }
    const traffic = this.#lanes?.get(lane.name);
    if (traffic !== undefined && traffic.running.size >= lane.width) {
      traffic.waiting.push({ item, lane, bytes });
      this.#count(1, bytes);
      return true;
    }
    this.#start(item, lane, bytes);
    return true;
  }

  /** Takes back the items that wait for `lane` and match, in order. They will not be handled. */
  withdraw(lane: Lane, matches: (item: T) => boolean): T[] {
    const withdrawn: T[] = [];
    const stays = (entry: Entry<T>): boolean => {
      if (entry.lane.name !== lane.name || !matches(entry.item)) return true;
      withdrawn.push(entry.item);
      this.#count(-1, -entry.bytes);
      return false;
    };
    const traffic = this.#lanes?.get(lane.name);
    if (traffic !== undefined) traffic.waiting = traffic.waiting.filter(stays);
    if (this.#held !== null) this.#held = this.#held.filter(stays);
    return withdrawn;
  }

  /** Aborts the items that run on `lane` and match. They still end by themselves. */
  abort(lane: Lane, matches: (item: T) => boolean): void {
    const traffic = this.#lanes?.get(lane.name);
    for (const running of traffic?.running ?? []) if (matches(running.item)) running.run.abort();
  }

  /** Drops what waits, aborts what runs, and takes nothing more. */
  close(): void {
    const lanes = this.#lanes;
    this.#closed = true;
    this.#lanes = null;
    this.#held = null;
    this.#messages = 0;
    this.#bytes = 0;
    for (const traffic of lanes?.values() ?? []) {
      for (const running of traffic.running) running.run.abort();
    }
  }

  /** Handles an item now. If that takes longer than the call, its lane is in use until it ends. */
  #start(item: T, lane: Lane, bytes: number): void {
    const run = spare ?? new Run();
    // What the handler does may offer another item, so the spare is away meanwhile.
    spare = null;
    const outcome = this.#options.handle(item, run);
    if (!(outcome instanceof Promise)) {
      spare = run;
      return;
    }
    if (this.#closed) {
      run.abort();
      return;
    }
    const running = { item, lane, bytes, run };
    this.#trafficOf(lane).running.add(running);
    this.#count(1, bytes);
    if (lane === BARRIER) this.#held ??= [];
    void outcome.then(() => this.#end(running));
  }

  #end(running: Running<T>): void {
    if (this.#closed) return;
    const { lane } = running;
    const traffic = this.#trafficOf(lane);
    traffic.running.delete(running);
    this.#count(-1, -running.bytes);
    while (traffic.running.size < lane.width) {
      const next = traffic.waiting.shift();
      if (next === undefined) break;
      this.#count(-1, -next.bytes);
      this.#start(next.item, lane, next.bytes);
    }
    if (traffic.running.size === 0) this.#lanes?.delete(lane.name);
    if (!this.#busy()) this.#release();
  }

  /** Offers again what a barrier held back. The next barrier among it holds back the rest. */
  #release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const entry of held) {
      if (this.#closed) return;
      this.#count(-1, -entry.bytes);
      this.offer(entry.item, entry.lane, entry.bytes);
    }
  }

  #busy(): boolean {
    return this.#lanes !== null && this.#lanes.size > 0;
  }

  #trafficOf(lane: Lane): Traffic<T> {
    this.#lanes ??= new Map();
    let traffic = this.#lanes.get(lane.name);
    if (traffic === undefined) {
      traffic = { running: new Set(), waiting: [] };
      this.#lanes.set(lane.name, traffic);
    }
    return traffic;
  }

  #count(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
  }
}
