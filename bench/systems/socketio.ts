/** Socket.IO: rooms over WebSocket alone, and its Redis adapter where instances are joined. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdapter } from '@socket.io/redis-adapter';
import { Redis } from 'ioredis';
import { Server } from 'socket.io';
import type { System } from './system.ts';

export const system: System = {
  dialect: 'socketio',
  async start({ redis }) {
    const http = createServer();
    const io = new Server(http, { transports: ['websocket'], serveClient: false });
    if (redis !== null) {
      const publishing = new Redis(redis);
      io.adapter(createAdapter(publishing, publishing.duplicate()));
    }
    io.on('connection', (socket) => {
      socket.on('subscribe', async (room: string, answer: () => void) => {
        await socket.join(room);
        answer();
      });
      socket.on('publish', (room: string, data: unknown, answer: () => void) => {
        io.to(room).emit('m', data);
        answer();
      });
      socket.on('rpc', (data: unknown, answer: (...values: unknown[]) => void) => {
        answer([], data);
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    http.listen(0, '127.0.0.1', 2048, resolve);
    await promise;
    return { port: (http.address() as AddressInfo).port };
  },
};
