/** What goes to one connection: gathered within a turn, sent as one frame, bounded. */
import type { Deferred } from '../kernel/turn.ts';
import type { Codec } from '../protocol/codec.ts';
import type { Chain } from './chain.ts';
import { chainOf } from './chain.ts';
import type { Services } from './services.ts';
import type { Transport } from './transport.ts';

/** What an outbox tells its session. */
export interface OutboxOwner {
  readonly services: Pick<Services, 'turn' | 'limits'>;
  /** The transport did not take a frame: what was in it is lost to this connection. */
  refused(): void;
  /** There is room again for who was not admitted, and the transport has nothing left to drain. */
  drained(): void;
}

export class Outbox implements Deferred {
  readonly codec: Codec;
  readonly #owner: OutboxOwner;
  readonly #transport: Transport;
  #first: Uint8Array | null = null;
  /** The first and what follows it; where there is a second. */
  #chain: Chain | null = null;
  #bytes = 0;
  /** The socket took less than it was given; `drained` ends it. */
  #congested = false;
  #corked = false;
  /** Somebody was not admitted since there was room the last time. */
  #crowded = false;

  constructor(owner: OutboxOwner, transport: Transport, codec: Codec) {
    this.#owner = owner;
    this.#transport = transport;
    this.codec = codec;
  }

  /** Whether a slow reader still may be given `bytes` more. To a socket that keeps up, anything may. */
  admits(bytes: number): boolean {
    if (this.#bytes + bytes <= this.#bytesMax && !this.#congested) return true;
    if (!this.#corked) this.endTurn();
    const waiting = this.#bytes + this.#backlog();
    if (waiting === 0 || waiting + bytes <= this.#bytesMax) return true;
    this.#crowded = true;
    return false;
  }

  /** Takes the chunk, whose bytes nobody may change any more. It leaves at the end of the turn. */
  write(chunk: Uint8Array): void {
    if (this.#first === null) {
      this.#first = chunk;
      if (!this.#corked) this.#owner.services.turn.send(this);
    } else {
      this.#chain = this.#chain === null ? chainOf(this.#first, chunk) : this.#chain.and(chunk);
    }
    this.#bytes += chunk.length;
  }

  /** From now on nothing leaves. */
  cork(): void {
    this.#corked = true;
  }

  /** Lets go what was written since `cork`, and `chunk` before it. */
  uncork(chunk: Uint8Array): void {
    const waiting = this.#chain?.chunks() ?? (this.#first === null ? [] : [this.#first]);
    this.#corked = false;
    this.#first = null;
    this.#chain = null;
    this.#bytes = 0;
    for (const next of [chunk, ...waiting]) this.write(next);
  }

  endTurn(): void {
    const first = this.#first;
    if (first === null || this.#corked) return;
    const frame = this.#chain === null ? first : this.#chain.frame(this.codec.join);
    this.#first = null;
    this.#chain = null;
    this.#bytes = 0;
    const sent = this.#transport.send(frame, this.codec.binary);
    if (sent !== 'sent') this.#congested = true;
    if (sent === 'refused') this.#owner.refused();
    // What was too much for a corked outbox may have left in one go.
    if (this.#crowded && !this.#congested) this.#owner.drained();
  }

  /** Whether there is room enough again to make up for what a slow reader missed. */
  drained(): boolean {
    const backlog = this.#transport.buffered();
    if (backlog === 0) this.#congested = false;
    if (backlog > this.#bytesMax / 2) return false;
    this.#crowded = false;
    return true;
  }

  /** The transport sends what it was given, and ends. */
  close(code: number, reason: string): void {
    this.#transport.close(code, reason);
  }

  get #bytesMax(): number {
    return this.#owner.services.limits.outboxBytes;
  }

  #backlog(): number {
    return this.#congested ? this.#transport.buffered() : 0;
  }
}
