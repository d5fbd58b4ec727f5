/** The body of a request: its value, and beside it the text, for what must stay as it was sent. */
import { assert } from '../kernel/assert.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Json } from '../kernel/data.ts';
import { itemsOf, jsonOf, membersOf, outlineOf } from '../kernel/json-text.ts';
import { isFields } from '../protocol/body.ts';

/** A JSON value and, where it is an object, the texts that its members were read from. */
export interface Body {
  readonly value: unknown;
  readonly members: ReadonlyMap<string, string>;
}

/** Fields that others will read: in every request they are kept as text. */
const RAW_FIELDS = ['data', 'info', 'params', 'input'] as const;

// A byte order mark is no JSON, so it is left for `JSON.parse` to refuse.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** @throws {Refusal} `badRequest` for what is not UTF-8, not JSON, or nested too deep. */
export function readBody(bytes: Uint8Array, depthMax: number): Body {
  // Who has nothing to say need not say so.
  const text = bytes.length === 0 ? '{}' : textOf(bytes);
  const value = parse(text);
  const { depth, members } = outlineOf(text);
  if (depth > depthMax) {
    throw new Refusal('badRequest', `the body is nested more than ${depthMax} levels deep`);
  }
  return { value, members };
}

/** For a text that was read before. */
export function bodyOf(json: Json): Body {
  return { value: json.value(), members: membersOf(json.text) };
}

/** The value of a body, with a `Json` in the place of each raw field. */
export function fieldsOf({ value, members }: Body): unknown {
  if (!isFields(value)) return value;
  const fields = { ...value };
  for (const name of RAW_FIELDS) {
    if (Object.hasOwn(value, name)) fields[name] = jsonOf(partOf(members, name));
  }
  return fields;
}

/** The items of an array within a body, each as a body of its own. */
export function itemBodies(body: Body, field: string): readonly Body[] {
  const values = isFields(body.value) ? body.value[field] : null;
  assert(Array.isArray(values), `${field} was checked to be an array`);
  const texts = itemsOf(partOf(body.members, field));
  return texts.map((text, index) => ({ value: values[index], ...outlineOf(text) }));
}

/** One field of a body that is an object, as a body of its own. */
export function memberBody({ value, members }: Body, field: string): Body {
  assert(isFields(value), 'the body was checked to be an object');
  return { value: value[field], ...outlineOf(partOf(members, field)) };
}

function partOf(members: ReadonlyMap<string, string>, field: string): string {
  const part = members.get(field);
  assert(part !== undefined, `${field} is in the value, so it is in the text`);
  return part;
}

function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) throw new Refusal('badRequest', 'the body is not UTF-8');
    throw error;
  }
}

function parse(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw new Refusal('badRequest', `the body is not JSON: ${error.message}`);
    }
    throw error;
  }
}
