/** The options of Redis, which gateways share. */
import { boolean, text } from './kinds.ts';
import { option, optional } from './option.ts';
import { pemFile } from './pem-file.ts';
import { redisUrl } from './redis-url.ts';

export const REDIS_OPTIONS = {
  redisUrl: optional(
    'redis.url',
    redisUrl,
    'the Redis that gateways share; unless it is set, a gateway is alone',
  ),
  redisPrefix: option('redis.prefix', text('a string without spaces or braces', /^[^\s{}]+$/), {
    default: 'sluice',
    means: 'what all keys and channels in Redis begin with',
  }),
  redisTlsCaFile: optional(
    'redis.tls.caFile',
    pemFile('certificates'),
    'file (PEM) of the certificates that vouch for Redis; unless it is set, those that Node.js knows',
  ),
  redisTlsCertFile: optional(
    'redis.tls.certFile',
    pemFile('certificates'),
    'file (PEM) of our own certificate, for a Redis that asks for one',
  ),
  redisTlsKeyFile: optional(
    'redis.tls.keyFile',
    pemFile('a private key'),
    'file (PEM) of the key of redis.tls.certFile',
  ),
  redisTlsServerName: optional(
    'redis.tls.serverName',
    text('a host name'),
    'the name that the certificates of Redis must have; unless it is set, the host that is connected to',
  ),
  redisTlsInsecure: option('redis.tls.insecure', boolean, {
    default: false,
    means:
      'takes any certificate: whoever is between the gateway and Redis can read and change everything',
  }),
} as const;
