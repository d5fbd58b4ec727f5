/** uWebSockets.js as its readers use it: a topic for each channel, `publish` for each message. */
import { Redis } from 'ioredis';
import type { TemplatedApp } from 'uWebSockets.js';
import { App } from 'uWebSockets.js';
import type { System } from './system.ts';
import { addressed, listen, upgrade, WEBSOCKET } from './uws-app.ts';

const PLUS = 0x2b;
const EQUALS = 0x3d;
const AT = 0x40;

interface Speaker {
  target: string;
}

export const system: System = {
  dialect: 'plain',
  start({ backlogBytes, redis }) {
    const app = App();
    const bus = redis === null ? here(app) : everywhere(app, redis);
    app.ws<Speaker>('/*', {
      ...WEBSOCKET,
      maxBackpressure: backlogBytes,
      upgrade: (response, request, context) => upgrade(response, request, context, { target: '' }),
      message(socket, message) {
        const [first] = new Uint8Array(message);
        if (first === PLUS) {
          const channel = nameIn(message);
          bus.hear(channel);
          socket.subscribe(channel);
        } else if (first === EQUALS) {
          socket.getUserData().target = nameIn(message);
        } else if (first === AT) {
          const { channel, rest } = addressed(message);
          bus.publish(channel, rest);
        } else {
          bus.publish(socket.getUserData().target, message.slice(0));
        }
        socket.send('ok');
      },
    });
    return listen(app);
  },
};

interface Bus {
  publish(channel: string, message: ArrayBuffer): void;
  hear(channel: string): void;
}

/**
 * After the handler: within it the publisher's socket holds the one cork of uWS, and from the 33rd
 * message of a turn on each message to each subscriber is a write of its own, which is 5 to 10
 * times slower. Whoever publishes from elsewhere does not meet that, so we do not show it.
 */
function here(app: TemplatedApp): Bus {
  return {
    publish: (channel, message) => void setImmediate(() => app.publish(channel, message)),
    hear: () => undefined,
  };
}

/** Naive: each message is a PUBLISH of its own. */
function everywhere(app: TemplatedApp, url: string): Bus {
  const publishing = new Redis(url, { enableAutoPipelining: true });
  const subscribed = new Redis(url);
  const heard = new Set<string>();
  subscribed.on('messageBuffer', (channel: Buffer, message: Buffer) => {
    app.publish(channel.toString(), message);
  });
  return {
    publish: (channel, message) => void publishing.publish(channel, Buffer.from(message)),
    hear(channel) {
      if (heard.has(channel)) return;
      heard.add(channel);
      void subscribed.subscribe(channel);
    },
  };
}

/** Behind the sign that says what it is for. */
function nameIn(message: ArrayBuffer): string {
  return Buffer.from(message).toString('utf8', 1);
}
