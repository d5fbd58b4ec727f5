/** Readings of sensors: written many at a time, told to all that listen, and read again. */
import type { Gateway, Route } from 'sluice';
import { json, Refusal } from 'sluice';
import { Page, Readings, valid } from './bodies.ts';
import type { Measured, Reading, Store } from './store.ts';

/** The table has it first: whoever is not told of a reading, or misses it, finds it there. */
export async function record(
  gateway: Gateway,
  store: Store,
  measured: readonly Measured[],
): Promise<Reading[]> {
  const written = await store.write(measured);
  try {
    await gateway.publish('readings', written);
  } catch (error) {
    // Redis is away, of which the gateway logs and `/ready` tells. What was written stays.
    if (!(error instanceof Refusal && error.entry.temporary)) throw error;
  }
  return written;
}

export function readings(gateway: Gateway, store: Store): Route[] {
  return [
    {
      method: 'POST',
      path: '/readings',
      async handle(request) {
        const measured = valid(Readings, request.json());
        return json(201, await record(gateway, store, measured));
      },
    },
    {
      method: 'GET',
      path: '/readings',
      async handle({ searchParams }) {
        const { after, limit } = valid(Page, Object.fromEntries(searchParams));
        return json(200, await store.after(after, limit));
      },
    },
    {
      // However many ask: the database is asked once in five seconds.
      method: 'GET',
      path: '/sensors/:sensor',
      async handle({ params }) {
        const sensor = params.get('sensor') ?? '';
        const summary = await gateway.cache.getOrSet(`summary:${sensor}`, 5000, () =>
          store.summary(sensor),
        );
        return json(200, summary);
      },
    },
  ];
}
