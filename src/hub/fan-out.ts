/** Publications on the way to many subscribers: encoded once for each form that one of them needs. */
import { deltaOf, opaque } from '../channel/delta.ts';
import type { Publication } from '../channel/publication.ts';
import type { Data } from '../kernel/data.ts';
import { Json } from '../kernel/data.ts';
import { base64 } from '../protocol/base64.ts';
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

  deliverTo(subscriber: Subscriber): void {
    subscriber.deliver(this.#bytesFor(subscriber.encoder, formOf(subscriber)), this.publications);
  }

  #bytesFor(encoder: Encoder, form: Form): Uint8Array {
    // Two encodings in three forms at the most: a search is quicker than a map.
    for (const encoding of this.#encodings) {
      if (encoding.encoder === encoder && encoding.form === form) return encoding.bytes;
    }
    const bytes = encoder.publications(this.channel, this.#in(form, encoder));
    this.#encodings.push({ encoder, form, bytes });
    return bytes;
  }

  #in(form: Form, encoder: Encoder): readonly Publication[] {
    if (form === 'plain') return this.publications;
    let previous: Data | null = null;
    if (form === 'delta' && this.#previous !== null) {
      previous = legible(this.#previous.data, encoder);
    }
    return this.publications.map((publication) => {
      const data = legible(publication.data, encoder);
      const before = publication.wantsDelta ? previous : null;
      const delta = before === null ? null : deltaOf(before, data);
      previous = data;
      return { ...publication, data: delta ?? opaque(data), delta: delta !== null };
    });
  }
}

/** For a subscriber with deltas, but not as one: what a later delta is a delta to. */
export function whole(publication: Publication, encoder: Encoder): Publication {
  return { ...publication, data: opaque(legible(publication.data, encoder)), delta: false };
}

/** The data as a reader of this encoding gets it: to one of JSON, bytes are a text. */
function legible(data: Data, encoder: Encoder): Data {
  if (data instanceof Json || encoder.binary) return data;
  return new Json(`"${base64(data)}"`);
}

function formOf(subscriber: Subscriber): Form {
  if (!subscriber.delta) return 'plain';
  return subscriber.deltaReady ? 'delta' : 'full';
}
