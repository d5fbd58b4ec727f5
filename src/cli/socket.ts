/** The WebSocket of the command line: it tells why it could not be opened, which a browser's hides. */
import { WebSocket } from 'ws';
import type { SocketClass } from '../client/socket.ts';
import { whyOf } from './call.ts';

export function socketClass(tell: (why: string) => void): SocketClass {
  return class extends WebSocket {
    constructor(url: string, protocols: string[] = []) {
      super(url, protocols, { perMessageDeflate: false });
      this.on('error', (error) => tell(whyOf(error)));
    }
  };
}
