/** Our gateway: what a user gets by `createGateway`, with the rates off. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { createGateway as createGatewayType } from '../../src/gateway.ts';
import type { System } from './system.ts';

interface GatewayModule {
  readonly createGateway: typeof createGatewayType;
}

export const system: System = {
  dialect: 'sluice',
  async start({ secret, root, history }) {
    const url = pathToFileURL(join(root, 'src/gateway.ts')).href;
    const { createGateway } = (await import(url)) as GatewayModule;
    const kept = { history: { size: history, ttl: '5m' }, recovery: true };
    const gateway = createGateway({
      host: '127.0.0.1',
      port: 0,
      tokens: { hmacSecret: secret },
      // A publisher at full speed is what these keep away.
      limits: { framesPerSecond: 0, commandsPerSecond: 0 },
      namespaces: {
        default: { subscribe: 'client', publish: 'client', ...(history > 0 ? kept : {}) },
      },
    });
    return (await gateway.start()).port;
  },
};
