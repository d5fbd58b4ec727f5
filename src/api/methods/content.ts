/** What `publish` and `broadcast` have in common. */
import * as z from 'zod';
import type { Data } from '../../kernel/data.ts';
import { Refusal } from '../../kernel/errors.ts';
import { bytes, either, flag, json, optional, tags, text } from '../fields.ts';
import type { PublicationOptions } from '../publication.ts';
import { KEY_LENGTH_MAX } from '../publication.ts';

export const content = {
  data: optional(json('What is published: any JSON value. It goes out as it was sent.')),
  b64data: optional(bytes('In place of `data`: bytes in base64.')),
  skip_history: flag('Send it, but do not keep it; it gets no offset.'),
  tags: optional(tags('Names and texts that go along with the publication.')),
  event: optional(text('The name of the event; clients see it as the tag `event`.')),
  idempotency_key: optional(
    text('A second publication to the channel with this key is answered like the first.').max(
      KEY_LENGTH_MAX,
    ),
  ),
  delta: flag('False: send it whole also to those who take deltas.'),
  version: optional(
    z.int().min(0).describe('Publish only if it is above the last version; needs a history.'),
  ),
  version_epoch: optional(
    text('One series of versions; a new one starts anew.').max(KEY_LENGTH_MAX),
  ),
};

type Content = z.output<z.ZodObject<typeof content>>;

/** @throws {Refusal} `badRequest` when there is none, or both kinds. */
export function dataOf(name: string, { data, b64data }: Content): Data {
  const given = either({ json: data, bytes: b64data }, `${name}.data`, 'b64data');
  if (given === undefined) throw new Refusal('badRequest', `${name}.data is missing`);
  return given;
}

export function optionsOf(fields: Content): PublicationOptions {
  return {
    skipHistory: fields.skip_history,
    tags: fields.tags,
    event: fields.event,
    idempotencyKey: fields.idempotency_key,
    delta: fields.delta,
    version: fields.version,
    versionEpoch: fields.version_epoch,
  };
}

/** Where a publication stands. */
export const place = z.looseObject({
  offset: z.int().min(0).optional().describe('The place in the stream; absent without history.'),
  epoch: z.string().optional().describe('The life of the stream; absent without history.'),
});
