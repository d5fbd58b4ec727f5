/** uWebSockets.js as its readers use it: a topic for each channel, `publish` for each message. */
import type { TemplatedApp, WebSocket } from 'uWebSockets.js';
import { App, us_socket_local_port } from 'uWebSockets.js';
import type { System } from './system.ts';

const PLUS = 0x2b;
const EQUALS = 0x3d;
/** Far over what the window of a driver lets gather: a peer that loses messages shows nothing. */
export const BACKPRESSURE_BYTES = 64 * 1024 * 1024;

interface Speaker {
  target: string;
}

export const system: System = {
  dialect: 'plain',
  start: () =>
    new Promise((resolve, reject) => {
      const app = App();
      app.ws<Speaker>('/*', {
        idleTimeout: 0,
        sendPingsAutomatically: false,
        maxBackpressure: BACKPRESSURE_BYTES,
        maxPayloadLength: 64 * 1024,
        upgrade(response, request, context) {
          response.upgrade<Speaker>(
            { target: '' },
            request.getHeader('sec-websocket-key'),
            '',
            '',
            context,
          );
        },
        message(socket, message) {
          const target = purpose(socket, new Uint8Array(message));
          if (target !== null) publish(app, target, message.slice(0));
          socket.send('ok');
        },
      });
      app.listen('127.0.0.1', 0, (listening) => {
        if (listening === false) reject(new Error('cannot listen'));
        else resolve(us_socket_local_port(listening));
      });
    }),
};

/**
 * After the handler: within it the publisher's socket holds the one cork of uWS, and from the 33rd
 * message of a turn on each message to each subscriber is a write of its own, which is 5 to 10
 * times slower. Whoever publishes from elsewhere does not meet that, so we do not show it.
 */
function publish(app: TemplatedApp, target: string, message: ArrayBuffer): void {
  setImmediate(() => app.publish(target, message));
}

/** Where a message is to go; null for one that says what the connection is for. */
export function purpose(socket: WebSocket<Speaker>, message: Uint8Array): string | null {
  const [first] = message;
  if (first !== PLUS && first !== EQUALS) return socket.getUserData().target;
  const channel = Buffer.from(message.subarray(1)).toString();
  if (first === PLUS) socket.subscribe(channel);
  else socket.getUserData().target = channel;
  return null;
}
