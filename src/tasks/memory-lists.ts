/** Lists of channels in process. */
import type { Clock } from '../kernel/clock.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Timed, Wheel } from '../kernel/wheel.ts';
import type { ChannelLists, ListLimits } from './lists.ts';
import { LIST_KEPT_MS, missingPart, tooLong, tooManyChannels, tooManyLists } from './lists.ts';

export interface MemoryListsOptions {
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly limits: ListLimits;
}

interface Part {
  readonly channels: readonly string[];
  readonly bytes: number;
}

class List implements Timed {
  dueMs = 0;
  next: Timed | null = null;
  previous: Timed | null = null;
  readonly parts = new Map<number, Part>();
  channels = 0;
  bytes = 0;
  readonly expire: () => void;

  constructor(expire: () => void) {
    this.expire = expire;
  }
}

export class MemoryLists implements ChannelLists {
  readonly #options: MemoryListsOptions;
  readonly #lists = new Map<string, List>();

  constructor(options: MemoryListsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#lists.size;
  }

  put(name: string, number: number, channels: readonly string[]): number {
    const { limits } = this.#options;
    const list = this.#lists.get(name) ?? this.#newList(name);
    const before = list.parts.get(number);
    const part = { channels: [...channels], bytes: bytesOf(channels) };
    const count = list.channels - (before?.channels.length ?? 0) + channels.length;
    const bytes = list.bytes - (before?.bytes ?? 0) + part.bytes;
    if (count > limits.broadcastChannels) throw new Refusal('badRequest', tooManyChannels(limits));
    if (bytes > limits.broadcastListBytes) throw new Refusal('badRequest', tooLong(limits));
    list.parts.set(number, part);
    list.channels = count;
    list.bytes = bytes;
    this.#lists.set(name, list);
    this.keep(name, LIST_KEPT_MS);
    return count;
  }

  count(name: string, parts: number): number {
    const list = this.#lists.get(name);
    let count = 0;
    for (let number = 0; number < parts; number += 1) {
      const part = list?.parts.get(number);
      if (part === undefined) throw new Refusal('badRequest', missingPart(name, number));
      count += part.channels.length;
    }
    return count;
  }

  read(name: string, number: number): readonly string[] | null {
    return this.#lists.get(name)?.parts.get(number)?.channels ?? null;
  }

  keep(name: string, forMs: number): void {
    const { clock, wheel } = this.#options;
    const list = this.#lists.get(name);
    if (list === undefined) return;
    wheel.remove(list);
    list.dueMs = clock.now() + forMs;
    wheel.add(list);
  }

  remove(name: string): void {
    const list = this.#lists.get(name);
    if (list !== undefined) this.#options.wheel.remove(list);
    this.#lists.delete(name);
  }

  /** Not kept before it has a part. */
  #newList(name: string): List {
    const { limits } = this.#options;
    if (this.#lists.size >= limits.broadcastLists) {
      throw new Refusal('tooManyRequests', tooManyLists(limits));
    }
    return new List(() => this.remove(name));
  }
}

function bytesOf(channels: readonly string[]): number {
  return channels.reduce((sum, channel) => sum + Buffer.byteLength(channel), 0);
}
