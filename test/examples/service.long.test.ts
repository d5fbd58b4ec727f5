/** The example service as a whole, embedded and on servers: over HTTP, over WebSocket, over restarts. */
import { once } from 'node:events';
import { chmodSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { PostgresServer } from '../support/postgres.ts';
import { freePort, RedisServer } from '../support/redis.ts';
import { blocksOf } from './readme.ts';
import type { Answer } from './stage.ts';
import { ask, buildProject, PATIENTLY, Running } from './stage.ts';

buildProject();

type Environment = Readonly<Record<string, string>>;

/** Where a service keeps what outlives it. */
const PLACES: Readonly<Record<string, () => Promise<Environment>>> = {
  'within one process': async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-example-data-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    return { DATABASE_URL: `pglite:${folder}` };
  },
  'on Redis and Postgres': async () => {
    const [redis, postgres] = [await RedisServer.start(), await PostgresServer.start()];
    return { REDIS_URL: redis.url, DATABASE_URL: postgres.url };
  },
};

class Scene {
  readonly http: string;
  readonly #env: Environment;
  service!: Running;

  private constructor(port: number, env: Environment) {
    this.http = `http://127.0.0.1:${port}`;
    this.#env = { PORT: String(port), ...env };
  }

  static async open(place: string, env: Environment = {}): Promise<Scene> {
    return Scene.on({ ...(await PLACES[place]!()), ...env });
  }

  static async on(env: Environment): Promise<Scene> {
    const scene = new Scene(await freePort(), env);
    await scene.start();
    return scene;
  }

