/** The gateway's meters in the format of Prometheus. */
import { Counter, Gauge, Registry } from 'prom-client';
import type { Meters } from '../kernel/meters.ts';
import type { HttpResponse } from './edge.ts';

const PREFIX = 'sluice_';

/** Reads all meters at each scrape; nothing is kept twice. */
export async function scrape(meters: Meters): Promise<HttpResponse> {
  const registry = new Registry();
  for (const { name, help, label, values } of meters.counters()) {
    const labelNames = label === null ? [] : [label];
    const counter = new Counter({
      name: PREFIX + name,
      help,
      labelNames,
      registers: [registry],
    });
    for (const [value, count] of values)
      counter.inc(label === null ? {} : { [label]: value }, count);
  }
  for (const gauge of meters.gauges()) {
    const { name, help } = gauge;
    new Gauge({ name: PREFIX + name, help, registers: [registry] }).set(gauge.read());
  }
  return {
    status: 200,
    headers: { 'content-type': registry.contentType },
    body: await registry.metrics(),
  };
}
