/** The command line as a process of its own. */
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { run } from '../../src/cli/cli.ts';
import type { Out } from '../../src/cli/shell.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

/** Looks every few milliseconds: a machine may be busy, but what is waited for comes. */
const PATIENTLY = { timeout: 30_000, interval: 5 };

vi.setConfig({ testTimeout: 60_000 });

export interface Setting {
  /** Variables, besides those that every program needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** What stands in `sluice.yaml`. */
  readonly file?: string;
  /** What comes in on stdin. */
  readonly input?: string;
}

export interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs it to its end. */
export function sluice(argv: readonly string[], setting: Setting = {}): Promise<Ran> {
  const { input = '' } = setting;
  const command = new Command(argv, setting);
  command.process.stdin.end(input);
  return command.end();
}

/** Within this process, which is quicker; for what is the same there. */
export async function within(
  argv: readonly string[],
  { env = {} }: Pick<Setting, 'env'> = {},
): Promise<Ran> {
  const said = { out: '', err: '' };
  const sink = (name: 'out' | 'err'): Out => ({
    write: (text) => (said[name] += text),
    writableLength: 0,
    on() {},
  });
  const nobody = (): never => {
    throw new Error('nothing is to be served');
  };
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const host = { open: nobody, welcome: nobody };
  const code = await run(argv, host, { out: sink('out'), err: sink('err') });
  vi.unstubAllEnvs();
  return { code, ...said };
}

/** What it prints with `--json`, as a value; in a process of its own where there is a file for it. */
export async function json(
  argv: readonly string[],
  setting: Omit<Setting, 'input'> = {},
): Promise<unknown> {
  const start = setting.file === undefined ? within : sluice;
  const { code, out, err } = await start([...argv, '--json'], setting);
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`);
  return JSON.parse(out);
}

/** One that goes on. */
export class Command {
  readonly process: ChildProcessWithoutNullStreams;
  out = '';
  err = '';
  readonly #closed: Promise<void>;

  constructor(argv: readonly string[], { env = {}, file }: Setting = {}) {
    const cwd = mkdtempSync(join(tmpdir(), 'sluice-cli-'));
    if (file !== undefined) writeFileSync(join(cwd, 'sluice.yaml'), file);
    this.process = spawn(process.execPath, [MAIN, ...argv], {
      cwd,
      env: { PATH: process.env['PATH'], ...env },
    });
    // It may have ended before it read all.
    this.process.stdin.on('error', () => {});
    this.process.stdout.on('data', (chunk: Buffer) => (this.out += chunk.toString()));
    this.process.stderr.on('data', (chunk: Buffer) => (this.err += chunk.toString()));
    this.#closed = new Promise((resolve) => this.process.once('close', () => resolve()));
    onTestFinished(() => {
      this.process.kill('SIGKILL');
      rmSync(cwd, { recursive: true, force: true });
    });
  }

  get lines(): readonly string[] {
    return this.out.split('\n').filter((line) => line !== '');
  }

  async end(): Promise<Ran> {
    await this.#closed;
    return { code: this.process.exitCode, out: this.out, err: this.err };
  }

  async until(holds: () => boolean): Promise<void> {
    await vi.waitFor(() => {
      if (!holds()) throw new Error(`stdout: ${this.out}, stderr: ${this.err}`);
    }, PATIENTLY);
  }
}

/** Where nobody listens any more. */
export async function nowhere(): Promise<string> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return `http://127.0.0.1:${port}`;
}

/** Errors are one line, and say whose they are. */
export const ONE_LINE = /^sluice: [^\n]+\n$/;
