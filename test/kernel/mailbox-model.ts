/** A mailbox beside a naive account of what it must do; every difference is a fault. */
import { setImmediate } from 'node:timers/promises';
import type { Lane, Run } from '../../src/kernel/mailbox.ts';
import { BARRIER, Mailbox } from '../../src/kernel/mailbox.ts';
import type { Maybe } from '../../src/kernel/maybe.ts';

/** What is done to a mailbox: by its owner, or by a handler from within itself. */
export type Act =
  | { readonly do: 'offer'; readonly plan: Plan }
  | { readonly do: 'withdraw'; readonly lane: Lane; readonly flag: boolean }
  | { readonly do: 'abort'; readonly lane: Lane; readonly flag: boolean }
  | { readonly do: 'close' };

/** What comes of an item once it is handled. */
export interface Plan {
  readonly lane: Lane;
  readonly bytes: number;
  /** What `withdraw` and `abort` match by. */
  readonly flag: boolean;
  /** Whether the handler returns a promise, which the test resolves when it likes. */
  readonly waits: boolean;
  /** Whether the handler asks for its signal. */
  readonly listens: boolean;
  /** Done when that aborts. */
  readonly aborted: readonly Act[];
  /** Done as soon as the handler is called. */
  readonly first: readonly Act[];
  /** Done when what the handler waited for is there. */
  readonly late: readonly Act[];
}

interface Job {
  readonly id: number;
  readonly plan: Plan;
  readonly done: PromiseWithResolvers<void>;
  state: 'waiting' | 'running' | 'ended' | 'withdrawn' | 'dropped';
  aborted: boolean;
  run: Run | null;
  signal: AbortSignal | null;
}

/** From so many items on, handlers do nothing more. */
const JOBS_MAX = 200;

export class Desk {
  readonly mailbox: Mailbox<Job>;
  /** What differs from the account. */
  readonly faults: string[] = [];
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  readonly #jobs: Job[] = [];
  #closed = false;
  /** Handlers that are being called, one within the other. */
  #depth = 0;

  constructor(messagesMax: number, bytesMax: number) {
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
    this.mailbox = new Mailbox(
      { handle: (job, run) => this.#handle(job, run) },
      { mailboxMessages: messagesMax, mailboxBytes: bytesMax },
    );
  }

  get closed(): boolean {
    return this.#closed;
  }

  get running(): readonly Job[] {
    return this.#jobs.filter(({ state, plan }) => state === 'running' && plan.waits);
  }

  /** Does it, and then compares. */
  async act(act: Act): Promise<void> {
    this.#act(act);
    await this.#settle();
  }

  /** Lets some of those that wait within their handlers go on, in this order. */
  async end(picks: readonly number[]): Promise<void> {
    for (const pick of picks) {
      const { running } = this;
      const job = running[pick % running.length];
      job?.done.resolve();
    }
    await this.#settle();
  }

  #act(act: Act): void {
    switch (act.do) {
      case 'offer':
        this.#offer(act.plan);
        return;
      case 'withdraw':
        this.#withdraw(act.lane, act.flag);
        return;
      case 'abort':
        for (const job of this.#jobs) {
          const { lane, flag } = job.plan;
          const isMeant = lane.name === act.lane.name && flag === act.flag;
          if (job.state === 'running' && isMeant) job.aborted = true;
        }
        this.mailbox.abort(act.lane, ({ plan }) => plan.flag === act.flag);
        return;
      case 'close':
        this.#close();
    }
  }

  /** Does what a handler does: the mailbox may be in the midst of something. */
  #actWithin(acts: readonly Act[]): void {
    this.#depth += 1;
    for (const act of acts) if (this.#jobs.length < JOBS_MAX) this.#act(act);
    this.#depth -= 1;
  }

