/** What is published: to a channel, in whichever dialect, for readers of every dialect. */
import type { Data } from '../kernel/data.ts';
import { sizeOf } from '../kernel/data.ts';

/** Who a client is, as presence and the readers of its publications see it. */
export interface ClientInfo {
  readonly client: string;
  readonly user: string;
  readonly connInfo: Data | null;
  readonly chanInfo: Data | null;
}

/** A publication as its author hands it in. */
export interface Draft {
  readonly data: Data;
  readonly info: ClientInfo | null;
  readonly tags: Readonly<Record<string, string>> | null;
  readonly event: string | null;
  /** Subscribers that take deltas get this as one. */
  readonly wantsDelta: boolean;
}

/** A publication that has its place. */
export interface Publication extends Draft {
  /** 0 where there is no history. */
  readonly offset: number;
  /** Only in the first publication of a stream, for readers that know no epoch yet. */
  readonly epoch: string | null;
  /** `data` is a delta to the publication before. Only so on its way to a subscriber. */
  readonly delta: boolean;
}

/** Gives a draft its place. */
export function placed(draft: Draft, offset: number, epoch: string): Publication {
  const { data, info, tags, event, wantsDelta } = draft;
  const first = offset === 1 ? epoch : null;
  return { data, offset, info, tags, event, delta: false, epoch: first, wantsDelta };
}

/** What a publication weighs in a queue, in bytes, without exactness. */
export function weightOf(publication: Draft): number {
  return sizeOf(publication.data) + OVERHEAD_BYTES;
}

/** Names and punctuation around the data of a publication. */
const OVERHEAD_BYTES = 64;

/**
 * A fingerprint of what a draft says, to recognise the same idempotency key with other content. Who
 * says it is left out: the same may be said again over another connection.
 * Not for security: 53 bits of cyrb53.
 */
export function digestOf({ data, event, tags }: Draft): string {
  const hash = new Hash(data instanceof Uint8Array ? 1 : 0);
  if (data instanceof Uint8Array) hash.bytes(data);
  else hash.text(data.text);
  hash.text(event ?? '');
  const named = Object.entries(tags ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, value] of named) {
    hash.text(name);
    hash.text(value);
  }
  return hash.end();
}

/** What is put in one after the other has its length before it, so that nothing runs into the next. */
class Hash {
  #low: number;
  #high: number;

  constructor(seed: number) {
    this.#low = 0xdeadbeef ^ seed;
    this.#high = 0x41c6ce57 ^ seed;
  }

  bytes(bytes: Uint8Array): void {
    this.#mix(bytes.length);
    for (let at = 0; at < bytes.length; at += 1) this.#mix(bytes[at] ?? 0);
  }

  text(text: string): void {
    this.#mix(text.length);
    for (let at = 0; at < text.length; at += 1) this.#mix(text.charCodeAt(at));
  }

  end(): string {
    const low = this.#stir(this.#low, this.#high);
    const high = this.#stir(this.#high, low);
    return (4294967296 * (2097151 & high) + (low >>> 0)).toString(36);
  }

  #mix(unit: number): void {
    this.#low = Math.imul(this.#low ^ unit, 2654435761);
    this.#high = Math.imul(this.#high ^ unit, 1597334677);
  }

  #stir(one: number, other: number): number {
    return (
      Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909)
    );
  }
}
