/** What the systems on bare uWebSockets.js have in common. */
import type { HttpRequest, HttpResponse, TemplatedApp, us_socket_context_t } from 'uWebSockets.js';
import { us_socket_local_port } from 'uWebSockets.js';
import type { Started } from './system.ts';

export const WEBSOCKET = {
  idleTimeout: 0,
  sendPingsAutomatically: false,
  maxPayloadLength: 64 * 1024,
} as const;

export function upgrade(
  response: HttpResponse,
  request: HttpRequest,
  context: us_socket_context_t,
  data: object,
): void {
  response.upgrade(data, request.getHeader('sec-websocket-key'), '', '', context);
}

export function listen(app: TemplatedApp): Promise<Started> {
  return new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, (listening) => {
      if (listening === false) reject(new Error('cannot listen'));
      else resolve({ port: us_socket_local_port(listening) });
    });
  });
}

const SPACE = 0x20;

/** `@channel message`, taken apart; the message is a copy. */
export function addressed(message: ArrayBuffer): { channel: string; rest: ArrayBuffer } {
  const bytes = Buffer.from(message);
  const space = bytes.indexOf(SPACE);
  return { channel: bytes.toString('latin1', 1, space), rest: message.slice(space + 1) };
}