  async start(): Promise<void> {
    this.service = new Running('main.ts', { env: this.#env });
    await this.service.prints('is there');
    await isReady(this.http);
  }

  ask(path: string, body?: unknown, method?: string): Promise<Answer> {
    return ask(`${this.http}${path}`, body, method);
  }

  /** The program of the example, connected. */
  async client(): Promise<Running> {
    const client = new Running('client.ts', { args: [this.http] });
    await vi.waitFor(() => expect(client.complained).toContain('connected\n'), PATIENTLY);
    return client;
  }
}

/** It listens before it has reached Redis. */
async function isReady(http: string): Promise<void> {
  await vi.waitFor(
    async () => expect(await ask(`${http}/ready`)).toMatchObject({ status: 200 }),
    PATIENTLY,
  );
}

const MANY = Array.from({ length: 1001 }, () => ({ sensor: 'a', value: 1 }));

const BAD: readonly [path: string, body: unknown, reason: string][] = [
  ['/echo', 'hello', 'the body is no JSON'],
  ['/echo', '', 'the body is no JSON'],
  ['/echo', '{"text":"hello"', 'the body is no JSON'],
  ['/echo', [], 'body: Invalid input: expected object, received array'],
  ['/echo', null, 'body: Invalid input: expected object, received null'],
  ['/echo', { text: 7 }, 'text: Invalid input: expected string, received number'],
  ['/echo', { text: 'x'.repeat(1001) }, 'text: Too big'],
  ['/readings', { sensor: 'a', value: 1 }, 'body: Invalid input: expected array'],
  ['/readings', [{ sensor: 'a', value: 'warm' }], '0.value: Invalid input: expected number'],
  ['/readings', MANY, 'body: Too big'],
  ['/batch', [], 'body: Too small'],
  ['/measurements', { sensor: 'a', count: 0.5 }, 'count: Invalid input: expected int'],
];

describe.each(Object.keys(PLACES))('a service %s', (place) => {
  test('answers its routes, and says what is wrong with a body', async () => {
    const scene = await Scene.open(place);
    const { routes } = (await scene.ask('/')).body as { readonly routes: readonly string[] };
    expect(routes).toContain('GET /async/:name');
    expect(await scene.ask('/health')).toEqual({
      status: 200,
      body: { status: 'ok', connections: 0 },
    });
    expect(await scene.ask('/ready')).toMatchObject({ status: 200 });
    expect(await scene.ask('/async/%C3%A9%2F1')).toEqual({ status: 200, body: { hello: 'é/1' } });
    expect(await scene.ask('/echo', { text: 'é' })).toEqual({ status: 200, body: { text: 'é' } });

    const slow = scene.ask('/slow').then((answer) => ({ ...answer, atMs: performance.now() }));
    await scene.ask('/async/meanwhile');
    const quickAtMs = performance.now();
    const { atMs, ...answer } = await slow;
    expect(answer).toEqual({ status: 200, body: { waitedMs: 2000 } });
    expect(quickAtMs).toBeLessThan(atMs);

    for (const [path, body, reason] of BAD) {
      const message = expect.stringContaining(`bad request: ${reason}`);
      expect(await scene.ask(path, body)).toEqual({
        status: 400,
        body: { error: { code: 107, message } },
      });
    }
    expect(await scene.ask('/readings?limit=many')).toMatchObject({ status: 400 });
    expect(await scene.ask('/readings')).toEqual({ status: 200, body: [] });
  });

  test('leaves nothing in the log for a request that its client gave up', async () => {
    const { http, service } = await Scene.open(place);
    const given = fetch(`${http}/slow`, { signal: AbortSignal.timeout(200) });
    await expect(given).rejects.toThrow('timeout');
    expect(await service.end('SIGTERM')).toBe(0);
    expect(service.printed).not.toContain('internal error');
    expect(service.complained).toBe('');
  });

  test('writes a batch, sums it up, and keeps the sum for a while', async () => {
    const scene = await Scene.open(place);
    const batch = Array.from({ length: 1000 }, (_, value) => ({ sensor: 'attic', value }));
    const { status, body } = await scene.ask('/readings', batch);
    expect(status).toBe(201);
    expect(body).toMatchObject(batch);
    expect((await scene.ask('/readings?after=990&limit=1000')).body).toMatchObject(
      batch.slice(990),
    );
    const sum = { status: 200, body: { count: 1000, mean: 499.5, least: 0, most: 999 } };
    const asked = await Promise.all(Array.from({ length: 20 }, () => scene.ask('/sensors/attic')));
    expect(asked).toEqual(asked.map(() => sum));
    await scene.ask('/readings', [{ sensor: 'attic', value: 5000 }]);
    expect(await scene.ask('/sensors/attic')).toEqual(sum);
    await vi.waitFor(
      async () => expect((await scene.ask('/sensors/attic')).body).toMatchObject({ most: 5000 }),
      PATIENTLY,
    );
  });

  test('asks others within the limit, and tells of each what became of it', async () => {
    const backend = await startBackend();
    const scene = await Scene.open(place, { ECHO_URL: backend.url });
    const ways = ['fine', 'status', 'redirect', 'malformed'];
    const asked = Array.from({ length: 60 }, (_, index) => ({ way: ways[index % 4] }));
    const { status, body } = await scene.ask('/batch', asked);
    expect(status).toBe(200);
    expect(body).toEqual(
      asked.map(({ way }) => (way === 'fine' ? { answer: { way } } : { failure: way })),
    );
    expect(backend.most()).toBe(4);
  });

  test('measures in a task, and tells how far it is', async () => {
    const scene = await Scene.open(place);
    const client = await scene.client();
    const { status, body } = await scene.ask('/measurements', { sensor: 'attic', count: 15 });
    expect(status).toBe(202);
    const { id } = body as { readonly id: string };
    const result = { sensor: 'attic', taken: 15 };
    const done = { id, name: 'measure', state: 'completed', progress: 15, result };
    const told = (): unknown[] => client.lines.filter((line) => line['id'] === id);
    await vi.waitFor(() => expect(told().at(-1)).toMatchObject(done), PATIENTLY);
    expect(told()[0]).toMatchObject({ id, state: 'active' });
    expect(await scene.ask(`/measurements/${id}`)).toEqual({
      status: 200,
      body: { id, state: 'completed', progress: 15, result },
    });
    const { id: other } = (await scene.ask('/measurements', { sensor: 'attic', count: 10_000 }))
      .body as { readonly id: string };
    expect(await scene.ask(`/measurements/${other}`, undefined, 'DELETE')).toMatchObject({
      status: 200,
    });
    const isCancelled = expect.objectContaining({ id: other, state: 'cancelled' });
    await vi.waitFor(() => expect(client.lines).toContainEqual(isCancelled), PATIENTLY);
    expect(await scene.ask('/measurements/nothing')).toMatchObject({ status: 404 });
  });

  test('is started again under a client that has each reading once', async () => {
    const scene = await Scene.open(place);
    const client = await scene.client();
    const writer = new Writer(scene);
    await writer.has(50);
    const { id } = (await scene.ask('/measurements', { sensor: 'attic', count: 150 })).body as {
      readonly id: string;
    };
    await writer.has(80);
    for (const [round, signal] of (['SIGTERM', 'SIGKILL', 'SIGTERM'] as const).entries()) {
      expect(await scene.service.end(signal)).toBe(signal === 'SIGTERM' ? 0 : null);
      expect(scene.service.printed).not.toContain('"level":50');
      await scene.start();
      await writer.has(140 + round * 60);
    }
    const written = await writer.end();
    const heard = (): number[] =>
      client.lines.filter(({ sensor }) => sensor === 'writer').map(({ value }) => Number(value));
    await vi.waitFor(
      () => expect(heard()).toEqual(expect.arrayContaining([...written])),
      PATIENTLY,
    );
    const ids = client.lines.flatMap((line) =>
      typeof line['id'] === 'number' ? [line['id']] : [],
    );
    expect(new Set(ids).size).toBe(ids.length);
    if (place === 'within one process') {
      // Its tasks end with it.
      expect(await scene.ask(`/measurements/${id}`)).toMatchObject({ status: 404 });
      return;
    }
    const isDone = expect.objectContaining({ id, state: 'completed' });
    await vi.waitFor(() => expect(client.lines).toContainEqual(isDone), PATIENTLY);
    const taken = (): number => client.lines.filter(({ sensor }) => sensor === 'attic').length;
    await vi.waitFor(() => expect(taken()).toBeGreaterThanOrEqual(150), PATIENTLY);
    // It went on where it was, but for what the killed one had not told yet.
    expect(taken()).toBeLessThan(170);
  });

  test('answers as its README says', async () => {
    const scene = await Scene.open(place);
    let id = '';
    const blocks = blocksOf();
    for (const [index, { text }] of blocks.entries()) {
      if (!text.startsWith('curl ')) continue;
      const path = /localhost:8000([^\s']*)/.exec(text)?.[1] ?? '';
      const expected = alike(blocks[index + 1]!.text);
      await vi.waitFor(async () => {
        const answer = await scene.ask(
          path.replace(/measure\..*/, () => id),
          /-d '(.*)'/s.exec(text)?.[1],
        );
        const said = JSON.stringify(answer.body);
        id = TASK.exec(said)?.[0] ?? id;
        expect(alike(said)).toEqual(expected);
      }, PATIENTLY);
    }
    expect(id).not.toBe('');
  });
});

test('what is written while Redis is away is heard all the same', async () => {
  const [redis, postgres] = [await RedisServer.start(), await PostgresServer.start()];
  const scene = await Scene.on({ REDIS_URL: redis.url, DATABASE_URL: postgres.url });
  const client = await scene.client();
  await redis.kill();
  const away = [{ sensor: 'attic', value: 1 }];
  expect(await scene.ask('/readings', away)).toMatchObject({ status: 201 });
  expect(await scene.ask('/measurements', { sensor: 'a', count: 1 })).toMatchObject({
    status: 503,
  });
  expect(await scene.ask('/sensors/attic')).toMatchObject({ status: 200, body: { count: 1 } });
  await redis.start();
  await isReady(scene.http);
  await scene.ask('/readings', [{ sensor: 'attic', value: 2 }]);
  await vi.waitFor(() => {
    expect(new Set(client.lines.map(({ value }) => value))).toEqual(new Set([1, 2]));
  }, PATIENTLY);
  expect(client.lines).toHaveLength(2);
});

test('a service whose database is away does not start', async () => {
  const [port, nobody] = [await freePort(), await freePort()];
  const env = { PORT: String(port), DATABASE_URL: `postgres://127.0.0.1:${nobody}/none` };
  const service = new Running('main.ts', { env });
  expect(await service.ended()).toBe(1);
  expect(service.printed).toBe('');
  expect(service.complained).toContain('ECONNREFUSED');
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  'servers of its own end with it at a %s',
  async (signal) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-example-servers-'));
    chmodSync(folder, 0o777);
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const port = await freePort();
    const running = new Running('servers.ts', { env: { PORT: String(port), TMPDIR: folder } });
    await running.prints('is there');
    const http = `http://127.0.0.1:${port}`;
    expect(await ask(`${http}/readings`, [{ sensor: 'a', value: 1 }])).toMatchObject({
      status: 201,
    });
    expect(await ask(`${http}/measurements`, { sensor: 'a', count: 1 })).toMatchObject({
      status: 202,
    });
    expect(readdirSync(folder)).toHaveLength(1);
    expect(await running.end(signal)).toBe(0);
    expect(running.printed).not.toContain('"level":50');
    expect(readdirSync(folder)).toEqual([]);
    expect(processesOf(folder)).toEqual([]);
  },
);

/** Those that were started with it. */
function processesOf(folder: string): readonly string[] {
  const lines = globSync('/proc/[0-9]*/cmdline').flatMap((path) => {
    try {
      return [readFileSync(path, 'utf8')];
    } catch {
      // It has ended just now.
      return [];
    }
  });
  return lines.filter((line) => line.includes(folder));
}

const TASK = /measure\.[\w-]+/;

/** JSON without what is another each time. */
function alike(text: string): unknown {
  const same = text.replaceAll(/"atMs":\s*\d+/g, '"atMs":0').replaceAll(/measure\.[\w-]+/g, 'id');
  return JSON.parse(same);
}

interface Backend {
  readonly url: string;
  /** Requests that it had at once. */
  readonly most: () => number;
}

/** Another service, which answers in the way that it is asked for. */
async function startBackend(): Promise<Backend> {
  let [running, most] = [0, 0];
  const server = createServer((request, response) => {
    running += 1;
    most = Math.max(most, running);
    response.on('close', () => (running -= 1));
    request.setEncoding('utf8').on('data', (text: string) => {
      const { way } = JSON.parse(text) as { readonly way: string };
      setTimeout(() => {
        if (way === 'status') response.statusCode = 500;
        if (way === 'redirect') response.writeHead(302, { location: 'http://127.0.0.1:1/' });
        response.end(way === 'malformed' ? '{"way"' : text);
      }, 20);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/echo`, most: () => most };
}

/** Writes one reading after the other, each until it is acknowledged. */
class Writer {
  readonly #scene: Scene;
  readonly #written: number[] = [];
  readonly #done: Promise<void>;
  #isEnding = false;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#done = this.#run();
  }

  async has(count: number): Promise<void> {
    await vi.waitFor(() => expect(this.#written.length).toBeGreaterThan(count), PATIENTLY);
  }

  /** What was acknowledged. */
  async end(): Promise<readonly number[]> {
    this.#isEnding = true;
    await this.#done;
    return this.#written;
  }

  async #run(): Promise<void> {
    for (let value = 0; !this.#isEnding; value += 1) {
      const reading = [{ sensor: 'writer', value }];
      const answer = await this.#scene.ask('/readings', reading).catch(() => null);
      if (answer?.status === 201) this.#written.push(value);
      else await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
