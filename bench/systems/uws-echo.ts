/** uWebSockets.js that answers: JSON over WebSocket, and publications over HTTP. */
import { Buffer } from 'node:buffer';
import { App } from 'uWebSockets.js';
import type { System } from './system.ts';
import { alone } from './system.ts';
import { listen, upgrade, WEBSOCKET } from './uws-app.ts';

interface Question {
  readonly id: number;
  readonly rpc: { readonly data: unknown };
}

interface Publication {
  readonly channel: string;
  readonly data: unknown;
}

const decoder = new TextDecoder();
const PLUS = '+';

export const system: System = {
  dialect: 'echo',
  start(options) {
    alone(options);
    const app = App();
    app.ws('/*', {
      ...WEBSOCKET,
      upgrade: (response, request, context) => upgrade(response, request, context, {}),
      message(socket, message) {
        const text = decoder.decode(message);
        if (text.startsWith(PLUS)) {
          socket.subscribe(text.slice(1));
          socket.send('ok');
          return;
        }
        const { id, rpc } = JSON.parse(text) as Question;
        socket.send(JSON.stringify({ id, rpc: { data: rpc.data } }));
      },
    });
    app.post('/api/publish', (response) => {
      let body = Buffer.alloc(0);
      response.onAborted(() => undefined);
      response.onData((chunk, last) => {
        body = body.length === 0 ? Buffer.from(chunk) : Buffer.concat([body, Buffer.from(chunk)]);
        if (!last) return;
        const { channel, data } = JSON.parse(body.toString()) as Publication;
        app.publish(channel, JSON.stringify(data));
        response.writeHeader('content-type', 'application/json');
        response.end('{"result":{}}');
      });
    });
    return listen(app);
  },
};
