/** Messages on their way from publishers to a crowd, and the time between. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from './client.ts';
import type { Crowd } from './crowd.ts';
import { nowUs } from './now.ts';
import type { Flowed, FlowOrder, Pace } from './orders.ts';
import type { Stamp } from './stamp.ts';
import { stamper } from './stamp.ts';
import type { Tally } from './tally.ts';
import { Usage } from './usage.ts';

/** How long what was published last may take to reach everyone, before it counts as lost. */
const DRAIN_MS = 15_000;
/** Part of the window that is refilled at once: a publisher that wakes for each message is slow. */
const REFILL = 16;

export class Flow {
  readonly #pace: Pace;
  readonly #crowd: Crowd;
  readonly #publishers: readonly Client[];
  readonly #stamp: (stamp: Stamp) => string;
  #turn = 0;
  #stopped = false;

  constructor(
    { pace, payloadBytes }: Pick<FlowOrder, 'pace' | 'payloadBytes'>,
    crowd: Crowd,
    publishers: readonly Client[],
  ) {
    this.#pace = pace;
    this.#crowd = crowd;
    this.#publishers = publishers;
    this.#stamp = stamper(payloadBytes);
    crowd.tally.messageBytes = payloadBytes;
  }

  begin(): void {
    const { tally } = this.#crowd;
    if (this.#pace.kind === 'rate') {
      void this.#keepRate(this.#pace.perSecond);
      return;
    }
    const window = this.#pace.messages;
    tally.wake = () => this.#pump(window);
    for (const { mouth } of this.#publishers) {
      if (mouth !== null) mouth.answered = () => this.#pump(window);
    }
    this.#pump(window);
  }

  async measure({ warmupSeconds, seconds, pids }: FlowOrder): Promise<Flowed> {
    const { tally } = this.#crowd;
    this.begin();
    await sleep(warmupSeconds * 1000);
    tally.latency.clear();
    tally.measuring = true;
    const usage = new Usage(pids);
    const before = this.#counts();
    await sleep(seconds * 1000);
    const used = usage.pause();
    const after = this.#counts();
    tally.measuring = false;
    await this.end();
    return {
      ...used,
      published: after.published - before.published,
      deliveries: after.deliveries - before.deliveries,
      frames: after.frames - before.frames,
      bytes: after.bytes - before.bytes,
      latency: tally.latency.sparse(),
      ...this.outcome(),
    };
  }

  /** Publishes no more, and waits until all has come. */
  async end(): Promise<void> {
    this.#stopped = true;
    const until = performance.now() + DRAIN_MS;
    const { tally, audience } = this.#crowd;
    const missing = (): boolean =>
      tally.acked < tally.sent || tally.deliveries < tally.sent * audience;
    while (missing() && performance.now() < until && tally.broken === 0) await sleep(20);
  }

  /** To be asked at the end. */
  outcome(): Pick<Flowed, 'lost' | 'disordered' | 'problem'> {
    const { tally, audience } = this.#crowd;
    return {
      // What never came at the end leaves no gap behind it, so it is counted from the other side.
      lost: Math.max(0, tally.sent * audience - tally.deliveries),
      disordered: tally.disordered,
      problem: problemOf(tally),
    };
  }

  /**
   * Publishes what the window has room for. What is under way is what was not answered yet or not
   * delivered to everyone, so that neither the system nor the kernel hides a growing queue.
   */
  #pump(window: number): void {
    if (this.#stopped) return;
    const { tally, audience } = this.#crowd;
    const everywhere = Math.floor(tally.deliveries / audience);
    const room = window - (tally.sent - Math.min(tally.acked, everywhere));
    const enough = Math.max(1, Math.floor(window / REFILL));
    if (room >= enough) this.#publish(room, nowUs());
    const wakeAtMessage = tally.sent - window + enough;
    // When only the answers are late, they wake us.
    if (wakeAtMessage > everywhere) tally.wakeAt = wakeAtMessage * audience;
  }

  /** Late or not, a message has the time at which it was due: who waits for us waits, too. */
  async #keepRate(perSecond: number): Promise<void> {
    const began = nowUs();
    for (let next = 0; !this.#stopped;) {
      const due = Math.floor(((nowUs() - began) / 1e6) * perSecond);
      for (; next <= due; next += 1) this.#publish(1, began + (next / perSecond) * 1e6);
      const waitMs = (began + (next / perSecond) * 1e6 - nowUs()) / 1000;
      // A timer has whole milliseconds, and is late rather than early.
      await sleep(Math.max(0, Math.floor(waitMs)));
    }
  }

  /** In turn by the publishers there are, each its part in one write. */
  #publish(count: number, timeUs: number): void {
    const publishers = this.#publishers;
    const share = Math.ceil(count / publishers.length);
    for (let left = count; left > 0; left -= share) {
      const { mouth, socket } = publishers[this.#turn % publishers.length] ?? {};
      this.#turn += 1;
      if (socket === undefined) return;
      mouth?.publish(socket, { count: Math.min(share, left), timeUs, stamp: this.#stamp });
    }
  }

  #counts(): { published: number; deliveries: number; frames: number; bytes: number } {
    const { sent, deliveries, frames, bytes } = this.#crowd.tally;
    return { published: sent, deliveries, frames, bytes };
  }
}

/** What went wrong; '' when nothing did. */
export function problemOf({ sent, acked, refusal, broken, why }: Tally): string {
  if (refusal !== '') return `refused: ${refusal}`;
  if (broken > 0) return `${broken} connections broke: ${why}`;
  return acked < sent ? `${sent - acked} messages were not answered` : '';
}
