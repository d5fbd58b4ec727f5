/** A client that asks a lot: it forgets what was answered, but not how long that took. */
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { WebSocket } from 'ws';

export interface Answer {
  readonly id: number;
  readonly error?: { readonly code: number; readonly temporary?: boolean };
}

/** An answer, and after how long it came. */
export interface Timed {
  readonly answer: Answer;
  readonly tookMs: number;
}

interface Waiting {
  readonly sinceMs: number;
  readonly resolve: (timed: Timed) => void;
}

export class Asker {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, Waiting>();
  /** Null as long as it is open. */
  closeCode: number | null = null;
  #lastId = 0;

  private constructor(url: string) {
    this.#socket = new WebSocket(url, { perMessageDeflate: false });
    this.#socket.on('message', (frame: Buffer) => this.#hear(frame.toString()));
    this.#socket.on('error', () => {});
    this.#socket.on('close', (code) => {
      this.closeCode = code;
    });
    onTestFinished(() => this.#socket.terminate());
  }

  static async connected(url: string): Promise<Asker> {
    const asker = new Asker(url);
    await once(asker.#socket, 'open');
    await asker.ask({ connect: {} });
    return asker;
  }

  /** Commands that were not answered. */
  get pending(): number {
    return this.#waiting.size;
  }

  ask(command: object): Promise<Timed> {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve } = Promise.withResolvers<Timed>();
    this.#waiting.set(id, { sinceMs: performance.now(), resolve });
    this.#socket.send(JSON.stringify({ id, ...command }));
    return promise;
  }

  #hear(frame: string): void {
    for (const line of frame.split('\n')) {
      if (line === '{}') {
        this.#socket.send('{}');
        continue;
      }
      const answer = JSON.parse(line) as Answer;
      const waiting = this.#waiting.get(answer.id);
      if (waiting === undefined) continue;
      this.#waiting.delete(answer.id);
      waiting.resolve({ answer, tookMs: performance.now() - waiting.sinceMs });
    }
  }
}
