/** Numbers the gateway keeps about itself. What serves them to an operator is `server/metrics.ts`. */
import { assert } from './assert.ts';

/** A count that only grows, apart by the value of one label. */
export interface Counter {
  readonly name: string;
  readonly help: string;
  readonly label: string | null;
  readonly values: ReadonlyMap<string, number>;
}

/** A value read at the moment it is asked for, or several, apart by the value of one label. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly label: string | null;
  /** By label; '' where there is none. */
  read(): Iterable<readonly [label: string, value: number]>;
}

/** Adds one, or `by`, to the count under `label`. Labels are names of ours, never a peer's text. */
export type Count = (label?: string, by?: number) => void;

/** All counters and gauges of one gateway. */
export class Meters {
  readonly #counters = new Map<string, Counter>();
  readonly #gauges = new Map<string, Gauge>();

  /** Registers a counter once; the returned function is cheap enough for the hot path. */
  counter(name: string, help: string, label: string | null = null): Count {
    assert(!this.#counters.has(name), `the counter ${name} is registered once`);
    const values = new Map<string, number>();
    this.#counters.set(name, { name, help, label, values });
    return (value = '', by = 1) => {
      values.set(value, (values.get(value) ?? 0) + by);
    };
  }

  gauge(name: string, help: string, read: () => number): void {
    this.#addGauge({ name, help, label: null, read: () => [['', read()]] });
  }

  /** The labels are names of ours, like those of counters. */
  gaugeBy(label: string, name: string, help: string, read: Gauge['read']): void {
    this.#addGauge({ name, help, label, read });
  }

  counters(): Iterable<Counter> {
    return this.#counters.values();
  }

  gauges(): Iterable<Gauge> {
    return this.#gauges.values();
  }

  /** The count so far, 0 where nothing was counted. For tests and `info`. */
  count(name: string, label = ''): number {
    return this.#counters.get(name)?.values.get(label) ?? 0;
  }

  #addGauge(gauge: Gauge): void {
    assert(!this.#gauges.has(gauge.name), `the gauge ${gauge.name} is registered once`);
    this.#gauges.set(gauge.name, gauge);
  }
}
