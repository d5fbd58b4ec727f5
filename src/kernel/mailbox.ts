/** The bounded queue of one connection's commands, in lanes that do not wait for each other. */
import type { Maybe } from './maybe.ts';

/**
 * Items of one lane start in the order they came. One starts when fewer run there than it is wide,
 * and than each of those is: an item of width 1 runs alone, wider ones run side by side. Lanes are
 * told apart by name; names that begin with a NUL are ours.
 */
export interface Lane {
  readonly name: string;
  readonly width: number;
}

/** Waits for all that came before it; all that comes after waits for it. */
export const BARRIER: Lane = { name: '\0barrier', width: 1 };

/** Its items never wait, but for a barrier. */
export const URGENT: Lane = { name: '\0urgent', width: Infinity };

/** An item under way. What it waits for should end when `signal` aborts. Only good until it ends. */
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

  /** Nobody holds its signal, and it was not aborted. */
  get unused(): boolean {
    return this.#controller === null && !this.#aborted;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort();
  }

  /** Whether `error` is how something ends that gave up because the signal told it to. */
  explains(error: unknown): boolean {
    return this.#aborted && error instanceof Error && error.name === 'AbortError';
  }
}

/** Part of the limits of a gateway, which all its mailboxes share. */
export interface MailboxBounds {
  /** Items that may wait or run at once. */
  readonly mailboxMessages: number;
  /** Bytes that those may have together. */
  readonly mailboxBytes: number;
}

export interface MailboxOwner<T> {
  /**
   * Carries out one item. It must neither throw nor reject: its owner is the one place that
   * catches. What it returns at once, without a promise, leaves nothing behind here. It may call
   * the mailbox: until it returns, or its promise resolves, its own item counts as running.
   */
  handle(item: T, run: Run): Maybe<void>;
  /** What outlived its `offer` has ended, and nothing else waits or runs. */
  rested?(): void;
}

interface Entry<T> {
  readonly item: T;
  readonly lane: Lane;
  readonly bytes: number;
  /** Null while it waits. */
  run: Run | null;
}

/** One lane in use: what runs on it and what waits for that. */
interface Traffic<T> {
  readonly running: Set<Entry<T>>;
  /** The smallest of those that ran together. */
  width: number;
  waiting: Entry<T>[];
}

/** The run that the next item gets; kept for another if the item did not wait. */
let spare: Run | null = null;

/**
 * An item whose lane is idle is handled within `offer`. The bounds are of all that was taken and
 * has not ended.
 *
 *     offer -> [held] -> [waiting in its lane] -> running -> ended
 *
 * An item is held while a barrier runs, or while another is held before it.
 */
export class Mailbox<T> {
  readonly #owner: MailboxOwner<T>;
  readonly #bounds: MailboxBounds;
  #messages = 0;
  #bytes = 0;
  #closed = false;
  /**
   * The item whose handler is being called, unless it is in its lane by now. It gets there only
   * when it has to: when the handler returns a promise, or calls the mailbox.
   */
  #starting: Entry<T> | null = null;
  /** The lanes in use; null when there are none, for most connections are idle. */
  #lanes: Map<string, Traffic<T>> | null = null;
  /** What waits for a barrier, in order: the first is that barrier, unless it runs. */
  #held: Entry<T>[] | null = null;

