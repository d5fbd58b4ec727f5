/** The program `sluice` as a process of its own. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;

const PATIENTLY = { timeout: 15_000, interval: 10 };

export interface ProgramOptions {
  /** Besides those that every program needs. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments for node itself. */
  readonly node?: readonly string[];
}

export class Program {
  readonly process: ChildProcess;
  /** What it wrote to stdout, for people. */
  printed = '';
  /** What it wrote to stderr: its log, and why it did not start. */
  logged = '';

  constructor(flags: readonly string[], { env = {}, node = [] }: ProgramOptions = {}) {
    // Where no file of options lies about.
    const cwd = mkdtempSync(join(tmpdir(), 'sluice-'));
    this.process = spawn(process.execPath, [...node, MAIN, ...flags], {
      cwd,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process.stdout?.on('data', (chunk: Buffer) => (this.printed += chunk.toString()));
    this.process.stderr?.on('data', (chunk: Buffer) => (this.logged += chunk.toString()));
    onTestFinished(() => {
      this.process.kill('SIGKILL');
      rmSync(cwd, { recursive: true, force: true });
    });
  }

  /** A program that listens. */
  static async listening(flags: readonly string[], options: ProgramOptions = {}): Promise<Program> {
    const program = new Program(flags, options);
    await vi.waitFor(() => {
      if (!program.printed.includes('Stop it with')) throw new Error(program.logged || 'silence');
    }, PATIENTLY);
    return program;
  }

  /** Where it says that clients connect. */
  get url(): string {
    return /ws:\S+/.exec(this.printed)?.[0] ?? '';
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** The port of API and metrics. */
  get internalPort(): number {
    return Number(/:(\d+)\/metrics/.exec(this.printed)?.[1]);
  }

  /** Lines on stderr that are not of the log. */
  get complaints(): readonly string[] {
    return this.logged.split('\n').filter((line) => line !== '' && !line.startsWith('{"level"'));
  }

  /** The code it exits with, by itself. */
  async exit(): Promise<number> {
    await vi.waitFor(() => {
      if (this.process.exitCode === null) throw new Error(`still running: ${this.logged}`);
    }, PATIENTLY);
    return this.process.exitCode!;
  }
}
