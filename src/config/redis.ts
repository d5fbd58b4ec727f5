/** What the options say of Redis. */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Values } from './option.ts';
import { REDIS_OPTIONS as OPTIONS } from './redis-options.ts';

export interface RedisConfig {
  readonly url: string;
  readonly prefix: string;
  /** For a URL that begins with `rediss`. */
  readonly tls: RedisTlsConfig;
}

/** What is undefined is not set. The files are in PEM. */
export interface RedisTlsConfig {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly serverName: string | undefined;
  readonly insecure: boolean;
}

/** Null where none is set: the gateway is alone. */
export function redisOf(values: Values): RedisConfig | null {
  const url = values.read(OPTIONS.redisUrl);
  const prefix = values.read(OPTIONS.redisPrefix);
  const tls = {
    caFile: values.read(OPTIONS.redisTlsCaFile),
    certFile: values.read(OPTIONS.redisTlsCertFile),
    keyFile: values.read(OPTIONS.redisTlsKeyFile),
    serverName: values.read(OPTIONS.redisTlsServerName),
    insecure: values.read(OPTIONS.redisTlsInsecure),
  };
  refuseUseless(values, url ?? '');
  refuseUnfit(values, tls);
  return url === undefined ? null : { url, prefix, tls };
}

const TLS = [
  OPTIONS.redisTlsCaFile,
  OPTIONS.redisTlsCertFile,
  OPTIONS.redisTlsKeyFile,
  OPTIONS.redisTlsServerName,
  OPTIONS.redisTlsInsecure,
];

function refuseUseless(values: Values, url: string): void {
  if (!values.sound(OPTIONS.redisUrl)) return;
  for (const option of TLS) {
    if (!values.isGiven(option) || url.startsWith('rediss')) continue;
    values.refuse(option, 'it is of no use without a redis.url that begins with rediss');
  }
  const pair = [OPTIONS.redisTlsCertFile, OPTIONS.redisTlsKeyFile] as const;
  for (const [one, other] of [pair, pair.toReversed()]) {
    if (one === undefined || other === undefined) continue;
    if (values.isGiven(one) && !values.isGiven(other)) {
      values.refuse(one, `it is of no use without ${other.path}`);
    }
  }
}

/** It would fail at every connection, and only then. */
function refuseUnfit(values: Values, { certFile, keyFile }: RedisTlsConfig): void {
  if (certFile === undefined || keyFile === undefined) return;
  try {
    createSecureContext({ cert: readFileSync(certFile), key: readFileSync(keyFile) });
  } catch (error) {
    values.refuse(
      OPTIONS.redisTlsKeyFile,
      `it does not fit ${OPTIONS.redisTlsCertFile.path}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
