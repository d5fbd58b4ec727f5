/** Two SDKs behind one face, as thin as can be: ours and the official one. */
import { Centrifuge } from 'centrifuge';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import type { ClientOptions, Delta } from '../../src/client/options.ts';
import { fossil } from '../../src/client/delta.ts';
import { msgpack } from '../../src/client/msgpack.ts';
import { client } from './rig.ts';

export interface ConnectOptions {
  readonly token?: string;
  readonly getToken?: () => Promise<string>;
  readonly data?: unknown;
}

interface SubscribeOptions {
  readonly token?: string;
  readonly getToken?: () => Promise<string>;
  readonly data?: unknown;
  readonly joinLeave?: boolean;
  readonly delta?: boolean;
}

/** What happened, in order: a name, and what a test compares of it. */
export type Log = readonly [string, ...unknown[]][];

interface Place {
  readonly offset: number;
  readonly epoch: string;
}

export interface DrivenChannel {
  /** `subscribed` (recovered), `unsubscribed` (code), `subscribing` (code), `pub` (data, offset), `join` and `leave` (user). */
  readonly log: Log;
  subscribe(): void;
  unsubscribe(): void;
  publish(data: unknown): Promise<unknown>;
  history(limit: number, reverse?: boolean): Promise<{ data: unknown[]; position: Place }>;
  presence(): Promise<{ user: string; info: unknown }[]>;
  presenceStats(): Promise<readonly [clients: number, users: number]>;
}

export interface DrivenClient {
  /** `connected` (data), `connecting` (code), `disconnected` (code), and those of server-side channels. */
  readonly log: Log;
  connect(): void;
  close(): void;
  channel(name: string, options?: SubscribeOptions): DrivenChannel;
  rpc(method: string, data: unknown): Promise<unknown>;
  send(data: unknown): Promise<unknown>;
}

export interface Driver {
  readonly name: string;
  client(url: string, options?: ConnectOptions): DrivenClient;
}

function ours(name: string, settings: ClientOptions): Driver {
  return {
    name,
    client(url, options = {}) {
      const one = client(url, { ...settings, ...options });
      const log: [string, ...unknown[]][] = [];
      one.on('connecting', ({ code }) => log.push(['connecting', code]));
      one.on('connected', ({ data }) => log.push(['connected', data]));
      one.on('disconnected', ({ code }) => log.push(['disconnected', code]));
      one.on('subscribed', (sub) => log.push(['subscribed', sub.channel, sub.recovered]));
      one.on('unsubscribed', (sub) => log.push(['unsubscribed', sub.channel]));
      one.on('publication', (pub) => log.push(['pub', pub.channel, pub.data, pub.offset]));
      return {
        log,
        connect: () => void one.connect(),
        close: () => one.close(),
        channel: (channel, asked = {}) => ourChannel(one, channel, asked),
        rpc: (method, data) => one.rpc(method, data),
        send: (data) => one.send(data),
      };
    },
  };
}

function ourChannel(
  one: ReturnType<typeof client>,
  name: string,
  { delta = false, ...options }: SubscribeOptions,
): DrivenChannel {
  const format: { delta?: Delta } = delta ? { delta: fossil } : {};
  const channel = one.channel(name, { ...options, ...format });
  const log: [string, ...unknown[]][] = [];
  channel.on('subscribing', ({ code }) => log.push(['subscribing', code]));
  channel.on('subscribed', ({ recovered }) => log.push(['subscribed', recovered]));
  channel.on('unsubscribed', ({ code }) => log.push(['unsubscribed', code]));
  channel.on('publication', ({ data, offset }) => log.push(['pub', data, offset]));
  channel.on('join', ({ info }) => log.push(['join', info.user]));
  channel.on('leave', ({ info }) => log.push(['leave', info.user]));
  return {
    log,
    subscribe: () => void channel.subscribe(),
    unsubscribe: () => channel.unsubscribe(),
    publish: (data) => channel.publish(data),
    async history(limit, reverse = false) {
      const { publications, position } = await channel.history({ limit, reverse });
      return { data: publications.map(({ data }) => data), position };
    },
    presence: async () =>
      (await channel.presence()).map(({ user, connInfo }) => ({ user, info: connInfo })),
    async presenceStats() {
      const { clients, users } = await channel.presenceStats();
      return [clients, users];
    },
  };
}

const official: Driver = {
  name: 'centrifuge',
  client(url, options = {}) {
    const delays = { minReconnectDelay: 10, maxReconnectDelay: 50 };
    const one = new Centrifuge(url, { websocket: WebSocket, ...delays, ...options });
    onTestFinished(() => one.disconnect());
    const log: [string, ...unknown[]][] = [];
    one.on('connecting', ({ code }) => log.push(['connecting', code]));
    one.on('connected', ({ data }) => log.push(['connected', data]));
    one.on('disconnected', ({ code }) => log.push(['disconnected', code]));
    one.on('subscribed', (sub) => log.push(['subscribed', sub.channel, sub.recovered]));
    one.on('unsubscribed', (sub) => log.push(['unsubscribed', sub.channel]));
    one.on('publication', (pub) => log.push(['pub', pub.channel, pub.data, pub.offset]));
    return {
      log,
      connect: () => one.connect(),
      close: () => one.disconnect(),
      channel: (channel, asked = {}) => officialChannel(one, channel, asked),
      rpc: async (method, data) => (await one.rpc(method, data)).data,
      send: (data) => one.send(data),
    };
  },
};

function officialChannel(
  one: Centrifuge,
  name: string,
  { delta = false, ...options }: SubscribeOptions,
): DrivenChannel {
  const delays = { minResubscribeDelay: 10, maxResubscribeDelay: 50 };
  const format: { delta?: 'fossil' } = delta ? { delta: 'fossil' } : {};
  const sub = one.newSubscription(name, { recoverable: true, ...delays, ...options, ...format });
  const log: [string, ...unknown[]][] = [];
  sub.on('subscribing', ({ code }) => log.push(['subscribing', code]));
  sub.on('subscribed', ({ recovered }) => log.push(['subscribed', recovered]));
  sub.on('unsubscribed', ({ code }) => log.push(['unsubscribed', code]));
  sub.on('publication', ({ data, offset }) => log.push(['pub', data, offset ?? 0]));
  sub.on('join', ({ info }) => log.push(['join', info.user]));
  sub.on('leave', ({ info }) => log.push(['leave', info.user]));
  return {
    log,
    subscribe: () => sub.subscribe(),
    unsubscribe: () => sub.unsubscribe(),
    publish: (data) => sub.publish(data),
    async history(limit, reverse = false) {
      const { publications, offset, epoch } = await sub.history({ limit, reverse });
      return { data: publications.map(({ data }): unknown => data), position: { offset, epoch } };
    },
    presence: async () =>
      Object.values((await sub.presence()).clients).map((info) => ({
        user: info.user,
        info: info.connInfo as unknown,
      })),
    async presenceStats() {
      const { numClients, numUsers } = await sub.presenceStats();
      return [numClients, numUsers];
    },
  };
}

export const DRIVERS: readonly Driver[] = [
  ours('ours, JSON', {}),
  ours('ours, MessagePack', { codec: msgpack, WebSocket }),
  official,
];
