/** The program with several workers, as processes of their own. */
import { onTestFinished, vi } from 'vitest';
import type { ProgramOptions } from '../support/program.ts';
import { Program } from '../support/program.ts';
import { RedisServer } from '../support/redis.ts';
import { isReady } from '../redis/gateways.ts';

/** Looks every few milliseconds: what is waited for takes no longer. */
export const SOON = { timeout: 15_000, interval: 10 };

export interface Staged {
  readonly program: Program;
  readonly redis: RedisServer;
  /** `ws://…/connection/websocket`. */
  readonly url: string;
  /** `http://…`. */
  readonly http: string;
  /** The processes of the workers that listened, in the order in which they began to. */
  readonly pids: () => number[];
  /** Lines of the log with this message. */
  readonly lines: (message: string) => Readonly<Record<string, unknown>>[];
}

/** Workers that are ready: two, unless the flags say otherwise. */
export async function stage(
  flags: readonly string[] = [],
  options: ProgramOptions = {},
): Promise<Staged> {
  const redis = await RedisServer.start();
  const count = flags.some((flag) => flag.startsWith('--workers')) ? [] : ['--workers=2'];
  const all = ['--dev', '--port=0', `--redis-url=${redis.url}`, ...count, ...flags];
  const program = await Program.listening(all, options);
  const staged = stagedOf(program, redis);
  // Whatever a test does to the primary, none of its workers is left.
  onTestFinished(() => {
    for (const pid of staged.pids()) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  await allReady(staged);
  return staged;
}

function stagedOf(program: Program, redis: RedisServer): Staged {
  const lines: Staged['lines'] = (message) =>
    program.logged
      .split('\n')
      .filter((line) => line.includes(`"msg":"${message}"`))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return {
    program,
    redis,
    url: program.url,
    http: `http://127.0.0.1:${program.port}`,
    lines,
    pids: () => lines('a worker listens').map(({ pid }) => Number(pid)),
  };
}

/** Whichever worker is asked. */
export async function allReady(staged: Pick<Staged, 'http'>): Promise<void> {
  await vi.waitFor(async () => {
    for (let round = 0; round < 10; round += 1) {
      // Each asks over a connection of its own.
      if (!(await isReady(staged))) throw new Error('a worker is not ready');
    }
  }, SOON);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The values of a meter without further labels, by worker. */
export async function byWorker(http: string, name: string): Promise<ReadonlyMap<string, number>> {
  const text = await (await fetch(`${http}/metrics`, { headers: { connection: 'close' } })).text();
  const line = new RegExp(`^sluice_${name}\\{worker="(\\d+)"\\} (\\S+)$`, 'gm');
  return new Map([...text.matchAll(line)].map(([, worker = '', value]) => [worker, Number(value)]));
}
