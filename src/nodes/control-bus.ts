/** Carries what is done to the connections of a user to every other gateway, and carries out theirs. */
import type { Control } from '../api/control.ts';
import { controlBytes, readControl } from './control-wire.ts';
import { Refusal } from '../kernel/errors.ts';
import { Malformed, Reader } from '../redis/bytes.ts';
import { HEAD_BYTES, headOf, kindOf } from '../redis/envelope.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Redis } from '../redis/redis.ts';

export interface ControlBusOptions {
  readonly redis: Redis;
  /** Of this gateway: what it said itself it does not carry out a second time. */
  readonly uid: string;
  readonly channelNameLength: number;
  /** Carries it out on the connections here. */
  readonly apply: (control: Control) => Promise<void>;
  readonly fault: (where: string, error: unknown) => void;
  /** A message was none of ours. */
  readonly refused: (reason: string) => void;
}

export class ControlBus {
  readonly #options: ControlBusOptions;
  readonly #name: string;

  constructor(options: ControlBusOptions) {
    this.#options = options;
    this.#name = options.redis.names.bus('x', 'control');
    // The first time is what counts: the bus keeps it over every break.
    options.redis.bus.onUp(() => void this.#listen());
  }

  /** Done when it was said to the others; they carry it out by themselves. @throws {Refusal} */
  async carry(control: Control): Promise<void> {
    const { redis, uid } = this.#options;
    const message = Buffer.concat([Buffer.from(headOf('control')), controlBytes(uid, control)]);
    try {
      await redis.link.call(redis.publishCommand, this.#name, message);
    } catch (error) {
      throw error instanceof RedisAway ? new Refusal('internal', 'try again') : error;
    }
  }

  async #listen(): Promise<void> {
    try {
      await this.#options.redis.bus.listen(this.#name, (message) => void this.#hear(message));
    } catch (error) {
      // Then the bus comes up once more.
      if (!(error instanceof RedisAway)) this.#options.fault('control', error);
    }
  }

  async #hear(message: Buffer): Promise<void> {
    const { uid, channelNameLength, apply, fault, refused } = this.#options;
    try {
      if (kindOf(message) !== 'control') throw new Malformed('no control on the control channel');
      const reader = new Reader(message, HEAD_BYTES);
      if (reader.text() !== uid) await apply(readControl(reader, channelNameLength));
    } catch (error) {
      if (error instanceof Malformed) refused(error.message);
      // Whoever asked for it is on another gateway, and was told of what failed there.
      else if (!(error instanceof Refusal)) fault('control', error);
    }
  }
}
