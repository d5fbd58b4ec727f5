/** Faults that take their time: processes that are killed, servers that come and go under load. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { Postgres } from '../../src/archive/postgres.ts';
import { Upkeep } from '../../src/archive/upkeep.ts';
import { ManualClock } from '../support/clock.ts';
import { api, ask, meter } from '../support/http.ts';
import { KeptLog } from '../support/log.ts';
import { PostgresServer } from '../support/postgres.ts';
import { Program } from '../support/program.ts';
import { RedisServer } from '../support/redis.ts';
import { gatewayOn } from '../redis/gateways.ts';
import {
  archived,
  archivedOn,
  channelIn,
  isUp,
  NAMESPACES,
  offsetsOf,
  publishMany,
  SHORT,
} from './gateways.ts';
import { ArchiveLoad, expectAll } from './load.ts';
import { range, SOON } from './rig.ts';

test('a database that ends in order is written to again', async () => {
  const server = await PostgresServer.start();
  const running = await archivedOn(server.url);
  const load = new ArchiveLoad(running, channelIn('chat'), 20);
  await load.reached(100);
  await server.shutdown();
  await server.start();
  await load.stop();
  await expectAll(running, load);
});

test('a database is asked by one gateway at a time to delete what is old', async () => {
  const server = await PostgresServer.start();
  const running = await archivedOn(server.url);
  const channel = channelIn('chat');
  await running.gateway.publish(channel, 1);
  await archived(running, channel);
  await server.query(`update sluice_publications set at = now() - interval '2 days'`);
  const clock = new ManualClock(Date.now());
  const deleted: number[] = [];
  const pool = { min: 1, max: 2 };
  const sql = new Postgres({ url: server.url, pool, statementTimeoutMs: 1000 });
  const upkeep = new Upkeep({
    sql,
    clock,
    random: () => 0,
    retentionMs: 86_400_000,
    written: () => 0,
    opened: () => Promise.resolve(),
    failed: (error) => expect.fail(String(error)),
    count: (_label, count = 0) => void deleted.push(count),
  });
  const other = await server.connect();
  await other.query('begin');
  await other.query('select pg_advisory_xact_lock($1, 2)', [0x736c7569]);
  const look = async (): Promise<void> => {
    clock.advance(30_000);
    await vi.waitFor(() => expect(clock.pending).toBe(1), SOON);
    clock.advance(20);
    await vi.waitFor(() => expect(clock.pending).toBe(1), SOON);
  };
  await look();
  expect(deleted).toEqual([]);
  await other.end();
  await look();
  await vi.waitFor(() => expect(deleted).toEqual([1]), SOON);
  upkeep.close();
  await sql.close();
});

test('a gateway that is closed while the database is away says what it could not write', async () => {
  const server = await PostgresServer.start();
  const logger = new KeptLog();
  const running = await archivedOn(server.url, { logger });
  await server.kill();
  const channel = channelIn('chat');
  for (const n of [1, 2, 3]) await running.gateway.publish(channel, n);
  const beganMs = performance.now();
  await running.gateway.close();
  expect(performance.now() - beganMs).toBeLessThan(9500);
  expect(logger.of('error')).toMatchObject([
    { message: 'closed before the archive had all', fields: { publications: 3 } },
  ]);
});

test('a stream that goes on under another epoch is not archived twice', async () => {
  const [server, redis] = await Promise.all([
    PostgresServer.start(),
    RedisServer.start({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] }),
  ]);
  const running = await archivedOn(server.url, { redis: { url: redis.url } });
  const channel = channelIn('chat');
  await publishMany(running, channel, range(1, 4));
  const before = await archived(running, channel);
  await redis.shutdown();
  await redis.start();
  await vi.waitFor(() => running.gateway.publish(channel, 5), SOON);
  await vi.waitFor(async () => expect(await archived(running, channel)).toHaveLength(5), SOON);
  // Somebody died, and nobody knows what of it is archived.
  await redis.command('SADD', 'sluice:unarchived:dead', channel);
  await redis.command('SADD', 'sluice:sweep', 'dead');
  await vi.waitFor(async () => {
    expect((await meter(running.http, 'archive')).has('restored')).toBe(true);
  }, SOON);
  const after = await archived(running, channel);
  expect(after.slice(0, 4)).toEqual(before);
  expect(after).toHaveLength(5);
  expect(new Set(after.map(({ epoch }) => epoch)).size).toBe(2);
  // History follows the one life into the other.
  expect(await offsetsOf(running, channel)).toEqual(range(1, 5));
  expect(await offsetsOf(running, channel, { reverse: true })).toEqual(range(1, 5).toReversed());
});

/** Publishes 0, 1, 2, … over HTTP until it is stopped, and keeps what became of each, and when. */
class HttpLoad {
  readonly acknowledged = new Map<number, number>();
  readonly failures: { readonly n: number; readonly why: unknown; readonly ms: number }[] = [];
  readonly #done: Promise<unknown>;
  #next = 0;
  #isOver = false;

