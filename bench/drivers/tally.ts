/** What all subscribers of a driver have received so far. */
import { Histogram } from './histogram.ts';

export class Tally {
  deliveries = 0;
  frames = 0;
  bytes = 0;
  /** Messages that never came, that came twice or late, and those among the frames looked into. */
  lost = 0;
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
