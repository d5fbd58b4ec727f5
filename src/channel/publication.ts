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
