/** Where a gateway is, for those who want to reach it. */
import type { Config } from '../config/config.ts';
import { CONNECTION_PATH } from '../server/front.ts';
import { Fault } from './exits.ts';
import type { ApiOptions, UrlOption } from './options.ts';
import { misused } from './options.ts';
import { clientConfig } from './settings.ts';

export interface ApiPlace {
  /** Without a slash at its end. */
  readonly base: string;
  /** Null: none is sent. */
  readonly key: string | null;
}

export function apiPlace(options: ApiOptions): ApiPlace {
  const { url, apiKey } = options;
  const given = url === undefined ? null : baseOf(url, 'http');
  if (given !== null && apiKey !== undefined) return { base: given, key: keyOf(apiKey) };
  const config = clientConfig(options.config);
  const base = given ?? configured(config.internal ?? config, 'http');
  return { base, key: apiKey === undefined ? (config.api.keys[0] ?? null) : keyOf(apiKey) };
}

/** The URL that clients connect to. */
export function socketPlace({ url, config }: UrlOption): string {
  const base = url === undefined ? configured(clientConfig(config), 'ws') : baseOf(url, 'ws');
  return `${base}${CONNECTION_PATH}`;
}

/** An address that a person on this machine can open. */
export function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return host.includes(':') ? `[${host}]` : host;
}

type Scheme = 'http' | 'ws';

function configured({ host, port }: Pick<Config, 'host' | 'port'>, scheme: Scheme): string {
  if (port !== 0) return `${scheme}://${reachable(host)}:${port}`;
  throw misused('the configured port is any free one: tell with --url where the gateway is');
}

const ENDS = [CONNECTION_PATH, '/api'];

function baseOf(text: string, scheme: Scheme): string {
  const whole = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!/^(?:http|ws)s?:/i.test(whole) || !URL.canParse(whole)) {
    throw misused('--url is a URL such as http://localhost:8000');
  }
  const url = new URL(whole);
  // Neither is shown: both may hold a secret.
  if (url.username !== '' || url.password !== '') throw misused('--url may not hold a user');
  if (url.search !== '' || url.hash !== '') throw misused('--url ends before ? and #');
  const path = url.pathname.replace(/\/+$/, '');
  const end = ENDS.find((one) => path.endsWith(one)) ?? '';
  const secure = url.protocol === 'https:' || url.protocol === 'wss:';
  return `${scheme}${secure ? 's' : ''}://${url.host}${path.slice(0, path.length - end.length)}`;
}

function keyOf(text: string): string {
  if (/^[!-~]+$/.test(text)) return text;
  throw misused('--api-key is printable ASCII without spaces');
}

export function unreachable(base: string, why: string, options?: ErrorOptions): Fault {
  const message = `cannot reach the gateway at ${base} (${why}); is it running, and is it there? --url tells where`;
  return new Fault('unreachable', message, options);
}
