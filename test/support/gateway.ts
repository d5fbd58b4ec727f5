/** Gateways on free ports, closed after the test that started them. */
import { Centrifuge } from 'centrifuge';
import type { Options } from 'centrifuge';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { Gateway } from '../../src/gateway.ts';
import { createGateway } from '../../src/gateway.ts';
import { signToken } from '../../src/auth/sign.ts';

/** The edges that every test over real sockets runs on. */
export const EDGES = ['uws', 'ws'] as const;
export type EdgeName = (typeof EDGES)[number];

export const SECRET = 'the-secret-of-the-tests';
export const API_KEY = 'the-key-of-the-tests';

export interface Running {
  readonly gateway: Gateway;
  readonly port: number;
  /** `ws://…/connection/websocket`. */
  readonly url: string;
  /** `http://…`. */
  readonly http: string;
}

/** Everyone may do everything, unless the options say otherwise. */
export async function startGateway(options: GatewayOptions = {}): Promise<Running> {
  const gateway = createGateway({ dev: true, host: '127.0.0.1', port: 0, ...options });
  onTestFinished(() => gateway.close());
  const { port } = await gateway.start();
  const authority = `127.0.0.1:${port}`;
  return {
    gateway,
    port,
    url: `ws://${authority}/connection/websocket`,
    http: `http://${authority}`,
  };
}

/** What nobody may do without being allowed: the options of a gateway as it runs in earnest. */
export function earnest(options: GatewayOptions = {}): GatewayOptions {
  return { dev: false, tokens: { hmacSecret: SECRET }, api: { keys: [API_KEY] }, ...options };
}

export function token(claims: Readonly<Record<string, unknown>>): Promise<string> {
  return signToken(claims, { secret: SECRET });
}

/** The official client, disconnected after the test. Its retries are quick. */
export function officialClient(url: string, options: Partial<Options> = {}): Centrifuge {
  const client = new Centrifuge(url, {
    websocket: WebSocket,
    minReconnectDelay: 10,
    maxReconnectDelay: 50,
    ...options,
  });
  onTestFinished(() => client.disconnect());
  return client;
}

/** The next time something emits `event`, with what it emits. */
export function next<T>(
  emitter: { once(event: string, listener: (context: T) => void): unknown },
  event: string,
): Promise<T> {
  return new Promise((resolve) => {
    emitter.once(event, resolve);
  });
}
