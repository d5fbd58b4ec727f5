/** The gateway's meters in the format of Prometheus. */
import type { MetricObjectWithValues, MetricValue } from 'prom-client';
import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';
import type { Meters } from '../kernel/meters.ts';
import type { HttpResponse } from './edge.ts';

const PREFIX = 'sluice_';

/** What one worker of several counted, as it travels between processes. */
export type Readings = readonly MetricObjectWithValues<MetricValue<string>>[];

/** Reads all meters at each scrape; nothing is kept twice. */
export function scrape(meters: Meters): Promise<HttpResponse> {
  return answerOf(registryOf(meters));
}

/** Each series gets a label that tells its worker: a sum would go back when one ends. */
export function readingsOf(meters: Meters, worker: number): Promise<Readings> {
  const registry = registryOf(meters);
  registry.setDefaultLabels({ worker: String(worker) });
  return registry.getMetricsAsJSON();
}

export function scrapeAll(workers: readonly Readings[]): Promise<HttpResponse> {
  return answerOf(AggregatorRegistry.aggregate(workers.map((readings) => [...readings])));
}

function registryOf(meters: Meters): Registry {
  const registry = new Registry();
  for (const { name, help, label, values } of meters.counters()) {
    const counter = new Counter({ name: PREFIX + name, help, ...labelled(label, registry) });
    for (const [value, count] of values) counter.inc(under(label, value), count);
  }
  for (const gauge of meters.gauges()) {
    const { name, help, label } = gauge;
    const shown = new Gauge({ name: PREFIX + name, help, ...labelled(label, registry) });
    for (const [value, number] of gauge.read()) shown.set(under(label, value), number);
  }
  return registry;
}

async function answerOf(registry: Registry): Promise<HttpResponse> {
  return {
    status: 200,
    headers: { 'content-type': registry.contentType },
    body: await registry.metrics(),
  };
}

function labelled(
  label: string | null,
  registry: Registry,
): { labelNames: string[]; registers: Registry[] } {
  return { labelNames: label === null ? [] : [label], registers: [registry] };
}

function under(label: string | null, value: string): Record<string, string> {
  return label === null ? {} : { [label]: value };
}
