/** The times of one connection: connect, ping, pong and expiry, as one entry on the wheel. */
import type { Timed } from '../kernel/wheel.ts';
import type { Services } from './services.ts';

/** A time that never comes. */
export const NEVER = Infinity;

/** `pinged`: a pong is due. */
type Phase = 'connecting' | 'quiet' | 'pinged' | 'stopped';

/**
 * A session has one by being one: an object of its own would weigh 40 bytes more on every idle
 * connection. Each number here weighs 24, so there is one for three times.
 */
export abstract class Heartbeat implements Timed {
  next: Timed | null = null;
  previous: Timed | null = null;
  abstract readonly services: Services;
  #phase: Phase = 'connecting';
  /** By when it must connect; from then on when it was pinged last, or would have been. */
  #markMs = NEVER;
  /** Most never expire, and a null weighs less than a number. */
  #expireAtMs: number | null = null;

  get dueMs(): number {
    const connectByMs = this.#phase === 'connecting' ? this.#markMs : NEVER;
    return Math.min(connectByMs, this.#pingAtMs, this.#pongByMs, this.#expireAtMs ?? NEVER);
  }

  /** `expiryDue` is called at `atMs` at the latest. */
  expireBy(atMs: number): void {
    if (atMs >= (this.#expireAtMs ?? NEVER)) return;
    this.#expireAtMs = atMs;
    this.#schedule();
  }

  /** Called by the wheel. */
  expire(nowMs: number): void {
    if (this.#phase === 'connecting' && this.#markMs <= nowMs) {
      this.connectOverdue();
      return;
    }
    if (this.#pongByMs <= nowMs) {
      this.pongOverdue();
      return;
    }
    if (this.#pingAtMs <= nowMs) {
      this.#phase = 'pinged';
      this.#markMs = nowMs;
      this.sendPing();
      // A ping that was one too many for a slow reader has closed the connection.
      if (this.#isStopped) return;
    }
    if (this.#expireAtMs !== null && this.#expireAtMs <= nowMs) {
      const nextMs = this.expiryDue(nowMs);
      this.#expireAtMs = nextMs === NEVER ? null : nextMs;
    }
    this.#schedule();
  }

  // What becomes due. Each is called at the first tick after its time.
  protected abstract connectOverdue(): void;
  protected abstract sendPing(): void;
  protected abstract pongOverdue(): void;
  /** Something of the connection expires at or before `nowMs`; what it returns is the next such time. */
  protected abstract expiryDue(nowMs: number): number;

  protected awaitConnect(byMs: number): void {
    this.#markMs = byMs;
    this.#schedule();
  }

  /** The connection is accepted: pings begin at `firstPingMs`, unless there are none. */
  protected startPings(firstPingMs: number): void {
    this.#phase = 'quiet';
    this.#markMs = firstPingMs - this.services.settings.pingIntervalMs;
    this.#schedule();
  }

  /** False when no pong was due. */
  protected takePong(): boolean {
    if (this.#phase !== 'pinged') return false;
    this.#phase = 'quiet';
    this.#schedule();
    return true;
  }

  protected stopHeartbeat(): void {
    this.#phase = 'stopped';
    this.services.wheel.remove(this);
  }

  get #isStopped(): boolean {
    return this.#phase === 'stopped';
  }

  get #pongByMs(): number {
    const { pongTimeoutMs } = this.services.settings;
    return this.#phase === 'pinged' ? this.#markMs + pongTimeoutMs : NEVER;
  }

  get #pingAtMs(): number {
    const { pingIntervalMs } = this.services.settings;
    const isPinging = this.#phase === 'quiet' || this.#phase === 'pinged';
    return isPinging && pingIntervalMs > 0 ? this.#markMs + pingIntervalMs : NEVER;
  }

  #schedule(): void {
    const { wheel } = this.services;
    wheel.remove(this);
    if (!this.#isStopped && this.dueMs !== NEVER) wheel.add(this);
  }
}
