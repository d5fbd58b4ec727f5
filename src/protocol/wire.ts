/**
 * The wire form of what the server says, for every encoding: names in snake_case, zero values left
 * out unless the protocol has them always, data left for the encoding to write.
 */
import { unreachable } from '../kernel/assert.ts';
import type { Data } from '../kernel/data.ts';
import type { ErrorEntry } from '../kernel/errors.ts';
import type { Close } from './close.ts';
import type {
  ClientInfo,
  ConnectResult,
  Expiry,
  Publication,
  Push,
  Reply,
  ServerMessage,
  SubscribeResult,
  Tags,
} from './frames.ts';

/** Maps have keys of peers; objects have names of ours, and fields that are undefined are left out. */
export type Wire = string | number | boolean | Data | Wire[] | Map<string, Wire> | WireObject;

export interface WireObject {
  readonly [name: string]: Wire | undefined;
}

export function wireOf(message: ServerMessage): WireObject {
  if (message.type === 'serverPing') return {};
  return 'id' in message ? reply(message) : { push: push(message) };
}

/** The push of one publication. */
export function publicationPush(channel: string, publication: Publication): WireObject {
  return { push: { channel, pub: publicationOf(publication) } };
}

export function publicationOf(publication: Publication): WireObject {
  return {
    data: publication.data,
    info: publication.info === null ? undefined : infoOf(publication.info),
    offset: publication.offset || undefined,
    tags: tagsOf(publication.tags, publication.event),
    delta: publication.delta || undefined,
    epoch: publication.epoch || undefined,
  };
}

function reply(message: Reply): WireObject {
  const { id } = message;
  if (message.type === 'ping') return { id };
  if (message.type === 'error') return { id, error: error(message.error) };
  return { id, [message.type]: result(message) };
}

function result(message: Exclude<Reply, { readonly type: 'error' | 'ping' }>): WireObject {
  switch (message.type) {
    case 'connect':
      return connectResult(message.result);
    case 'subscribe':
      return subscribeResult(message.result);
    case 'unsubscribe':
    case 'publish':
      return {};
    case 'presence':
      return { presence: new Map(message.presence.map((info) => [info.client, infoOf(info)])) };
    case 'presence_stats':
      return { num_clients: message.numClients, num_users: message.numUsers };
    case 'history':
      return {
        publications: message.publications.map(publicationOf),
        epoch: message.position.epoch,
        offset: message.position.offset,
      };
    case 'rpc':
      return { data: message.data ?? undefined };
    case 'refresh':
      return { ...server(message), ...expiry(message.expiry) };
    case 'sub_refresh':
      return expiry(message.expiry);
    default:
      return unreachable(message);
  }
}

function push(message: Exclude<Push, { readonly type: 'serverPing' }>): WireObject {
  switch (message.type) {
    case 'join':
    case 'leave':
      return { channel: message.channel, [message.type]: { info: infoOf(message.info) } };
    case 'unsubscribed':
      return { channel: message.channel, unsubscribe: close(message.reason) };
    case 'subscribed':
      return { channel: message.channel, subscribe: subscription(message.result) };
    case 'message':
      return { message: { data: message.data } };
    case 'connected':
      return { connect: connectResult(message.result) };
    case 'disconnected':
      return { disconnect: close(message.reason) };
    case 'refreshed':
      return { refresh: expiry(message.expiry) };
    default:
      return unreachable(message);
  }
}

function error({ code, message, temporary }: ErrorEntry): WireObject {
  return { code, message, temporary: temporary || undefined };
}

function connectResult(connection: ConnectResult): WireObject {
  const subs = new Map<string, Wire>();
  for (const [channel, sub] of connection.subs) subs.set(channel, subscribeResult(sub));
  return {
    ...server(connection),
    ...expiry(connection),
    data: connection.data ?? undefined,
    subs: subs.size > 0 ? subs : undefined,
    ping: connection.ping || undefined,
    pong: connection.pong || undefined,
  };
}

function server(from: { readonly client: string; readonly version: string }): WireObject {
  return { client: from.client || undefined, version: from.version || undefined };
}

function subscribeResult(sub: SubscribeResult): WireObject {
  const { publications } = sub;
  return {
    ...expiry(sub),
    recoverable: sub.recoverable || undefined,
    epoch: sub.epoch || undefined,
    publications: publications.length > 0 ? publications.map(publicationOf) : undefined,
    recovered: sub.recovered || undefined,
    offset: sub.offset || undefined,
    positioned: sub.positioned || undefined,
    data: sub.data ?? undefined,
    was_recovering: sub.wasRecovering || undefined,
    delta: sub.delta || undefined,
  };
}

/** What a client is told of a subscription that the server made. */
function subscription(sub: Extract<Push, { readonly type: 'subscribed' }>['result']): WireObject {
  return {
    recoverable: sub.recoverable || undefined,
    epoch: sub.epoch || undefined,
    offset: sub.offset || undefined,
    positioned: sub.positioned || undefined,
    data: sub.data ?? undefined,
  };
}

export function infoOf(info: ClientInfo): WireObject {
  return {
    user: info.user,
    client: info.client,
    conn_info: info.connInfo ?? undefined,
    chan_info: info.chanInfo ?? undefined,
  };
}

function tagsOf(tags: Tags | null, event: string | null): Map<string, Wire> | undefined {
  if (tags === null && event === null) return undefined;
  const map = new Map<string, Wire>(Object.entries(tags ?? {}));
  if (event !== null && event !== '') map.set('event', event);
  return map.size > 0 ? map : undefined;
}

function expiry({ expires, ttl }: Expiry): WireObject {
  return { expires: expires || undefined, ttl: ttl || undefined };
}

/** The code is always there: clients subscribe again after a push without one. */
function close({ code, reason }: Close): WireObject {
  return { code, reason: reason || undefined };
}
