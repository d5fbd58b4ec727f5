/** A WebSocket class that lets the page see what its client says and hears, and cut it off. */
import type { Chunk } from '../client/codec.ts';
import type { SocketClass } from '../client/socket.ts';

export interface Tap {
  opened(): void;
  sent(frame: string): void;
  received(frame: string): void;
  closed(code: number, reason: string): void;
}

export interface Tapped {
  readonly WebSocket: SocketClass;
  /** Breaks the connection as a network does: what was on its way is lost, nobody says goodbye. */
  cut(): void;
}

/** What a browser says when a connection broke. */
const ABNORMAL = 1006;

export function tapped(tap: Tap): Tapped {
  const sockets = new Set<TappedWebSocket>();

  class TappedWebSocket extends WebSocket {
    #isCut = false;

    constructor(url: string, protocols: string[] = []) {
      super(url, protocols);
      sockets.add(this);
      // These are the first to listen, so that after a cut nobody else hears anything.
      this.addEventListener('open', () => tap.opened());
      this.addEventListener('message', (event: MessageEvent<unknown>) => {
        if (this.#isCut) event.stopImmediatePropagation();
        else tap.received(String(event.data));
      });
      this.addEventListener('close', ({ code, reason }) => {
        // After a cut the real one comes too.
        if (sockets.delete(this)) tap.closed(code, reason);
      });
    }

    override send(data: Chunk | BufferSource | Blob): void {
      if (typeof data !== 'string') throw new TypeError('this page speaks JSON, in text');
      tap.sent(data);
      super.send(data);
    }

    cut(): void {
      this.#isCut = true;
      this.dispatchEvent(new CloseEvent('close', { code: ABNORMAL, reason: 'cut by hand' }));
      this.close();
    }
  }

  return {
    WebSocket: TappedWebSocket,
    cut() {
      for (const socket of sockets) socket.cut();
    },
  };
}
