/** What a crowd, and whoever speaks to it, have said and heard so far. */
import { Histogram } from './histogram.ts';

export class Tally {
  /** Messages sent, and answers that came; the first that was a refusal. */
  sent = 0;
  acked = 0;
  refusal = '';
  deliveries = 0;
  frames = 0;
  bytes = 0;
  /** Messages that came twice, late, or after one that never came; found where they are looked into. */
  disordered = 0;
  readonly latency = new Histogram();
  /** Of one message, as it is published. */
  messageBytes = 0;
  /** Whether latency is recorded. */
  measuring = false;
  /** Called when as many messages were delivered; whoever paces itself by deliveries sets it. */
  wakeAt = Infinity;
  wake: () => void = () => undefined;
  /** Connections that broke, and why the first of them did. */
  broken = 0;
  why = '';

  delivered(count: number): void {
    this.deliveries += count;
    if (this.deliveries >= this.wakeAt) {
      this.wakeAt = Infinity;
      this.wake();
    }
  }
}
