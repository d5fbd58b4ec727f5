/** The process: the store comes first and goes last, and the gateway lives in between. */
import { once } from 'node:events';
import { createService } from './service.ts';
import { Store } from './store.ts';

const { PORT = '8000', REDIS_URL, DATABASE_URL, ECHO_URL } = process.env;

const store = await Store.open(DATABASE_URL ?? `pglite:${import.meta.dirname}/data`);
const gateway = createService(store, {
  port: Number(PORT),
  redisUrl: REDIS_URL,
  // It asks itself, so that there is somebody.
  echoUrl: ECHO_URL ?? `http://127.0.0.1:${PORT}/echo`,
});
const told = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
try {
  await gateway.start();
  console.log(`http://127.0.0.1:${PORT}/ is there. Stop it with Ctrl-C.`);
  await told;
  // Nobody new; the clients go, to come back to the next; and what is under way comes to its end.
  await gateway.drain();
} finally {
  await gateway.close();
  await store.close();
}
