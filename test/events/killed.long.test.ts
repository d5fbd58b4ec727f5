/**
 * Three gateways as processes of their own under churn. One is killed, one stands still for longer
 * than its lease, the backend goes away and answers badly: in the end it knows what is.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { isReady } from '../redis/gateways.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { RedisServer } from '../support/redis.ts';
import type { Answer } from './backend.ts';
import { HttpBackend, taken } from './backend.ts';

const PATIENTLY = { timeout: 60_000, interval: 100 };
const CHANNELS = ['red', 'green', 'blue', 'grey', 'pink'];
const CHURNERS = 40;

function pick<T>(all: readonly T[]): T {
  return all[Math.floor(Math.random() * all.length)]!;
}

/** Whoever is there, and where it is subscribed as far as it was told. */
class Churner {
  readonly #gateways: readonly Program[];
  readonly #done: Promise<void>;
  #isOver = false;
  #peer: Peer | null = null;
  #channels = new Set<string>();

  constructor(gateways: readonly Program[]) {
    this.#gateways = gateways;
    this.#done = this.#run();
  }

  /** Null where it is not connected. */
  get truth(): readonly [client: string, channels: string[]] | null {
    if (this.#peer === null || this.#peer.ending !== null) return null;
    const { connect } = this.#peer.heard[0] as { readonly connect: { readonly client: string } };
    return [connect.client, [...this.#channels].toSorted()];
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#done;
  }

  async leave(): Promise<void> {
    if (this.#peer?.ending === null) await this.#peer.leave();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      try {
        await this.#live();
      } catch {
        // Its gateway died, or stands still: it does not know what was done of what it asked for.
        this.#peer?.cut();
        this.#peer = null;
      }
      await sleep(Math.random() * 100);
    }
  }

  async #live(): Promise<void> {
    this.#channels = new Set();
    const running = this.#gateways.filter(({ process }) => process.signalCode === null);
    this.#peer = await Peer.connected(pick(running).url);
    while (!this.#isOver && this.#peer.ending === null) {
      const channel = pick(CHANNELS);
      if (this.#channels.has(channel)) {
        await this.#peer.ask({ unsubscribe: { channel } });
        this.#channels.delete(channel);
      } else {
        await this.#peer.subscribe(channel);
        this.#channels.add(channel);
      }
      await sleep(Math.random() * 50);
      if (Math.random() < 0.7) continue;
      if (Math.random() < 0.5) await this.#peer.leave();
      else this.#peer.cut();
      this.#peer = null;
      return;
    }
  }
}

/** Half of the batches are taken at once; the others late, twice, or not at all. */
function moody({ view }: HttpBackend): Answer {
  return async (response, posted) => {
    const mood = Math.random();
    if (mood < 0.1) return void response.writeHead(500).end();
    if (mood < 0.2) return void response.destroy();
    if (mood < 0.3) {
      // It is taken, and the gateway does not hear of it.
      view.take(JSON.parse(posted.body));
      return void response.destroy();
    }
    // Too late, at times.
    if (mood < 0.5) await sleep(Math.random() * 700);
    return taken(response, posted);
  };
}

test('nobody is lost and nobody stays', { timeout: 180_000 }, async () => {
  const redis = await RedisServer.start();
  const backend = await HttpBackend.start();
  const flags = [
    '--dev',
    '--port=0',
    `--redis-url=${redis.url}`,
    `--events-url=${backend.url}`,
    '--events-timeout=500ms',
    '--log-level=warn',
  ];
  const gateways = await Promise.all([1, 2, 3].map(() => Program.listening(flags)));
  for (const { port } of gateways) {
    await vi.waitFor(
      async () => expect(await isReady({ http: `http://127.0.0.1:${port}` })).toBe(true),
      PATIENTLY,
    );
  }
  const [killed, held] = gateways;
  // Whoever asks for something of a gateway that stands still gives up and goes; this one stays.
  const silent = await Peer.connected(held!.url);
  const { connect } = silent.heard[0] as { readonly connect: { readonly client: string } };
  const churners = Array.from({ length: CHURNERS }, () => new Churner(gateways));
  await sleep(3000);
  killed!.process.kill('SIGKILL');
  backend.answer = moody(backend);
  await sleep(3000);
  await backend.stop();
  await sleep(2000);
  held!.process.kill('SIGSTOP');
  await backend.listen();
  await sleep(15_000);
  held!.process.kill('SIGCONT');
  await sleep(3000);
  await Promise.all(churners.map((churner) => churner.stop()));
  const { view } = backend;
  await vi.waitFor(() => {
    const truths = churners.flatMap(({ truth }) => (truth === null ? [] : [truth]));
    truths.push([connect.client, []]);
    const state = Object.fromEntries(truths.toSorted(([a], [b]) => (a < b ? -1 : 1)));
    expect(view.state).toEqual(state);
    expect([...view.occupied].toSorted()).toEqual(
      [...new Set(truths.flatMap(([, channels]) => channels))].toSorted(),
    );
  }, PATIENTLY);
  expect(view.faults).toEqual([]);

  await Promise.all(churners.map((churner) => churner.leave()));
  await silent.leave();
  for (const gateway of gateways.slice(1)) {
    gateway.process.kill('SIGTERM');
    expect(await gateway.exit()).toBe(0);
  }
  await vi.waitFor(() => expect(view.connections.size).toBe(0), PATIENTLY);
  expect(view.faults).toEqual([]);
  expect({ resets: view.resets, dropped: view.dropped }).toEqual({ resets: 1, dropped: 0 });
  const ofType = (type: string): number =>
    view.events.filter((event) => event.type === type).length;
  expect(ofType('disconnected')).toBe(ofType('connected'));
  expect(ofType('unsubscribed')).toBe(ofType('subscribed'));
  const reasons = new Set(view.events.map((event) => ('reason' in event ? event.reason : '')));
  expect(reasons).toContain('gateway died');
  expect(view.events.some((event) => 'again' in event && event.again)).toBe(true);
  expect(view.doubles).toBeGreaterThan(0);
  for (const gateway of gateways.slice(1))
    expect(gateway.logged).not.toContain('"msg":"internal error"');
});
