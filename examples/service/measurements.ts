/** A measurement: a task that takes reading after reading, for longer than a request should wait. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Gateway, HttpResponse, Route, TaskResult } from 'sluice';
import { json } from 'sluice';
import { Measurement, valid } from './bodies.ts';
import { record } from './readings.ts';
import type { Store } from './store.ts';

const PAUSE_MS = 100;

export function addMeasuring(gateway: Gateway, store: Store): void {
  gateway.task('measure', async (input, { lastProgress, progress, signal }) => {
    const { sensor, count } = valid(Measurement, input);
    // As far as the attempt before this one had told, if there was one.
    let taken = typeof lastProgress === 'number' ? lastProgress : 0;
    while (taken < count) {
      await sleep(PAUSE_MS, undefined, { signal });
      await record(gateway, store, [{ sensor, value: 20 + Math.sin(taken / 10) }]);
      taken += 1;
      progress(taken);
    }
    return { sensor, taken };
  });
}

export function measurements(gateway: Gateway): Route[] {
  return [
    {
      method: 'POST',
      path: '/measurements',
      async handle(request) {
        const input = valid(Measurement, request.json());
        const id = await gateway.enqueue('measure', input, { notify: 'measurements' });
        return json(202, { id });
      },
    },
    {
      method: 'GET',
      path: '/measurements/:id',
      handle: async ({ params }) => shown(await gateway.taskResult(params.get('id') ?? '')),
    },
    {
      method: 'DELETE',
      path: '/measurements/:id',
      handle: async ({ params }) => shown(await gateway.cancelTask(params.get('id') ?? '')),
    },
  ];
}

/** What a task tells besides is for the service alone, such as the detail of an error. */
function shown({ id, state, progress, result, error }: TaskResult): HttpResponse {
  return json(200, { id, state, progress, result, error: error?.message });
}
