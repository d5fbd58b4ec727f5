/** The application: a gateway with routes and tasks of its own, over a store. */
import { pino } from 'pino';
import type { Gateway } from 'sluice';
import { createGateway, json } from 'sluice';
import { addMeasuring, measurements } from './measurements.ts';
import { pages } from './pages.ts';
import { readings } from './readings.ts';
import type { Store } from './store.ts';

export interface Settings {
  readonly port: number;
  /** Without it the gateway is alone, and has all in memory. */
  readonly redisUrl: string | undefined;
  /** The other service that this one asks. */
  readonly echoUrl: string;
}

/** Whoever starts it closes it before the store. */
export function createService(store: Store, { port, redisUrl, echoUrl }: Settings): Gateway {
  const gateway = createGateway({
    host: '127.0.0.1',
    port,
    redis: { url: redisUrl },
    // Anyone may listen, and only the service publishes. Who has users sets `tokens`, or a connect hook.
    anonymous: true,
    namespaces: {
      default: { history: { size: 1000, ttl: '10m' }, recovery: true, subscribe: 'anonymous' },
    },
    endpoints: { echo: { url: echoUrl, concurrency: 4, timeout: '2s' } },
    // No load balancer needs the time to notice.
    drain: { delay: '0s', timeout: '2s' },
    logger: pino(),
  });
  addMeasuring(gateway, store);
  const routes = [...pages(gateway, store), ...readings(gateway, store), ...measurements(gateway)];
  const list = routes.map(({ method, path }) => `${method} ${path}`);
  gateway.route({ method: 'GET', path: '/', handle: () => json(200, { routes: list }) }, ...routes);
  return gateway;
}
