/** Centrifugo, where it is on the PATH: it speaks the native dialect. */
import { freePort } from '../harness/redis.ts';
import { startProgram } from './external.ts';
import type { System } from './system.ts';

export const system: System = {
  dialect: 'sluice',
  async start({ secret, apiKey, history, presence, redis }) {
    const port = await freePort();
    const kept = history > 0 ? { HISTORY_SIZE: String(history), HISTORY_TTL: '300s' } : {};
    const rules: Record<string, string> = {
      ALLOW_SUBSCRIBE_FOR_CLIENT: 'true',
      ALLOW_PUBLISH_FOR_CLIENT: 'true',
      PRESENCE: String(presence),
      ...kept,
      ...(history > 0 ? { FORCE_RECOVERY: 'true' } : {}),
    };
    // Version 6 has its options in groups; those that it knows by no name it leaves alone.
    const env: Record<string, string> = {
      CENTRIFUGO_HTTP_SERVER_ADDRESS: '127.0.0.1',
      CENTRIFUGO_HTTP_SERVER_PORT: String(port),
      CENTRIFUGO_CLIENT_TOKEN_HMAC_SECRET_KEY: secret,
      CENTRIFUGO_CLIENT_ALLOWED_ORIGINS: '*',
      CENTRIFUGO_HTTP_API_KEY: apiKey,
      CENTRIFUGO_LOG_LEVEL: 'error',
    };
    for (const [name, value] of Object.entries(rules)) {
      env[`CENTRIFUGO_CHANNEL_WITHOUT_NAMESPACE_${name}`] = value;
    }
    if (redis !== null) {
      env['CENTRIFUGO_ENGINE_TYPE'] = 'redis';
      env['CENTRIFUGO_ENGINE_REDIS_ADDRESS'] = redis;
    }
    return startProgram({ program: 'centrifugo', args: [], env }, port);
  },
};
