/** Processes of a run: each answers one order at a time, and none outlives the run. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { once } from 'node:events';

interface Message {
  readonly answer?: unknown;
  readonly problem?: string;
}

export interface ChildOptions {
  readonly name: string;
  readonly module: URL;
  readonly args?: readonly string[];
  /** For node. */
  readonly flags?: readonly string[];
}

const STOP_MS = 5000;
const children = new Set<Child>();

export class Child {
  readonly name: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  #waiting: PromiseWithResolvers<unknown> | null = null;
  #problem: string | null = null;

  constructor({ name, module, args = [], flags = [] }: ChildOptions) {
    this.name = name;
    this.#process = fork(module, args, { execArgv: [...flags], stdio: ['ignore', 2, 2, 'ipc'] });
    this.#ended = once(this.#process, 'exit');
    this.#process.on('message', (message: Message) => this.#answered(message));
    this.#process.on('exit', (code, signal) => {
      children.delete(this);
      this.#fail(`${name} ended (${signal ?? code})`);
    });
    children.add(this);
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** What it says by itself, or in answer to an order. */
  listen<Answer>(): Promise<Answer> {
    if (this.#problem !== null) return Promise.reject(new Error(this.#problem));
    this.#waiting = Promise.withResolvers();
    return this.#waiting.promise as Promise<Answer>;
  }

  ask<Answer>(order: unknown): Promise<Answer> {
    const answer = this.listen<Answer>();
    if (this.#problem === null) this.#process.send(order as object);
    return answer;
  }

  /** Lets it end by itself, and ends it when it does not. */
  async stop(order?: unknown): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    if (order === undefined) this.#process.kill('SIGTERM');
    else this.#process.send(order as object);
    const late = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MS);
    await this.#ended;
    clearTimeout(late);
  }

  /** For a run that is interrupted: it ends by itself, with what it has started. */
  kill(): void {
    if (this.#process.connected) this.#process.disconnect();
  }

  #answered({ answer, problem }: Message): void {
    if (problem !== undefined) {
      this.#waiting?.reject(new Error(`${this.name}: ${problem}`));
    } else {
      this.#waiting?.resolve(answer);
    }
    this.#waiting = null;
  }

  #fail(problem: string): void {
    this.#problem = problem;
    this.#waiting?.reject(new Error(problem));
    this.#waiting = null;
  }
}

/** Ends what still runs. */
export function killAll(): void {
  for (const child of children) child.kill();
}
