/** The fields of one command, read one by one. */
import { assert } from '../kernel/assert.ts';
import { Json } from '../kernel/data.ts';
import type { Data } from '../kernel/data.ts';
import type { InvalidCommand, Tags } from './frames.ts';

/** What an encoding gives for a map of the wire. Its keys are the peer's. */
export type Fields = Record<string, unknown>;

export function isFields(value: unknown): value is Fields {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}

const NO_FIELDS: Fields = {};
const NO_DATA = new Json('null');
const NO_MAP: ReadonlyMap<string, never> = new Map<string, never>();

/**
 * Reads the fields of one command. A field that is absent or null has its zero value; of the fields
 * that are wrong the first is remembered, and what is read of them is a zero value too.
 */
export class Body {
  readonly id: number;
  readonly bytes: number;
  problem: string | null = null;
  kind: InvalidCommand['kind'] = 'badRequest';
  readonly #path: string;
  readonly #fields: Fields;

  constructor(id: number, bytes: number, path: string, fields: unknown) {
    this.id = id;
    this.bytes = bytes;
    this.#path = path;
    this.#fields = isFields(fields) ? fields : NO_FIELDS;
    if (this.#fields === NO_FIELDS) this.problem = `${path} must be an object`;
  }

  has(field: string): boolean {
    return this.#value(field) !== undefined;
  }

  string(field: string): string {
    const value = this.#value(field);
    if (value === undefined) return '';
    if (typeof value !== 'string') return this.#wrong(field, 'must be a string', '');
    // It goes into logs, keys and other encodings, none of which can carry half a character.
    return value.isWellFormed() ? value : this.#wrong(field, 'must be well-formed Unicode', '');
  }

  /** A string that may not be left out. */
  name(field: string): string {
    const value = this.string(field);
    return value === '' ? this.#wrong(field, 'is missing', '') : value;
  }

  boolean(field: string): boolean {
    const value = this.#value(field);
    if (value === undefined) return false;
    return typeof value === 'boolean' ? value : this.#wrong(field, 'must be a boolean', false);
  }

  integer(field: string): number {
    const value = this.#value(field);
    if (value === undefined) return 0;
    return isInteger(value) ? value : this.#wrong(field, 'must be an integer', 0);
  }

  offset(field: string): number {
    const value = this.#value(field);
    if (value === undefined) return 0;
    if (isInteger(value) && value >= 0) return value;
    return this.#wrong(field, 'must be an integer from 0 to 2^53-1', 0);
  }

  data(): Data | null {
    // Not by #value: a null is data.
    const data = this.#fields['data'];
    if (data === undefined) return null;
    assert(data instanceof Json || data instanceof Uint8Array, 'the codec has kept the data');
    return data;
  }

  neededData(): Data {
    return this.data() ?? this.#wrong('data', 'is missing', NO_DATA);
  }

  tags(field: string): Tags | null {
    const value = this.#value(field);
    if (value === undefined) return null;
    if (!isFields(value)) return this.#wrong(field, 'must be an object', null);
    // No prototype: a tag may have any name.
    const tags: Record<string, string> = Object.create(null);
    for (const [key, tag] of Object.entries(value)) {
      if (typeof tag !== 'string') return this.#wrong(field, 'must hold strings only', null);
      if (!key.isWellFormed() || !tag.isWellFormed()) {
        return this.#wrong(field, 'must be well-formed Unicode', null);
      }
      tags[key] = tag;
    }
    return tags;
  }

  nested<T>(field: string, read: (body: Body) => T): T | null {
    const value = this.#value(field);
    return value === undefined ? null : this.#within(`${this.#path}.${field}`, value, read);
  }

  map<T>(field: string, read: (body: Body) => T): ReadonlyMap<string, T> {
    const value = this.#value(field);
    if (value === undefined) return NO_MAP;
    if (!isFields(value)) return this.#wrong(field, 'must be an object', NO_MAP);
    const map = new Map<string, T>();
    for (const [key, item] of Object.entries(value)) {
      if (!key.isWellFormed()) return this.#wrong(field, 'must be well-formed Unicode', NO_MAP);
      map.set(key, this.#within(`${this.#path}.${field}.*`, item, read));
    }
    return map;
  }

  /** What is right, but not supported here: it is told rather than ignored. */
  refuse(detail: string): void {
    if (this.problem === null) this.kind = 'notAvailable';
    this.problem ??= `${this.#path}: ${detail}`;
  }

  /** Types other than 0 are those of map subscriptions and of their kin. */
  refuseType(): void {
    if (this.integer('type') !== 0) this.refuse('only streams are available');
  }

  #value(field: string): unknown {
    return this.#fields[field] ?? undefined;
  }

  #wrong<T>(field: string, what: string, zero: T): T {
    this.problem ??= `${this.#path}.${field} ${what}`;
    return zero;
  }

  #within<T>(path: string, value: unknown, read: (body: Body) => T): T {
    const body = new Body(this.id, this.bytes, path, value);
    const result = read(body);
    this.problem ??= body.problem;
    return result;
  }
}

function isInteger(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value);
}
