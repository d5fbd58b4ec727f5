/** Socket.IO: rooms over WebSocket alone. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { System } from './system.ts';
import { Absent } from './system.ts';

/** As much of Socket.IO as is used here: it need not be installed for the rest of the bench. */
interface SocketIoModule {
  readonly Server: new (
    http: ReturnType<typeof createServer>,
    options: Readonly<Record<string, unknown>>,
  ) => {
    on(event: 'connection', connected: (socket: IoSocket) => void): void;
    to(room: string): { emit(event: string, data: unknown): void };
  };
}

interface IoSocket {
  join(room: string): void;
  on(event: 'subscribe', heard: (room: string, answer: () => void) => void): void;
  on(event: 'publish', heard: (room: string, data: unknown, answer: () => void) => void): void;
}

const PACKAGE = 'socket.io';

async function load(): Promise<SocketIoModule> {
  try {
    return (await import(PACKAGE)) as SocketIoModule;
  } catch (error) {
    throw new Absent(`${PACKAGE} is not installed`, { cause: error });
  }
}

export const system: System = {
  dialect: 'socketio',
  async start() {
    const { Server } = await load();
    const http = createServer();
    const io = new Server(http, { transports: ['websocket'], serveClient: false });
    io.on('connection', (socket) => {
      socket.on('subscribe', (room, answer) => {
        socket.join(room);
        answer();
      });
      socket.on('publish', (room, data, answer) => {
        io.to(room).emit('m', data);
        answer();
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    http.listen(0, '127.0.0.1', 2048, resolve);
    await promise;
    return (http.address() as AddressInfo).port;
  },
};
