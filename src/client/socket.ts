/** The part of a WebSocket that is used here: a browser's, Node's and that of `ws` all have it. */
import type { Frame } from './codec.ts';

export interface Socket {
  binaryType: string;
  addEventListener(type: 'open' | 'error', listener: () => void): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(
    type: 'close',
    listener: (event: { readonly code: number; readonly reason: string }) => void,
  ): void;
  send(data: Frame): void;
  close(code?: number): void;
  /** Only `ws` has it: ends at once, without a closing handshake. */
  terminate?(): void;
}

export type SocketClass = new (url: string, protocols?: string[]) => Socket;
