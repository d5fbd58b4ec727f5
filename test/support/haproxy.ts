/** A real load balancer in front of gateways: HAProxy, which asks them whether they are ready. */
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, vi } from 'vitest';
import { freePort } from './redis.ts';

const PROGRAM = '/usr/sbin/haproxy';
const MISSING = `there is no ${PROGRAM}: apt-get install haproxy`;

/** Clients of one balancer; each takes two of its files. */
const CLIENTS_MAX = 8000;

const SOON = { timeout: 10_000, interval: 20 };

export class HaProxy {
  readonly port: number;
  readonly #folder = mkdtempSync(join(tmpdir(), 'sluice-haproxy-'));
  readonly #file = join(this.#folder, 'haproxy.cfg');
  #process: ChildProcess | null = null;
  #complaints = '';

  private constructor(port: number, gateways: readonly number[]) {
    this.port = port;
    writeFileSync(this.#file, configuration(port, gateways));
  }

  /** In front of gateways on these ports, of which at least one must be ready. */
  static async start(gateways: readonly number[]): Promise<HaProxy> {
    const balancer = new HaProxy(await freePort(), gateways);
    onTestFinished(() => balancer.#dispose());
    await balancer.start();
    return balancer;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/connection/websocket`;
  }

  get http(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const started = spawn(PROGRAM, ['-f', this.#file, '-db'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    started.on('error', (error) => {
      this.#complaints = `${MISSING} (${error.message})`;
    });
    started.stderr.on('data', (chunk: Buffer) => (this.#complaints += chunk.toString()));
    this.#process = started;
    await vi.waitFor(async () => {
      const answer = await fetch(`${this.http}/ready`).catch(() => null);
      if (answer?.status !== 200) throw new Error(this.#complaints || 'it does not answer');
    }, SOON);
  }

  /** All connections through it are cut at once. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  }

  async #dispose(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** By itself HAProxy asks in HTTP/1.0, which uWebSockets.js does not speak. */
function configuration(port: number, gateways: readonly number[]): string {
  return `global
  maxconn ${CLIENTS_MAX}
  nbthread 1
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  timeout tunnel 1h
  timeout check 2s
  retries 3
  option redispatch 1
frontend clients
  bind 127.0.0.1:${port} backlog ${CLIENTS_MAX}
  default_backend gateways
backend gateways
  balance leastconn
  option httpchk
  http-check send meth GET uri /ready ver HTTP/1.1 hdr Host gateway
  http-check expect status 200
  default-server check inter 200ms fall 2 rise 2 maxconn ${CLIENTS_MAX}
${gateways.map((to, at) => `  server gateway${at} 127.0.0.1:${to}\n`).join('')}`;
}
