/** What the hub needs of a subscription, and no more. */
import type { ClientInfo, Publication } from '../channel/publication.ts';

/** An encoding, as far as the fan-out uses one. It is compared by identity: one object, one form. */
export interface Encoder {
  /** Whether bytes travel as bytes; where they do not, they are a base64 text. */
  readonly binary: boolean;
  publications(channel: string, publications: readonly Publication[]): Uint8Array;
  encode(notice: Notice): Uint8Array;
}

/** Somebody came to a channel, or left it. */
export interface Notice {
  readonly type: 'join' | 'leave';
  readonly channel: string;
  readonly info: ClientInfo;
}

export interface Subscriber {
  readonly encoder: Encoder;
  /** Whether it takes deltas. */
  readonly delta: boolean;
  /** Whether its last publication was the channel's last, so that a delta to that one is of use. */
  readonly deltaReady: boolean;
  /** Whether it is told of joins and leaves. */
  readonly joinLeave: boolean;
  /** `bytes` holds the publications in the form of this subscriber; others share it. */
  deliver(bytes: Uint8Array, publications: readonly Publication[]): void;
  notify(bytes: Uint8Array): void;
  /** Something was lost on the way to this gateway and cannot be had again. */
  lost(): void;
}
