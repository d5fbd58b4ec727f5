/** `ws` as its readme broadcasts: a `send` for each socket and message. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { System } from './system.ts';
import { alone } from './system.ts';

const PLUS = 0x2b;
const EQUALS = 0x3d;

const channels = new Map<string, Set<WebSocket>>();

function hear(socket: WebSocket, channel: string): void {
  const listeners = channels.get(channel) ?? new Set();
  channels.set(channel, listeners.add(socket));
  socket.on('close', () => listeners.delete(socket));
}

function connected(socket: WebSocket): void {
  let target = '';
  socket.on('message', (data: Buffer) => {
    const [first] = data;
    if (first === PLUS) hear(socket, data.toString('utf8', 1));
    else if (first === EQUALS) target = data.toString('utf8', 1);
    else for (const one of channels.get(target) ?? []) one.send(data, { binary: false });
    socket.send('ok');
  });
}

export const system: System = {
  dialect: 'plain',
  async start(options) {
    alone(options);
    const http = createServer();
    new WebSocketServer({ server: http, perMessageDeflate: false }).on('connection', connected);
    const { promise, resolve } = Promise.withResolvers<void>();
    http.listen(0, '127.0.0.1', 2048, resolve);
    await promise;
    return { port: (http.address() as AddressInfo).port };
  },
};
