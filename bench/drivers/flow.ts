/** One publisher, many subscribers, and the time between. */
import { setTimeout as sleep } from 'node:timers/promises';
import { busySeconds, cpuSecondsOf } from '../harness/usage.ts';
import type { Flowed, FlowOrder } from './orders.ts';
import type { Publisher } from './publisher.ts';
import type { Subscriber } from './subscriber.ts';
import type { Tally } from './tally.ts';

export interface Cast {
  readonly publisher: Publisher;
  readonly subscribers: readonly Subscriber[];
  readonly tally: Tally;
}

/** How long what was published last may take to reach everyone, before it counts as lost. */
const DRAIN_MS = 15_000;
/** Part of the window that is refilled at once: a publisher that wakes for each message is slow. */
const REFILL = 16;

/** What is counted, at one moment. */
interface Reading {
  readonly at: number;
  readonly published: number;
  readonly deliveries: number;
  readonly frames: number;
  readonly bytes: number;
  readonly systemCpu: number;
  readonly driverCpu: number;
  readonly busy: number;
}

export class Flow {
  readonly #order: FlowOrder;
  readonly #cast: Cast;
  readonly #window: number;
  #stopped = false;

  constructor(order: FlowOrder, cast: Cast) {
    this.#order = order;
    this.#cast = cast;
    this.#window = order.pace === 'one' ? 1 : order.window;
  }

  async run(): Promise<Flowed> {
    const { publisher, tally } = this.#cast;
    const { warmupSeconds, seconds } = this.#order;
    tally.messageBytes = this.#order.payloadBytes;
    tally.wake = () => this.#pump();
    publisher.answered = () => this.#pump();
    this.#pump();
    await sleep(warmupSeconds * 1000);
    tally.latency.clear();
    tally.measuring = true;
    const before = this.#read();
    await sleep(seconds * 1000);
    const after = this.#read();
    tally.measuring = false;
    this.#stopped = true;
    await this.#drained();
    return this.#result(before, after);
  }

  /**
   * Publishes what the window has room for. What is under way is what was not answered yet or not
   * delivered to everyone, so that neither the system nor the kernel hides a growing queue.
   */
  #pump(): void {
    if (this.#stopped) return;
    const { publisher, subscribers, tally } = this.#cast;
    const everywhere = Math.floor(tally.deliveries / subscribers.length);
    const room = this.#window - (publisher.sent - Math.min(publisher.acked, everywhere));
    const enough = Math.max(1, Math.floor(this.#window / REFILL));
    if (room >= enough) publisher.publish(room);
    const wakeAtMessage = publisher.sent - this.#window + enough;
    // When only the answers are late, they wake us.
    if (wakeAtMessage > everywhere) tally.wakeAt = wakeAtMessage * subscribers.length;
  }

  #read(): Reading {
    const { publisher, tally } = this.#cast;
    const { user, system } = process.cpuUsage();
    return {
      at: performance.now(),
      published: publisher.sent,
      deliveries: tally.deliveries,
      frames: tally.frames,
      bytes: tally.bytes,
      systemCpu: cpuSecondsOf(this.#order.systemPid),
      driverCpu: (user + system) / 1e6,
      busy: busySeconds(),
    };
  }

  async #drained(): Promise<void> {
    const { publisher, subscribers, tally } = this.#cast;
    const until = performance.now() + DRAIN_MS;
    const missing = (): boolean =>
      publisher.acked < publisher.sent ||
      tally.deliveries < publisher.sent * (subscribers.length - tally.broken);
    while (missing() && performance.now() < until) await sleep(20);
  }

  #result(before: Reading, after: Reading): Flowed {
    const { publisher, subscribers, tally } = this.#cast;
    const system = after.systemCpu - before.systemCpu;
    const driver = after.driverCpu - before.driverCpu;
    return {
      seconds: (after.at - before.at) / 1000,
      published: after.published - before.published,
      deliveries: after.deliveries - before.deliveries,
      frames: after.frames - before.frames,
      bytes: after.bytes - before.bytes,
      latency: tally.latency.sparse(),
      // What never came at the end leaves no gap behind it, so it is counted from the other side.
      lost: publisher.sent * subscribers.length - tally.deliveries,
      disordered: tally.disordered,
      problem: this.#problem(),
      systemCpuSeconds: system,
      driverCpuSeconds: driver,
      othersCpuSeconds: Math.max(0, after.busy - before.busy - system - driver),
    };
  }

  #problem(): string {
    const { publisher, tally } = this.#cast;
    if (publisher.problem !== null) return `the publisher: ${publisher.problem}`;
    if (tally.broken > 0) return `${tally.broken} subscribers broke: ${tally.why}`;
    const unanswered = publisher.sent - publisher.acked;
    return unanswered > 0 ? `${unanswered} messages were not answered` : '';
  }
}
