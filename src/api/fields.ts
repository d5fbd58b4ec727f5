/** The kinds of fields that requests are made of. A field that is null is as if it were not there. */
import * as z from 'zod';
import type { Overrides } from '../channel/subscription-options.ts';
import type { Data } from '../kernel/data.ts';
import { Json } from '../kernel/data.ts';
import { Refusal } from '../kernel/errors.ts';
import { isFields } from '../protocol/body.ts';

export type Optional<S extends z.ZodType> = z.ZodPreprocess<z.ZodOptional<S>>;

export function optional<S extends z.ZodType>(schema: S): Optional<S> {
  return z.preprocess((value) => value ?? undefined, schema.optional());
}

/** It goes into logs, keys and other encodings, none of which can carry half a character. */
export function text(means: string): z.ZodString {
  return z
    .string()
    .refine((value) => value.isWellFormed(), { error: 'must be well-formed Unicode' })
    .describe(means);
}

/** A text that may not be left out. */
function name(means: string): z.ZodString {
  return text(means).min(1);
}

export function flag(means: string): Optional<z.ZodBoolean> {
  return optional(z.boolean().describe(means));
}

/** A JSON value, kept as the text its sender wrote. */
export function json(means: string): z.ZodType<Json> {
  return z.custom<Json>((value) => value instanceof Json).describe(means);
}

/** Bytes in base64. */
export function bytes(means: string): z.ZodType<Uint8Array> {
  return z
    .string()
    .refine(isBase64, { error: 'must be base64' })
    .describe(means)
    .meta({ contentEncoding: 'base64' })
    .transform((value) => new Uint8Array(Buffer.from(value, 'base64')));
}

export type Tags = Readonly<Record<string, string>>;

/** Not a record of zod, which leaves out the name `__proto__` in silence. */
export function tags(means: string): z.ZodType<Tags> {
  return z
    .custom<Tags>(isTags, { error: 'must be an object of strings' })
    .describe(means)
    .meta({ type: 'object', additionalProperties: { type: 'string' } });
}

/** Milliseconds, or text with a unit. */
export function duration(means: string): z.ZodType<number | string> {
  return z
    .custom<number | string>(isDuration, { error: NO_DURATION })
    .describe(means)
    .meta({
      anyOf: [
        { type: 'integer', minimum: 0 },
        { type: 'string', pattern: DURATION.source },
      ],
    });
}

const DURATION = /^\d{1,9}(ms|s|m|h|d)$/;
const NO_DURATION = "must be milliseconds, or a text such as '500ms', '30s' or '5m'";

function isDuration(value: unknown): boolean {
  if (typeof value === 'string') return DURATION.test(value);
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

/** Seconds since the Unix epoch; 0 is never. */
export function expireAt(means: string): z.ZodType<number | undefined> {
  return optional(z.int().min(0).describe(means)).transform((seconds) =>
    seconds === undefined || seconds === 0 ? undefined : seconds * 1000,
  );
}

export const channel = (): z.ZodString => name('The name of the channel.');

export const position = (means: string): z.ZodType<{ offset: number; epoch: string }> =>
  z
    .strictObject({
      offset: optional(z.int().min(0).describe('The offset of a publication.')),
      epoch: optional(text('Names one life of the stream; empty accepts any.')),
    })
    .describe(means)
    .transform(({ offset = 0, epoch = '' }) => ({ offset, epoch }));

/** Whom a request is about. */
export const target = {
  user: optional(text('The user; without `client` all of its connections.')),
  client: optional(text('One connection alone; `user` may then be left out.')),
  session: optional(
    z.literal('', { error: 'is not available: name the client' }).describe('Not available.'),
  ),
};

function override(means: string): Optional<z.ZodType<boolean>> {
  const wrapped = z.strictObject({ value: z.boolean() }).describe(means);
  return optional(wrapped.transform(({ value }) => value));
}

export const overrides = (): z.ZodType<Overrides> =>
  z
    .strictObject({
      presence: override('Whether the subscriber is in the presence of the channel.'),
      join_leave: override('Whether others are told of its join and leave.'),
      force_recovery: override('Whether it can recover, where there is a history.'),
      force_positioning: override('Whether it is told when its place in the stream is lost.'),
      force_push_join_leave: override('Whether it is told of joins and leaves of others.'),
    })
    .describe('Rules of the namespace that this subscription sets aside.')
    .transform((said) => ({
      ...(said.presence === undefined ? {} : { presence: said.presence }),
      ...(said.join_leave === undefined ? {} : { joinLeave: said.join_leave }),
      ...(said.force_recovery === undefined ? {} : { forceRecovery: said.force_recovery }),
      ...(said.force_positioning === undefined ? {} : { forcePositioning: said.force_positioning }),
      ...(said.force_push_join_leave === undefined
        ? {}
        : { forcePushJoinLeave: said.force_push_join_leave }),
    }));

/** What came as JSON or, under the name `bytesName`, as base64; undefined for neither. */
export function either(
  given: { readonly json: Json | undefined; readonly bytes: Uint8Array | undefined },
  place: string,
  bytesName: string,
): Data | undefined {
  const { json: value, bytes: decoded } = given;
  // Of no bytes only the name came.
  if (decoded === undefined || decoded.length === 0) return value;
  if (value !== undefined && value.text !== 'null') {
    throw new Refusal('badRequest', `${place} is given twice: ${bytesName} takes its place`);
  }
  return decoded;
}

function isBase64(value: string): boolean {
  return Buffer.from(value, 'base64').toString('base64') === value;
}

function isTags(value: unknown): boolean {
  if (!isFields(value)) return false;
  return Object.entries(value).every(
    ([key, tag]) => typeof tag === 'string' && key.isWellFormed() && tag.isWellFormed(),
  );
}
