/** Several workers on one port, and what becomes of them. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { faultsOf, Load, Watcher } from '../redis/checker.ts';
import { gatewayOn } from '../redis/gateways.ts';
import { EDGES } from '../support/gateway.ts';
import { api } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { allReady, byWorker, isAlive, SOON, stage } from './stage.ts';

const SHUTDOWN = { code: 3001, reason: 'shutdown' };
const CLIENTS = 60;

describe.each(EDGES)('over %s, two workers', (transport) => {
  test('share a port and all that is published, and end together', async () => {
    const staged = await stage([`--transport=${transport}`, '--internal-port=0']);
    const { program, url, http, pids, lines } = staged;
    expect(program.printed.match(/listens on/g)).toHaveLength(1);
    const numbers = lines('a worker listens').map(({ worker }) => worker);
    expect(new Set(numbers)).toEqual(new Set([1, 2]));
    for (const line of lines('sockets are served by ')) expect(line).toHaveProperty('worker');

    const peers = await Promise.all(Array.from({ length: CLIENTS }, () => Peer.connected(url)));
    const internal = `http://127.0.0.1:${program.internalPort}`;
    // Whichever worker answers, it tells of both.
    for (let round = 0; round < 6; round += 1) {
      const counts = [...(await byWorker(internal, 'connections')).values()];
      expect(counts).toHaveLength(2);
      expect(counts[0]! + counts[1]!).toBe(CLIENTS);
      // By chance one in a million million is as uneven.
      for (const count of counts) expect(count).toBeGreaterThan(3);
    }
    for (const peer of peers) await peer.subscribe('news');
    const said = [1, 2, 3, 4, 5, 6, 7, 8];
    for (const n of said) {
      expect((await api(internal, 'publish', { channel: 'news', data: n })).status).toBe(200);
    }
    for (const peer of peers) {
      await peer.until(() => peer.data('news').length === said.length, 'all publications');
      expect(peer.data('news')).toEqual(said);
    }
    expect((await fetch(`${http}/metrics`)).status).toBe(404);

    program.process.kill('SIGTERM');
    for (const peer of peers) expect(await peer.ended()).toEqual(SHUTDOWN);
    expect(await program.exit()).toBe(0);
    expect(program.complaints).toEqual([]);
    expect(pids().filter(isAlive)).toEqual([]);
  });
});

test('a port that others have is refused, though they would share it', async () => {
  const { program, redis } = await stage();
  const flags = ['--dev', '--workers=2', `--redis-url=${redis.url}`];
  const taken = `127.0.0.1:${program.port}`;
  const inner = new Program([...flags, '--port=0', `--internal-port=${program.port}`]);
  const outer = new Program([...flags, `--port=${program.port}`]);
  for (const second of [outer, inner]) {
    expect(await second.exit()).toBe(1);
    expect(second.complaints).toEqual([
      expect.stringMatching(`^sluice: cannot listen on ${taken}: .*EADDRINUSE`),
    ]);
    expect(second.printed).toBe('');
  }
});

test('auto is one gateway, in one process, where there is no Redis', async () => {
  const program = await Program.listening(['--dev', '--port=0', '--workers=auto']);
  expect(program.logged).not.toContain('a worker listens');
  expect(await (await fetch(`http://127.0.0.1:${program.port}/metrics`)).text()).toContain(
    '\nsluice_connections 0\n',
  );
});

test('auto is one for each core where there is a Redis', async () => {
  // As on a machine of three cores.
  const cores = 'import os from "node:os"; import { syncBuiltinESMExports } from "node:module";';
  const three = `${cores} os.availableParallelism = () => 3; syncBuiltinESMExports();`;
  const preload = `--import=data:text/javascript,${encodeURIComponent(three)}`;
  const { http } = await stage(['--workers=auto'], { node: [preload] });
  await vi.waitFor(async () => expect((await byWorker(http, 'connections')).size).toBe(3), SOON);
});

describe('a worker that is killed', () => {
  test('is started again; its clients come back, miss nothing, and disturb nobody', async () => {
    const staged = await stage();
    const { url, pids, redis, http } = staged;
    const watchers = Array.from({ length: 20 }, () => new Watcher(url, ['red']));
    const leaving = new Set<Watcher>();
    for (const watcher of watchers) {
      await watcher.ready();
      watcher.client.on('connecting', () => leaving.add(watcher));
    }
    const load = new Load(await gatewayOn(redis.url), 'red');
    const before = await byWorker(http, 'connections');
    const [victim = 0] = pids();
    const [first] = staged.lines('a worker listens');
    process.kill(victim, 'SIGKILL');
    await vi.waitFor(() => expect(pids()).toHaveLength(3), SOON);
    await vi.waitFor(async () => {
      const counts = [...(await byWorker(http, 'connections')).values()];
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(watchers.length);
    }, SOON);
    await load.stop();
    await vi.waitFor(() => {
      for (const watcher of watchers) expect(watcher.last('red')).toBe(load.last);
    }, SOON);
    for (const watcher of watchers) expect(faultsOf(watcher.seen('red'), load)).toEqual([]);
    // Those of the other worker have noticed nothing.
    expect(leaving.size).toBe(before.get(String(first!['worker'])));
    expect(staged.lines('a worker ended')).toMatchObject([
      { reason: 'SIGKILL', worker: first!['worker'] },
    ]);
    const [, other = 0, again = 0] = pids();
    expect([victim, other, again].map(isAlive)).toEqual([false, true, true]);
  });

  test('is started again each time, also when it was only told to end', async () => {
    const staged = await stage();
    for (const signal of ['SIGTERM', 'SIGKILL', 'SIGTERM'] as const) {
      const count = staged.pids().length;
      process.kill(staged.pids().at(-1)!, signal);
      await vi.waitFor(() => expect(staged.pids()).toHaveLength(count + 1), SOON);
      await allReady(staged);
    }
    const ends = staged.lines('a worker ended');
    expect(ends.map(({ reason }) => reason)).toEqual(['exit code 0', 'SIGKILL', 'exit code 0']);
    // Longer each time, unless it lived long meanwhile on a busy machine.
    let inARow = 0;
    for (const { livedMs, againInMs } of ends) {
      inARow = Number(livedMs) < 10_000 ? inARow + 1 : 1;
      expect(againInMs).toBe(100 * 2 ** (inARow - 1));
    }
  });

  test('because it was silent is started again, and nobody waits for it for ever', async () => {
    const staged = await stage();
    const { pids, lines, url } = staged;
    const watchers = Array.from({ length: 10 }, () => new Watcher(url, ['red']));
    for (const watcher of watchers) await watcher.ready();
    const [victim = 0, other = 0] = pids();
    process.kill(victim, 'SIGSTOP');
    await vi.waitFor(() => expect(pids()).toHaveLength(3), { timeout: 30_000, interval: 50 });
    expect(lines('a worker ended')).toMatchObject([{ reason: 'it was silent for 10 s' }]);
    expect([victim, other].map(isAlive)).toEqual([false, true]);
    await allReady(staged);
    await vi.waitFor(() => {
      for (const { client } of watchers) expect(client.state).toBe('connected');
    }, SOON);
  });

  test('reads the configuration that it had, whatever the file says now', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-workers-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const file = join(folder, 'its.yaml');
    writeFileSync(file, 'namespaces: { chat: { subscribe: anonymous } }');
    const staged = await stage([`--config=${file}`]);
    writeFileSync(file, 'no: such option');
    process.kill(staged.pids()[0]!, 'SIGKILL');
    await vi.waitFor(() => expect(staged.pids()).toHaveLength(3), SOON);
    await allReady(staged);
    for (let round = 0; round < 10; round += 1) {
      const peer = await Peer.connected(staged.url);
      await peer.subscribe('chat:lobby');
    }
  });

  test('and cannot start again ends all of them, after a few tries, and says why', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-workers-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const curse = join(folder, 'curse');
    const cursed = `import { existsSync } from 'node:fs';
      if (process.send && existsSync(${JSON.stringify(curse)})) process.exit(7);`;
    const preload = `--import=data:text/javascript,${encodeURIComponent(cursed)}`;
    const staged = await stage([], { node: [preload] });
    const { program, pids, url } = staged;
    const peers = await Promise.all(Array.from({ length: 20 }, () => Peer.connected(url)));
    writeFileSync(curse, '');
    const startMs = performance.now();
    process.kill(pids()[0]!, 'SIGKILL');
    for (const peer of peers) expect([1006, 3001]).toContain((await peer.ended()).code);
    expect(await program.exit()).toBe(1);
    expect(program.complaints).toEqual([
      expect.stringMatching(/^sluice: worker [12] does not start any more: exit code 7$/),
    ]);
    expect(performance.now() - startMs).toBeGreaterThan(100 + 200 + 400 + 800);
    expect(staged.lines('a worker ended')).toHaveLength(4);
    expect(pids().filter(isAlive)).toEqual([]);
  });
});

describe('the end of the primary', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'at %s drains all workers, evenly and at the same time',
    async (signal) => {
      const staged = await stage(['--drain-delay=1s', '--drain-timeout=2s']);
      const { program, url, http, pids } = staged;
      const peers = await Promise.all(Array.from({ length: 30 }, () => Peer.connected(url)));
      const ends: number[] = [];
      for (const peer of peers) peer.socket.once('close', () => ends.push(performance.now()));
      const toldMs = performance.now();
      // As from a terminal: to all that are in the group, and so to the workers, too.
      for (const pid of signal === 'SIGINT' ? pids() : []) process.kill(pid, signal);
      program.process.kill(signal);
      await vi.waitFor(async () => {
        const said = await Promise.all(Array.from({ length: 8 }, () => readiness(http)));
        expect(new Set(said)).toEqual(new Set(['draining']));
      }, SOON);
      expect(await program.exit()).toBe(0);
      for (const peer of peers) expect(await peer.ended()).toEqual(SHUTDOWN);
      ends.sort((one, other) => one - other);
      expect(ends[0]! - toldMs).toBeGreaterThanOrEqual(900);
      expect(ends.at(-1)! - ends[0]!).toBeGreaterThan(1400);
      expect(ends.at(-1)! - toldMs).toBeLessThan(6000);
      expect(program.complaints).toEqual([]);
      expect(pids().filter(isAlive)).toEqual([]);
    },
  );

  test('by a second signal ends all at once', async () => {
    const staged = await stage(['--drain-delay=1h']);
    const { program, url, pids } = staged;
    const peer = await Peer.connected(url);
    program.process.kill('SIGTERM');
    await vi.waitFor(() => expect(program.logged).toContain('draining; once more'), SOON);
    await peer.ask({ ping: {} });
    expect(pids().filter(isAlive)).toHaveLength(2);
    program.process.kill('SIGINT');
    expect(await program.exit()).toBe(1);
    expect((await peer.ended()).code).toBe(1006);
    await vi.waitFor(() => expect(pids().filter(isAlive)).toEqual([]), SOON);
  });

  test('without a word is noticed: the workers drain and end', async () => {
    const staged = await stage(['--drain-delay=500ms', '--drain-timeout=500ms']);
    const { program, url, pids } = staged;
    const peers = await Promise.all(Array.from({ length: 10 }, () => Peer.connected(url)));
    program.process.kill('SIGKILL');
    for (const peer of peers) expect(await peer.ended()).toEqual(SHUTDOWN);
    await vi.waitFor(() => expect(pids().filter(isAlive)).toEqual([]), SOON);
  });

  test('while it starts leaves no worker', async () => {
    const program = new Program([
      '--dev',
      '--port=0',
      '--workers=2',
      '--redis-url=redis://127.0.0.1:1',
    ]);
    const children = (): number[] =>
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(Number)
        .filter((pid) => parentOf(pid) === program.process.pid);
    await vi.waitFor(() => expect(children()).toHaveLength(2), SOON);
    const pids = children();
    program.process.kill('SIGKILL');
    await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), SOON);
  });
});

async function readiness(http: string): Promise<string> {
  const answer = await fetch(`${http}/ready`, { headers: { connection: 'close' } });
  return ((await answer.json()) as { readonly status: string }).status;
}

function parentOf(pid: number): number {
  const file = `/proc/${pid}/status`;
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  return Number(/^PPid:\s+(\d+)/m.exec(text)?.[1]);
}
