/** Routes of every kind: at once, awaited, slow, with a body to check, and one that asks others. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { AskReply, Gateway, Route } from 'sluice';
import { json } from 'sluice';
import { Batch, Echo, valid } from './bodies.ts';
import type { Store } from './store.ts';

const SLOW_MS = 2000;

export function pages(gateway: Gateway, store: Store): Route[] {
  return [
    {
      // In the place of the gateway's own, which only says that the process lives.
      method: 'GET',
      path: '/health',
      async handle() {
        await store.check();
        return json(200, { status: 'ok', connections: gateway.connections });
      },
    },
    {
      method: 'GET',
      path: '/async/:name',
      async handle({ params }) {
        await sleep(10);
        return json(200, { hello: params.get('name') });
      },
    },
    {
      // Others are served meanwhile, and it ends early when its client leaves.
      method: 'GET',
      path: '/slow',
      async handle({ signal }) {
        await sleep(SLOW_MS, undefined, { signal });
        return json(200, { waitedMs: SLOW_MS });
      },
    },
    {
      method: 'POST',
      path: '/echo',
      handle: (request) => json(200, valid(Echo, request.json())),
    },
    {
      // As many at once as the endpoint allows. Each has its answer or its failure, in their order.
      method: 'POST',
      path: '/batch',
      async handle(request) {
        const bodies = valid(Batch, request.json());
        const questions = bodies.map((body) => ({ endpoint: 'echo', body }));
        const replies = await gateway.askAll(questions, { signal: request.signal });
        return json(200, replies.map(shown));
      },
    },
  ];
}

function shown(reply: AskReply): unknown {
  return 'failure' in reply ? { failure: reply.failure.kind } : reply;
}
