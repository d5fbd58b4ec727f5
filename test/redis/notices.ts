/** What a client was told of others' coming and going. */
import type { Peer } from '../support/peer.ts';

/** The clients of whom it was told, in order. */
export function notices(peer: Peer, type: 'join' | 'leave', channel = 'room'): string[] {
  return peer.pushes(channel).flatMap((push) => {
    const notice = push[type] as { readonly info: { readonly client: string } } | undefined;
    return notice === undefined ? [] : [notice.info.client];
  });
}
