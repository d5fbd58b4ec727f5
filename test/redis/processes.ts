/** Gateways that share a Redis, each a process of its own. */
import { expect, vi } from 'vitest';
import { api } from '../support/http.ts';
import { Program } from '../support/program.ts';
import type { Publisher } from './checker.ts';
import { isReady, SOON } from './gateways.ts';

/** Everyone may do everything, and everything that is published in a test is kept. */
const RULES = { history: { size: 1_000_000, ttl: '1h' } };

export interface ProcessOptions {
  readonly port?: number;
  readonly flags?: readonly string[];
  /** Unless they are set there is one, in which all that is published in a test is kept. */
  readonly namespaces?: object;
}

export class GatewayProcess implements Publisher {
  readonly program: Program;
  readonly port: number;
  readonly url: string;
  readonly http: string;
  readonly gateway = {
    publish: (channel: string, data: unknown): Promise<unknown> =>
      this.call('publish', { channel, data }),
  };

  private constructor(program: Program) {
    this.program = program;
    this.port = program.port;
    this.url = program.url;
    this.http = `http://127.0.0.1:${program.port}`;
  }

  /** One that listens, and may not be ready. */
  static async listening(redisUrl: string, options: ProcessOptions = {}): Promise<GatewayProcess> {
    const { port = 0, flags = [], namespaces = { default: RULES } } = options;
    const program = await Program.listening([
      '--dev',
      `--port=${port}`,
      `--redis-url=${redisUrl}`,
      `--namespaces=${JSON.stringify(namespaces)}`,
      '--limits-history-publications=10000',
      ...flags,
    ]);
    return new GatewayProcess(program);
  }

  static async ready(redisUrl: string, options: ProcessOptions = {}): Promise<GatewayProcess> {
    const started = await GatewayProcess.listening(redisUrl, options);
    await started.untilReady();
    return started;
  }

  get lately(): string {
    return this.program.logged.slice(-2000);
  }

  async untilReady(): Promise<void> {
    await vi.waitFor(async () => expect(await isReady(this)).toBe(true), SOON);
  }

  /** The result of a method of the API. @throws unless its status is 200 */
  async call(method: string, body: object): Promise<unknown> {
    const { status, answer } = await api(this.http, method, body);
    if (status !== 200) throw new Error(`${method}: ${status} ${JSON.stringify(answer)}`);
    return answer['result'];
  }

  kill(): void {
    this.program.process.kill('SIGKILL');
  }

  pause(): void {
    this.program.process.kill('SIGSTOP');
  }

  resume(): void {
    this.program.process.kill('SIGCONT');
  }
}