  constructor(owner: MailboxOwner<T>, bounds: MailboxBounds) {
    this.#owner = owner;
    this.#bounds = bounds;
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
    if (this.#messages >= this.#bounds.mailboxMessages) return false;
    if (this.#bytes + bytes > this.#bounds.mailboxBytes) return false;
    this.#settleIn();
    this.#count(1, bytes);
    const entry = { item, lane, bytes, run: null };
    if (this.#held !== null || this.#isBarred(lane)) {
      this.#held ??= [];
      this.#held.push(entry);
    } else {
      this.#admit(entry);
      this.#release();
    }
    return true;
  }

  /**
   * Takes back the items that wait for `lane` and match, in order. They will not be handled. What
   * only waited for one that is taken back is started.
   */
  withdraw(lane: Lane, matches: (item: T) => boolean): T[] {
    const withdrawn = this.recall(lane, matches);
    if (this.#held !== null) this.#held = this.#without(this.#held, { lane, matches }, withdrawn);
    this.#advance(lane);
    this.#release();
    return withdrawn;
  }

  /**
   * The same for an item that is being handled: what is held came after it, and is left alone; what
   * waits in the lane is started when something there ends.
   */
  recall(lane: Lane, matches: (item: T) => boolean): T[] {
    this.#settleIn();
    const recalled: T[] = [];
    const traffic = this.#lanes?.get(lane.name);
    if (traffic !== undefined) {
      traffic.waiting = this.#without(traffic.waiting, { lane, matches }, recalled);
    }
    return recalled;
  }

  /** Aborts the items that run on `lane` and match. They still end by themselves. */
  abort(lane: Lane, matches: (item: T) => boolean): void {
    this.#settleIn();
    // Who listens to a signal may offer more, which is not meant.
    const running = [...(this.#lanes?.get(lane.name)?.running ?? [])];
    for (const entry of running) if (matches(entry.item)) entry.run?.abort();
  }

  /** Drops what waits, aborts what runs, and takes nothing more. */
  close(): void {
    this.#settleIn();
    const lanes = [...(this.#lanes?.values() ?? [])];
    this.#closed = true;
    this.#lanes = null;
    this.#held = null;
    this.#messages = 0;
    this.#bytes = 0;
    // Whoever calls from within a handler returns to a loop over what waits.
    for (const traffic of lanes) traffic.waiting = [];
    for (const traffic of lanes) for (const entry of traffic.running) entry.run?.abort();
  }

  /** Starts an item, or lets it wait in its lane. */
  #admit(entry: Entry<T>): void {
    const traffic = this.#lanes?.get(entry.lane.name);
    if (traffic !== undefined && (traffic.waiting.length > 0 || !fits(entry.lane, traffic))) {
      traffic.waiting.push(entry);
      return;
    }
    this.#start(entry);
    this.#advance(entry.lane);
  }

  /** Handles an item now. If that takes longer than the call, its lane is in use until it ends. */
  #start(entry: Entry<T>): void {
    const run = spare ?? new Run();
    // What the handler does may offer another item, so the spare is away meanwhile.
    spare = null;
    entry.run = run;
    this.#starting = entry;
    const outcome = this.#owner.handle(entry.item, run);
    if (outcome instanceof Promise) {
      this.#settleIn();
      void outcome.then(() => this.#end(entry));
      return;
    }
    if (run.unused) spare = run;
    this.#leave(entry);
  }

  /** Puts the item whose handler is being called into its lane, where others see that it runs. */
  #settleIn(): void {
    const entry = this.#starting;
    if (entry === null) return;
    this.#starting = null;
    this.#lanes ??= new Map();
    const traffic = this.#lanes.get(entry.lane.name);
    const { name, width } = entry.lane;
    if (traffic === undefined) {
      this.#lanes.set(name, { running: new Set([entry]), width, waiting: [] });
    } else {
      traffic.width = traffic.running.size === 0 ? width : Math.min(traffic.width, width);
      traffic.running.add(entry);
    }
  }

  /** The entries that do not match; the items of the others are added to `taken`. */
  #without(
    entries: readonly Entry<T>[],
    { lane, matches }: { readonly lane: Lane; readonly matches: (item: T) => boolean },
    taken: T[],
  ): Entry<T>[] {
    return entries.filter((entry) => {
      if (entry.lane.name !== lane.name || !matches(entry.item)) return true;
      taken.push(entry.item);
      this.#count(-1, -entry.bytes);
      return false;
    });
  }

  #end(entry: Entry<T>): void {
    this.#leave(entry);
    this.#advance(entry.lane);
    this.#release();
    if (this.#messages === 0 && !this.#closed) this.#owner.rested?.();
  }

  #leave(entry: Entry<T>): void {
    if (this.#closed) return;
    if (this.#starting === entry) this.#starting = null;
    else this.#lanes?.get(entry.lane.name)?.running.delete(entry);
    this.#count(-1, -entry.bytes);
  }

  /** Starts what waits in a lane and fits beside what runs there, and forgets a lane that is idle. */
  #advance(lane: Lane): void {
    const traffic = this.#lanes?.get(lane.name);
    if (traffic === undefined) return;
    for (let [next] = traffic.waiting; next !== undefined; [next] = traffic.waiting) {
      if (!fits(next.lane, traffic)) break;
      traffic.waiting.shift();
      this.#start(next);
    }
    if (traffic.running.size > 0) return;
    this.#lanes?.delete(lane.name);
    if (this.#lanes?.size === 0) this.#lanes = null;
  }

  /** Lets in what is held, up to the next barrier that has to wait. */
  #release(): void {
    while (this.#held !== null && !this.#isBarred(this.#held[0]?.lane)) {
      const next = this.#held.shift();
      if (this.#held.length === 0) this.#held = null;
      if (next !== undefined) this.#admit(next);
    }
  }

  /** Whether an item of `lane` has to wait for a barrier to end, or as a barrier for the others. */
  #isBarred(lane: Lane | undefined): boolean {
    return this.#lanes !== null && (lane === BARRIER || this.#lanes.has(BARRIER.name));
  }

  #count(messages: number, bytes: number): void {
    this.#messages += messages;
    this.#bytes += bytes;
  }
}

function fits<T>({ width }: Lane, traffic: Traffic<T>): boolean {
  const { size } = traffic.running;
  return size === 0 || size < Math.min(width, traffic.width);
}
