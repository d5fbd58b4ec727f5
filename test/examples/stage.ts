/** The example as its reader runs it: processes of their own, on the package as it is built. */
import type { ChildProcess } from 'node:child_process';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, onTestFinished, vi } from 'vitest';

const ROOT = new URL('../..', import.meta.url).pathname;
const PARTS = [
  'examples',
  'scripts',
  'src',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
];

export const PATIENTLY = { timeout: 60_000, interval: 20 };

let project = '';

/** A copy, so that nobody's `dist` is touched; for all tests of a file. */
export function buildProject(): void {
  beforeAll(() => {
    project = mkdtempSync(join(tmpdir(), 'sluice-project-'));
    for (const part of PARTS) cpSync(join(ROOT, part), join(project, part), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(project, 'node_modules'));
    execFileSync(process.execPath, ['scripts/build.ts'], { cwd: project });
  });
  afterAll(() => rmSync(project, { recursive: true, force: true }));
}

type Environment = Readonly<Record<string, string>>;

/** One file of the example that runs. */
export class Running {
  readonly #process: ChildProcess;
  /** Stdout. */
  printed = '';
  /** Stderr. */
  complained = '';

  constructor(file: string, { args = [], env = {} }: { args?: string[]; env?: Environment } = {}) {
    this.#process = spawn(process.execPath, [`examples/service/${file}`, ...args], {
      cwd: project,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#process.stdout?.on('data', (chunk: Buffer) => (this.printed += chunk.toString()));
    this.#process.stderr?.on('data', (chunk: Buffer) => (this.complained += chunk.toString()));
    onTestFinished(async () => {
      await this.end('SIGKILL');
    });
  }

  /** The JSON lines that it printed, as far as they are whole. */
  get lines(): readonly Readonly<Record<string, unknown>>[] {
    const lines = this.printed.split('\n').slice(0, -1);
    return lines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }

  /** The code that it ends with; null when it was killed. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#process.kill(signal);
    return this.ended();
  }

  async ended(): Promise<number | null> {
    const { exitCode, signalCode } = this.#process;
    if (exitCode === null && signalCode === null) await once(this.#process, 'close');
    return this.#process.exitCode;
  }

  async prints(text: string): Promise<void> {
    await vi.waitFor(() => {
      const { exitCode } = this.#process;
      if (exitCode !== null) throw new Error(`it ended with ${exitCode}: ${this.complained}`);
      if (!this.printed.includes(text)) throw new Error(`no ${text}: ${this.complained}`);
    }, PATIENTLY);
  }
}

export interface Answer {
  readonly status: number;
  /** Whatever JSON was answered. */
  readonly body: unknown;
}

/** One request over HTTP; a text goes as it is, and other bodies as JSON. */
export async function ask(url: string, body?: unknown, method?: string): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const init = body === undefined ? {} : { method: 'POST', body: text };
  const response = await fetch(url, method === undefined ? init : { ...init, method });
  return { status: response.status, body: await response.json() };
}
