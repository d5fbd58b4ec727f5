/** The times of one connection: connect, ping, pong and expiry, as one entry on the wheel. */
import type { Timed, Wheel } from '../kernel/wheel.ts';

/** What becomes due. Each is called at the first tick after its time. */
export interface HeartbeatOwner {
  connectOverdue(): void;
  sendPing(): void;
  pongOverdue(): void;
  /** Something of the connection expires at or before `nowMs`; what it returns is the next such time. */
  expiryDue(nowMs: number): number;
}

/** A time that never comes. */
export const NEVER = Infinity;

export class Heartbeat implements Timed {
  dueMs = NEVER;
  next: Timed | null = null;
  previous: Timed | null = null;
  readonly #owner: HeartbeatOwner;
  readonly #wheel: Wheel;
  #connectByMs: number;
  #pingAtMs = NEVER;
  #pongByMs = NEVER;
  #expireAtMs = NEVER;
  #intervalMs = 0;
  #timeoutMs = 0;
  #stopped = false;

  constructor(owner: HeartbeatOwner, wheel: Wheel, connectByMs: number) {
    this.#owner = owner;
    this.#wheel = wheel;
    this.#connectByMs = connectByMs;
    this.#schedule();
  }

  /** The connection is accepted: pings begin at `firstPingMs`, unless the interval is 0. */
  start(firstPingMs: number, intervalMs: number, timeoutMs: number): void {
    this.#connectByMs = NEVER;
    this.#intervalMs = intervalMs;
    this.#timeoutMs = timeoutMs;
    this.#pingAtMs = intervalMs > 0 ? firstPingMs : NEVER;
    this.#schedule();
  }

  /** False when no pong was due. */
  pong(): boolean {
    if (this.#pongByMs === NEVER) return false;
    this.#pongByMs = NEVER;
    return true;
  }

  /** `expiryDue` is called at `atMs` at the latest. */
  expireBy(atMs: number): void {
    if (atMs >= this.#expireAtMs) return;
    this.#expireAtMs = atMs;
    this.#schedule();
  }

  stop(): void {
    this.#stopped = true;
    this.#wheel.remove(this);
  }

  expire(nowMs: number): void {
    if (this.#connectByMs <= nowMs) {
      this.#owner.connectOverdue();
      return;
    }
    if (this.#pongByMs <= nowMs) {
      this.#owner.pongOverdue();
      return;
    }
    if (this.#pingAtMs <= nowMs) {
      this.#owner.sendPing();
      // A ping that was one too many for a slow reader has closed the connection.
      if (this.#stopped) return;
      this.#pongByMs = nowMs + this.#timeoutMs;
      this.#pingAtMs = nowMs + this.#intervalMs;
    }
    if (this.#expireAtMs <= nowMs) this.#expireAtMs = this.#owner.expiryDue(nowMs);
    this.#schedule();
  }

  #schedule(): void {
    this.#wheel.remove(this);
    if (this.#stopped) return;
    this.dueMs = Math.min(this.#connectByMs, this.#pingAtMs, this.#pongByMs, this.#expireAtMs);
    if (this.dueMs !== NEVER) this.#wheel.add(this);
  }
}
