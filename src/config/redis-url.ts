/** The address of Redis, in the forms that `redis/target.ts` reads. */
import { kind } from './kinds.ts';

const REDIS_URL = /^rediss?(?:\+(?:sentinel|cluster))?:\/\/[^\s/?#]+(?:\/[^\s?#]*)?$/;

export const redisUrl = kind<string>({
  name: 'url',
  allowed:
    'a URL such as redis://host:6379, rediss://user:password@host, ' +
    'redis+sentinel://host,host/master or redis+cluster://host,host',
  schema: { type: 'string', pattern: REDIS_URL.source },
  parse: (value) => (typeof value === 'string' && REDIS_URL.test(value) ? value : undefined),
  // It may hold a password.
  secret: true,
});
