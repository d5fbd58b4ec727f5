/** uWebSockets.js that takes upgrades and does nothing more: the ceiling of connecting. */
import { App } from 'uWebSockets.js';
import type { System } from './system.ts';
import { alone } from './system.ts';
import { listen, upgrade, WEBSOCKET } from './uws-app.ts';

export const system: System = {
  dialect: 'bare',
  start(options) {
    alone(options);
    const app = App();
    app.ws('/*', {
      ...WEBSOCKET,
      upgrade: (response, request, context) => upgrade(response, request, context, {}),
    });
    return listen(app);
  },
};
