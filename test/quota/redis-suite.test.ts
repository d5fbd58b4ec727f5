/** The quota in Redis keeps what every quota promises. */
import { afterAll, beforeAll } from 'vitest';
import { RedisServer } from '../support/redis.ts';
import { quotaSuite } from './quota-suite.ts';
import { memberOn } from './rig.ts';

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.shared();
});
afterAll(() => server.dispose());

quotaSuite('in Redis', async () => (await memberOn(server.url)).quota);
