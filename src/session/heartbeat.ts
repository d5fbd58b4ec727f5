/** The times of one connection: connect, ping, pong and expiry, as one entry on the wheel. */
import type { Timed } from '../kernel/wheel.ts';
import type { Services } from './services.ts';

/** What becomes due. Each is called at the first tick after its time. */
export interface HeartbeatOwner {
  readonly services: Services;
  connectOverdue(): void;
  sendPing(): void;
  pongOverdue(): void;
  /** Something of the connection expires at or before `nowMs`; what it returns is the next such time. */
  expiryDue(nowMs: number): number;
}

/** A time that never comes. */
export const NEVER = Infinity;

/** `pinged`: a pong is due. */
type Phase = 'connecting' | 'quiet' | 'pinged' | 'stopped';

/** Each number here weighs 24 bytes on every idle connection, so there is one for three times. */
export class Heartbeat implements Timed {
  next: Timed | null = null;
  previous: Timed | null = null;
  readonly #owner: HeartbeatOwner;
  #phase: Phase = 'connecting';
  /** By when it must connect; from then on when it was pinged last, or would have been. */
  #markMs: number;
  /** Most never expire, and a null weighs less than a number. */
  #expireAtMs: number | null = null;

  constructor(owner: HeartbeatOwner, connectByMs: number) {
    this.#owner = owner;
    this.#markMs = connectByMs;
    this.#schedule();
  }

  get dueMs(): number {
    const connectByMs = this.#phase === 'connecting' ? this.#markMs : NEVER;
    return Math.min(connectByMs, this.#pingAtMs, this.#pongByMs, this.#expireAtMs ?? NEVER);
  }

  /** The connection is accepted: pings begin at `firstPingMs`, unless there are none. */
  start(firstPingMs: number): void {
    this.#phase = 'quiet';
    this.#markMs = firstPingMs - this.#owner.services.settings.pingIntervalMs;
    this.#schedule();
  }

  /** False when no pong was due. */
  pong(): boolean {
    if (this.#phase !== 'pinged') return false;
    this.#phase = 'quiet';
    this.#schedule();
    return true;
  }

  /** `expiryDue` is called at `atMs` at the latest. */
  expireBy(atMs: number): void {
    if (atMs >= (this.#expireAtMs ?? NEVER)) return;
    this.#expireAtMs = atMs;
    this.#schedule();
  }

  stop(): void {
    this.#phase = 'stopped';
    this.#owner.services.wheel.remove(this);
  }

  expire(nowMs: number): void {
    if (this.#phase === 'connecting' && this.#markMs <= nowMs) {
      this.#owner.connectOverdue();
      return;
    }
    if (this.#pongByMs <= nowMs) {
      this.#owner.pongOverdue();
      return;
    }
    if (this.#pingAtMs <= nowMs) {
      this.#phase = 'pinged';
      this.#markMs = nowMs;
      this.#owner.sendPing();
      // A ping that was one too many for a slow reader has closed the connection.
      if (this.#isStopped) return;
    }
    if (this.#expireAtMs !== null && this.#expireAtMs <= nowMs) {
      const nextMs = this.#owner.expiryDue(nowMs);
      this.#expireAtMs = nextMs === NEVER ? null : nextMs;
    }
    this.#schedule();
  }

  get #isStopped(): boolean {
    return this.#phase === 'stopped';
  }

  get #pongByMs(): number {
    const { pongTimeoutMs } = this.#owner.services.settings;
    return this.#phase === 'pinged' ? this.#markMs + pongTimeoutMs : NEVER;
  }

  get #pingAtMs(): number {
    const { pingIntervalMs } = this.#owner.services.settings;
    const isPinging = this.#phase === 'quiet' || this.#phase === 'pinged';
    return isPinging && pingIntervalMs > 0 ? this.#markMs + pingIntervalMs : NEVER;
  }

  #schedule(): void {
    const { wheel } = this.#owner.services;
    wheel.remove(this);
    if (!this.#isStopped && this.dueMs !== NEVER) wheel.add(this);
  }
}
