/**
 * What the archive costs the event loop of a gateway: `node bench/archive.ts [--rate=5000]
 * [--seconds=20] [--rounds=1]`. Clients publish at a steady rate, each to a channel of its own that
 * it is subscribed to; the gateway is measured without an archive, with one in a server of Postgres,
 * and with one in PGlite.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { createGateway } from '../src/gateway.ts';
import { PostgresServer } from '../test/support/postgres.ts';

const SELF = fileURLToPath(import.meta.url);

const CLIENTS = 50;
const DATA_BYTES = 200;
const WARM_UP_MS = 3000;
/** How often each client sends what is due. */
const TICK_MS = 10;

/** What a gateway says of itself. */
interface Report {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  /** Of the process, with the thread of PGlite. */
  readonly cpu: number;
  readonly archived: number;
  /** The most that waited to be archived. */
  readonly waiting: number;
}

interface Loaded {
  readonly published: number;
  readonly refused: number;
}

/** The gateway: `open`, then `measure`, then `report`. */
async function runGateway(url: string): Promise<void> {
  const gateway = createGateway({
    dev: true,
    host: '127.0.0.1',
    port: 0,
    limits: { framesPerSecond: 0, commandsPerSecond: 0 },
    ...(url === '' ? {} : { archive: { url } }),
    namespaces: {
      bench: {
        history: { size: 100, ttl: '10m' },
        recovery: true,
        subscribe: 'anonymous',
        publish: 'anonymous',
        archive: url !== '',
      },
    },
  });
  const { port } = await gateway.start();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  let cpu = process.cpuUsage();
  let beganMs = performance.now();
  let waiting = 0;
  const meter = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    return Number(new RegExp(`^sluice_${name} (\\S+)$`, 'm').exec(text)?.[1] ?? 0);
  };
  process.on('message', (order) => {
    if (order === 'measure') {
      delay.enable();
      delay.reset();
      cpu = process.cpuUsage();
      beganMs = performance.now();
      setInterval(() => {
        void meter('archive_buffer_publications').then((now) => {
          waiting = Math.max(waiting, now);
        });
      }, 500).unref();
      return;
    }
    delay.disable();
    const { user, system } = process.cpuUsage(cpu);
    const lastedMs = performance.now() - beganMs;
    void meter('archive\\{outcome="written"\\}').then((archived) => {
      const report: Report = {
        p50Ms: delay.percentile(50) / 1e6,
        p99Ms: delay.percentile(99) / 1e6,
        p999Ms: delay.percentile(99.9) / 1e6,
        maxMs: delay.max / 1e6,
        cpu: (user + system) / 1000 / lastedMs,
        archived,
        waiting,
      };
      process.send?.(report);
    });
  });
  if (url !== '') {
    while ((await meter('archive_up')) !== 1) await sleep(50);
  }
  process.send?.(port);
}

/** Clients that publish `rate` messages a second together, until they are told to stop. */
async function runLoad(port: number, rate: number): Promise<void> {
  let [published, refused] = [0, 0];
  const over = new AbortController();
  const data = 'x'.repeat(DATA_BYTES);
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, async (_, index) => {
      const socket = new WebSocket(`ws://127.0.0.1:${port}/connection/websocket`);
      await once(socket, 'open');
      const channel = `bench:${index}`;
      socket.on('message', (frame: Buffer) => {
        for (const line of frame.toString().split('\n')) {
          if (line === '{}') socket.send('{}');
          else if (line.includes('"publish"')) published += 1;
          else if (line.includes('"error"')) refused += 1;
        }
      });
      socket.send('{"id":1,"connect":{}}');
      socket.send(JSON.stringify({ id: 2, subscribe: { channel } }));
      let id = 2;
      return (count: number): void => {
        const lines = Array.from({ length: count }, () => {
          id += 1;
          return JSON.stringify({ id, publish: { channel, data } });
        });
        if (count > 0) socket.send(lines.join('\n'));
      };
    }),
  );
  process.on('message', () => {
    over.abort();
    process.send?.({ published, refused } satisfies Loaded);
  });
  process.send?.('ready');
  const beganMs = performance.now();
  let sent = 0;
  while (!over.signal.aborted) {
    // What is late is made up for, so that a gateway that is held up is not spared.
    const due = Math.floor(((performance.now() - beganMs) / 1000) * rate);
    for (const [index, send] of clients.entries()) {
      send(Math.floor((due + index) / CLIENTS) - Math.floor((sent + index) / CLIENTS));
    }
    sent = due;
    await sleep(TICK_MS);
  }
}

function child(...args: readonly string[]): ChildProcess {
  return fork(SELF, [...args], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

async function hear<T>(from: ChildProcess): Promise<T> {
  const [said] = (await once(from, 'message')) as [T];
  return said;
}

async function measure(url: string, rate: number, seconds: number): Promise<Report & Loaded> {
  const gateway = child('gateway', url);
  try {
    const port = await hear<number>(gateway);
    const load = child('load', String(port), String(rate));
    try {
      await hear(load);
      await sleep(WARM_UP_MS);
      gateway.send('measure');
      await sleep(seconds * 1000);
      gateway.send('report');
      const report = await hear<Report>(gateway);
      load.send('stop');
      return { ...report, ...(await hear<Loaded>(load)) };
    } finally {
      load.kill('SIGKILL');
    }
  } finally {
    gateway.kill('SIGKILL');
  }
}

async function compare(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rate: { type: 'string', default: '5000' },
      seconds: { type: 'string', default: '20' },
      rounds: { type: 'string', default: '1' },
    },
  });
  const [rate, seconds] = [Number(values.rate), Number(values.seconds)];
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const server = await PostgresServer.shared();
  const engines = [
    ['none', ''],
    ['Postgres', server.url],
    ['PGlite', `pglite:${join(folder, 'archive')}`],
  ] as const;
  process.stdout.write(
    `${rate} publications/s of ${DATA_BYTES} bytes for ${seconds} s; node ${process.version}, ` +
      `${availableParallelism()} cores\n` +
      'archive    p50 ms  p99 ms  p99.9 ms  max ms  CPU   published  refused  archived  waiting  load\n',
  );
  try {
    for (let round = 0; round < Number(values.rounds); round += 1) {
      for (const [name, url] of engines) {
        const result = await measure(url, rate, seconds);
        process.stdout.write(`${row(name, result)}  ${loadavg()[0]?.toFixed(1)}\n`);
      }
    }
  } finally {
    await server.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

function row(name: string, result: Report & Loaded): string {
  const { p50Ms, p99Ms, p999Ms, maxMs, cpu, published, refused, archived, waiting } = result;
  return [
    name.padEnd(9),
    p50Ms.toFixed(2).padStart(7),
    p99Ms.toFixed(2).padStart(6),
    p999Ms.toFixed(2).padStart(8),
    maxMs.toFixed(1).padStart(6),
    `${Math.round(cpu * 100)}%`.padStart(4),
    String(published).padStart(10),
    String(refused).padStart(7),
    String(archived).padStart(8),
    String(waiting).padStart(7),
  ].join('  ');
}

const [role, ...args] = process.argv.slice(2);
if (role === 'gateway') await runGateway(args[0] ?? '');
else if (role === 'load') await runLoad(Number(args[0]), Number(args[1]));
else await compare();