  #offer(plan: Plan): void {
    const job: Job = {
      id: this.#jobs.length,
      plan,
      done: Promise.withResolvers(),
      state: 'waiting',
      aborted: false,
      run: null,
      signal: null,
    };
    if (this.#closed) {
      job.state = 'dropped';
      this.#check(this.mailbox.offer(job, plan.lane, plan.bytes), 'closed, it takes everything');
      return;
    }
    const open = this.#open();
    const bytes = open.reduce((sum, each) => sum + each.plan.bytes, 0);
    const fits = open.length < this.#messagesMax && bytes + plan.bytes <= this.#bytesMax;
    // What is offered from within a handler does not overtake what a barrier is letting go of.
    const overtakesNobody = this.#depth === 0 || open.every(({ state }) => state === 'running');
    if (fits) this.#jobs.push(job);
    const startsNow = fits && overtakesNobody && this.#mayStart(job);
    const taken = this.mailbox.offer(job, plan.lane, plan.bytes);
    this.#check(taken === fits, `${fits ? 'room' : 'no room'} for ${job.id}`);
    if (startsNow) this.#check(job.state !== 'waiting', `${job.id} starts at once`);
  }

  #withdraw(lane: Lane, flag: boolean): void {
    const expected = this.#jobs.filter(
      ({ state, plan }) =>
        state === 'waiting' && plan.lane.name === lane.name && plan.flag === flag,
    );
    for (const job of expected) job.state = 'withdrawn';
    const withdrawn = this.mailbox.withdraw(lane, ({ plan }) => plan.flag === flag);
    this.#check(
      withdrawn.map(({ id }) => id).join() === expected.map(({ id }) => id).join(),
      'withdraw gives back exactly what waits and matches, in order',
    );
  }

  #close(): void {
    this.#closed = true;
    for (const job of this.#jobs) {
      if (job.state === 'waiting') job.state = 'dropped';
      if (job.state === 'running') job.aborted = true;
    }
    this.mailbox.close();
    this.#check(this.mailbox.size === 0, 'closed, it is empty');
  }

  #handle(job: Job, run: Run): Maybe<void> {
    this.#check(!this.#closed, `${job.id} starts though it is closed`);
    this.#check(job.state === 'waiting', `${job.id} starts while ${job.state}`);
    this.#check(this.#mayStart(job), `${job.id} starts too early`);
    this.#check(!run.aborted, `${job.id} is aborted before it starts`);
    job.state = 'running';
    job.run = run;
    if (job.plan.listens) {
      job.signal = run.signal;
      job.signal.addEventListener('abort', () => this.#actWithin(job.plan.aborted));
    }
    this.#actWithin(job.plan.first);
    if (job.plan.waits) return this.#finished(job);
    this.#leave(job);
    return undefined;
  }

  /** For the account an item ends in the very moment in which the mailbox is told. */
  #finished(job: Job): Promise<void> {
    const promise = this.#finish(job);
    const then = promise.then.bind(promise);
    const told: typeof then = (fulfilled, rejected) =>
      then((value) => {
        this.#leave(job);
        return fulfilled?.(value) as never;
      }, rejected);
    // oxlint-disable-next-line unicorn/no-thenable -- it is a promise
    return Object.assign(promise, { then: told });
  }

  async #finish(job: Job): Promise<void> {
    await job.done.promise;
    this.#actWithin(job.plan.late);
  }

  #leave(job: Job): void {
    this.#checkAbort(job);
    job.state = 'ended';
  }

  /** All that is to be done in the account's eyes was done. */
  async #settle(): Promise<void> {
    await setImmediate();
    for (const job of this.#jobs) {
      this.#check(!this.#mayStart(job), `${job.id} waits for nothing`);
      if (job.state === 'running') this.#checkAbort(job);
    }
    const size = this.#closed ? 0 : this.#open().length;
    this.#check(this.mailbox.size === size, `size is ${this.mailbox.size}, not ${size}`);
  }

  #checkAbort({ id, aborted, run, signal }: Job): void {
    this.#check(run?.aborted === aborted, `${id} is ${aborted ? 'not ' : ''}aborted`);
    if (signal !== null) this.#check(signal.aborted === aborted, `the signal of ${id}`);
  }

  #open(): Job[] {
    return this.#jobs.filter(({ state }) => state === 'waiting' || state === 'running');
  }

  /** The whole law of the mailbox. */
  #mayStart(job: Job): boolean {
    if (job.state !== 'waiting') return false;
    const { lane } = job.plan;
    const before = this.#open().filter(({ id }) => id < job.id);
    if (lane === BARRIER) return before.length === 0;
    if (before.some(({ plan }) => plan.lane === BARRIER)) return false;
    const beside = before.filter(({ plan }) => plan.lane.name === lane.name);
    if (beside.some(({ state }) => state === 'waiting')) return false;
    const widths = [lane, ...beside.map(({ plan }) => plan.lane)].map(({ width }) => width);
    return beside.length === 0 || beside.length < Math.min(...widths);
  }

  #check(holds: boolean, what: string): void {
    if (!holds) this.faults.push(what);
  }
}
