/** Publications on the way to many subscribers: encoded once for each form that one of them needs. */
import { deltaOf, opaque } from '../channel/delta.ts';
import type { Publication } from '../channel/publication.ts';
import type { Encoder, Subscriber } from './subscriber.ts';

/** In which form publications go to a subscriber. */
type Form = 'plain' | 'full' | 'delta';

/** What one channel published in one turn. */
export class Batch {
  readonly channel: string;
  readonly publications: readonly Publication[];
  readonly #previous: Publication | null;
  readonly #encodings: { encoder: Encoder; form: Form; bytes: Uint8Array }[] = [];

  /** `previous` came before the first; without it the first goes whole to those who take deltas. */
  constructor(channel: string, publications: readonly Publication[], previous: Publication | null) {
    this.channel = channel;
    this.publications = publications;
    this.#previous = previous;
  }

  sendTo(subscribers: Iterable<Subscriber>): void {
    for (const subscriber of subscribers) {
      subscriber.deliver(this.#bytesFor(subscriber.encoder, formOf(subscriber)), this.publications);
    }
  }

  #bytesFor(encoder: Encoder, form: Form): Uint8Array {
    // Two encodings in three forms at the most: a search is quicker than a map.
    for (const encoding of this.#encodings) {
      if (encoding.encoder === encoder && encoding.form === form) return encoding.bytes;
    }
    const bytes = encoder.publications(this.channel, this.#in(form));
    this.#encodings.push({ encoder, form, bytes });
    return bytes;
  }

  #in(form: Form): readonly Publication[] {
    if (form === 'plain') return this.publications;
    let previous = form === 'delta' ? this.#previous : null;
    return this.publications.map((publication) => {
      const before = previous;
      previous = publication;
      return inDelta(publication, before);
    });
  }
}

/** For a subscriber with deltas: as a delta to `previous` where that is asked for, shorter and possible. */
export function inDelta(publication: Publication, previous: Publication | null): Publication {
  const delta =
    publication.wantsDelta && previous !== null ? deltaOf(previous.data, publication.data) : null;
  return delta === null
    ? { ...publication, data: opaque(publication.data), delta: false }
    : { ...publication, data: delta, delta: true };
}

function formOf(subscriber: Subscriber): Form {
  if (!subscriber.delta) return 'plain';
  return subscriber.deltaReady ? 'delta' : 'full';
}
