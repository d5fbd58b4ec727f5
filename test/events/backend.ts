/** A backend that is told of events by HTTP, and does with them what a test says. */
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { EventBatch } from '../../src/events/event.ts';
import { View } from './view.ts';

export interface Posted {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Answers, or does not; with a status of 2xx the batch is taken. */
export type Answer = (response: ServerResponse, posted: Posted) => void | Promise<void>;

export const taken: Answer = (response) => void response.writeHead(204).end();

export class HttpBackend {
  readonly view = new View();
  readonly posts: Posted[] = [];
  answer: Answer = taken;
  /** 0 until it has listened. */
  #port = 0;
  #server: Server | null = null;

  static async start(): Promise<HttpBackend> {
    const backend = new HttpBackend();
    await backend.listen();
    onTestFinished(() => backend.stop());
    return backend;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/events?from=sluice`;
  }

  /** Again on its port, after it was stopped. */
  async listen(): Promise<void> {
    this.#server = createServer((request, response) => void this.#handle(request, response));
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** As if its process was killed. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (server?.listening !== true) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => {});
    const { method = '', url = '', headers } = request;
    const posted = { method, path: url, headers, body: await text(request).catch(() => '') };
    this.posts.push(posted);
    await this.answer(response, posted);
    const isTaken = response.headersSent && response.statusCode < 300;
    if (isTaken) this.view.take(JSON.parse(posted.body) as EventBatch);
  }
}

/** Whether a request was signed with the secret: over its time, a dot and its body. */
export function isSigned({ headers, body }: Posted, secret: string): boolean {
  const time = String(headers['x-sluice-timestamp']);
  const digest = createHmac('sha256', secret).update(`${time}.${body}`).digest('hex');
  return (
    headers['x-sluice-signature'] === `v1=${digest}` &&
    Math.abs(Number(time) - Date.now() / 1000) < 60
  );
}
