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
 * A fingerprint of what a draft says, to recognise the same idempotency key with other content.
 * Not for security: 53 bits of cyrb53.
 */
export function digestOf(draft: Draft): string {
  const { data } = draft;
  let low = 0xdeadbeef ^ (data instanceof Uint8Array ? 1 : 0);
  let high = 0x41c6ce57;
  const mix = (unit: number): void => {
    low = Math.imul(low ^ unit, 2654435761);
    high = Math.imul(high ^ unit, 1597334677);
  };
  if (data instanceof Uint8Array) data.forEach(mix);
  else for (let i = 0; i < data.text.length; i += 1) mix(data.text.charCodeAt(i));
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  return (4294967296 * (2097151 & high) + (low >>> 0)).toString(36);
}
