/** Where Redis is, read from a URL. */

interface Host {
  readonly host: string;
  readonly port: number;
}

/** How to reach Redis, whichever way it is run. */
export interface Target {
  readonly kind: 'standalone' | 'sentinel' | 'cluster';
  /** The server; or Sentinels, or nodes of the Cluster, of which one that answers is enough. */
  readonly hosts: readonly Host[];
  /** What the Sentinels call the master; '' without Sentinels. */
  readonly master: string;
  readonly tls: boolean;
  /** '' is the default user. */
  readonly username: string;
  readonly password: string;
  /** Always 0 in a Cluster. */
  readonly db: number;
}

const SCHEMES: Readonly<Record<string, Pick<Target, 'kind' | 'tls'>>> = {
  'redis:': { kind: 'standalone', tls: false },
  'rediss:': { kind: 'standalone', tls: true },
  'redis+sentinel:': { kind: 'sentinel', tls: false },
  'rediss+sentinel:': { kind: 'sentinel', tls: true },
  'redis+cluster:': { kind: 'cluster', tls: false },
  'rediss+cluster:': { kind: 'cluster', tls: true },
};

const DEFAULT_PORT = 6379;
const SENTINEL_PORT = 26_379;

/** Scheme, user and password, hosts, path. */
const SHAPE = /^([a-z+]+:)\/\/(?:([^@/]*)@)?([^/?#@]+)(?:\/([^?#]*))?$/;
const HOST = /^(\[[0-9a-f:.]+\]|[^\s:[\]]+)(?::(\d{1,5}))?$/i;

/**
 * `redis://`, `rediss://`, `redis+sentinel://h1:p,h2:p/master/db`, `redis+cluster://h1:p,h2:p`.
 * @throws {Error} that says what is wrong, without the password.
 */
export function targetOf(url: string): Target {
  const [, scheme = '', userinfo = '', authority = '', path = ''] = SHAPE.exec(url) ?? [];
  const how = schemeOf(scheme);
  const port = how.kind === 'sentinel' ? SENTINEL_PORT : DEFAULT_PORT;
  const hosts = authority.split(',').map((text) => hostOf(text, port));
  if (how.kind === 'standalone' && hosts.length > 1) {
    throw new Error('several hosts are for redis+sentinel:// and redis+cluster://');
  }
  const [master, db] = placeOf(how.kind, path);
  const [username, password] = splitOnce(userinfo, ':');
  return {
    ...how,
    hosts,
    master: decoded(master),
    username: decoded(username),
    password: decoded(password),
    db: dbOf(db),
  };
}

function schemeOf(scheme: string): Pick<Target, 'kind' | 'tls'> {
  const how = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
  if (how === undefined) throw new Error(`its scheme is none of ${Object.keys(SCHEMES).join(' ')}`);
  return how;
}

/** The name of the master, and the database. */
function placeOf(kind: Target['kind'], path: string): [string, string] {
  if (kind === 'standalone') return ['', path];
  if (kind === 'cluster') {
    if (path !== '') throw new Error('a Cluster has no databases');
    return ['', ''];
  }
  const [master, db] = splitOnce(path, '/');
  if (master === '') {
    throw new Error('the name of the master is missing: redis+sentinel://host/master');
  }
  return [master, db];
}

function hostOf(text: string, defaultPort: number): Host {
  const [, host, port] = HOST.exec(text.trim()) ?? [];
  if (host === undefined || Number(port ?? 0) > 65_535) {
    throw new Error('each host is a name or an address, and perhaps a port');
  }
  return {
    host: host.replaceAll(/[[\]]/g, ''),
    port: port === undefined ? defaultPort : Number(port),
  };
}

function dbOf(text: string): number {
  if (!/^\d{0,5}$/.test(text)) throw new Error('the database is a number');
  return Number(text);
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) throw new Error('a percent escape is wrong', { cause: error });
    throw error;
  }
}
