/** What `sluice` prints when it listens: where, and what to try next. */
import { reachable } from './cli/place.ts';
import type { Config } from './config/config.ts';
import type { Address } from './listening.ts';
import { CONNECTION_PATH } from './server/front.ts';
import { VERSION } from './version.ts';

export function welcome(config: Config, address: Address): string {
  const host = reachable(config.host);
  const internalHost = reachable(config.internal?.host ?? config.host);
  const api = `http://${internalHost}:${address.internalPort}`;
  const key = config.dev ? '' : " -H 'X-API-Key: <one of api.keys>'";
  const lines = [
    `Sluice ${VERSION} listens on http://${host}:${address.port}`,
    ...(config.dev
      ? ['DEVELOPMENT MODE: everyone may do everything. Never run it like this in public.']
      : []),
    '',
    ...(config.dev ? [`  open      http://${host}:${address.port}/`] : []),
    `  connect   ws://${host}:${address.port}${CONNECTION_PATH}`,
    `  publish   curl${key} ${api}/api/publish -d '{"channel":"chat","data":{"text":"hello"}}'`,
    `  look      ${api}/metrics, ${api}/api/openapi.json, http://${host}:${address.port}/ready`,
    '',
    'Stop it with Ctrl-C.',
  ];
  return `${lines.join('\n')}\n`;
}