  constructor(port: number, channel: string, lanes = 8) {
    const http = `http://127.0.0.1:${port}`;
    const lane = async (): Promise<void> => {
      while (!this.#isOver) {
        const n = (this.#next += 1);
        try {
          const { status, answer } = await api(http, 'publish', { channel, data: n });
          if (status !== 200) throw new Error(`${status}`, { cause: answer });
          this.acknowledged.set(n, performance.now());
        } catch (why) {
          this.failures.push({ n, why, ms: performance.now() });
          return;
        }
      }
    };
    this.#done = Promise.all(Array.from({ length: lanes }, lane));
  }

  /** After the process was killed, at `killedMs`: until then it answered each. */
  async stop(killedMs: number): Promise<void> {
    this.#isOver = true;
    await this.#done;
    expect(this.failures.filter(({ ms }) => ms < killedMs)).toEqual([]);
    expect(this.acknowledged.size).toBeGreaterThan(0);
  }
}

const FLAGS = ['--dev', '--port=0', `--namespaces=${JSON.stringify(NAMESPACES)}`];

test('a gateway that is killed leaves the folder of its database whole, and to the next', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'sluice-archive-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const flags = [...FLAGS, `--archive-url=pglite:${join(parent, 'archive')}`];
  const upTo = async (program: Program): Promise<{ http: string }> => {
    const http = `http://127.0.0.1:${program.port}`;
    await vi.waitFor(async () => expect(await isUp({ http })).toBe(true), { timeout: 60_000 });
    return { http };
  };
  const channel = channelIn('chat');
  let known: unknown[] = [];
  for (const life of [1, 2, 3]) {
    const program = await Program.listening(flags);
    const first = await upTo(program);
    const epochs = new Set((await archived(first, channel)).map(({ epoch }) => epoch));
    expect(epochs.size).toBe(life - 1);
    const load = new HttpLoad(program.port, channel);
    await sleep(1500);
    const rival = await Program.listening(flags);
    await vi.waitFor(() => expect(rival.logged).toContain('another process has the folder open'), {
      timeout: 30_000,
    });
    const killedMs = performance.now();
    program.process.kill('SIGKILL');
    await load.stop(killedMs);
    // The rival takes it over.
    const heir = await upTo(rival);
    const all = (await archived(heir, channel)).map(({ data }) => data);
    expect(all.slice(0, known.length)).toEqual(known);
    const own = all.slice(known.length) as number[];
    expect(new Set(own).size).toBe(own.length);
    const certain = [...load.acknowledged].filter(([, ms]) => ms < killedMs - 1000);
    expect(certain.length).toBeGreaterThan(10);
    for (const [n] of certain) expect(own).toContain(n);
    known = all;
    rival.process.kill('SIGTERM');
    await rival.exit();
  }
});

test('of a gateway that is killed the others archive what it had acknowledged', async () => {
  const [server, redis] = await Promise.all([PostgresServer.start(), RedisServer.start()]);
  const chat = { ...SHORT, history: { size: 20_000, ttl: '10m' } };
  const namespaces = { ...NAMESPACES, chat };
  const archive = { url: server.url, delay: '2s' };
  const survivor = await gatewayOn(redis.url, { archive, namespaces });
  for (const _ of [1, 2]) {
    const program = await Program.listening([
      '--dev',
      '--port=0',
      `--namespaces=${JSON.stringify(namespaces)}`,
      `--redis-url=${redis.url}`,
      `--archive-url=${server.url}`,
      '--archive-delay=2s',
    ]);
    const http = `http://127.0.0.1:${program.port}`;
    await vi.waitFor(async () => expect(await isUp({ http })).toBe(true), SOON);
    await vi.waitFor(async () => expect((await ask(`${http}/ready`)).status).toBe(200), SOON);
    const channel = channelIn('chat');
    const other = channelIn('chat');
    const loads = [channel, other].map((name) => new HttpLoad(program.port, name, 4));
    await sleep(3000);
    const killedMs = performance.now();
    program.process.kill('SIGKILL');
    await Promise.all(loads.map((load) => load.stop(killedMs)));
    await vi.waitFor(
      async () => {
        for (const [index, name] of [channel, other].entries()) {
          const found = (await archived(survivor, name)).map(({ data }) => data);
          const load = loads[index]!;
          for (const n of load.acknowledged.keys()) expect(found).toContain(n);
          expect(new Set(found).size).toBe(found.length);
        }
      },
      { timeout: 40_000, interval: 500 },
    );
    const all = await archived(survivor, channel);
    expect(all.map(({ offset }) => offset)).toEqual(range(1, all.length));
    const times = all.map(({ time }) => time);
    expect(times).toEqual(times.toSorted((one, later) => one - later));
  }
  expect((await meter(survivor.http, 'archive')).get('restored')).toBeGreaterThan(0);
  await vi.waitFor(
    async () => expect(await redis.command('KEYS', 'sluice:unarchived:*')).toBe('*0\r\n'),
    { timeout: 40_000, interval: 500 },
  );
});

test('whatever befalls the database, all that was acknowledged is there once and in order', async () => {
  const server = await PostgresServer.start();
  const running = await archivedOn(server.url, { archive: { statementTimeout: '500ms' } });
  // Not more in all than may wait: nothing is refused, however long the database is away.
  const loads = [1, 2, 3].map(() => new ArchiveLoad(running, channelIn('chat'), 2));
  const faults: (() => Promise<void>)[] = [
    async () => {
      await server.kill();
      await sleep(200 + Math.random() * 800);
      await server.start();
    },
    async () => {
      server.pause();
      await sleep(Math.random() * 2500);
      server.resume();
    },
    async () => {
      const blocker = await server.connect();
      await blocker.query('begin; lock table sluice_publications in access exclusive mode');
      await sleep(Math.random() * 1500);
      await blocker.end();
    },
    async () => {
      await server.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where application_name = 'sluice'`,
      );
    },
  ];
  const untilMs = performance.now() + 30_000;
  while (performance.now() < untilMs) {
    await sleep(Math.random() * 500);
    await faults[Math.floor(Math.random() * faults.length)]!();
  }
  await Promise.all(loads.map((load) => load.stop()));
  for (const load of loads) {
    expect(load.refused).toBe(0);
    expect(load.slowestMs).toBeLessThan(1000);
    await expectAll(running, load, 30_000);
  }
});
