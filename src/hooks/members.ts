/** A JSON object that a backend wrote, read member by member; what nobody reads is a mistake. */
import type { Data } from '../kernel/data.ts';
import { itemsOf, jsonOf, membersOf } from '../kernel/json-text.ts';
import { MalformedAnswer } from './failure.ts';

const NONE: ReadonlyMap<string, string> = new Map<string, string>();

/**
 * A member that is null is as if it was not there. All here throw `MalformedAnswer`, with the place
 * of what is wrong and never its value.
 */
export class Members {
  readonly #path: string;
  /** Each as the text it was written as. */
  readonly #texts: ReadonlyMap<string, string>;
  readonly #known = new Set<string>();

  /** `text` is JSON that `JSON.parse` took, or undefined for no members. */
  constructor(path: string, text: string | undefined) {
    this.#path = path;
    if (text !== undefined && !text.trimStart().startsWith('{')) {
      throw new MalformedAnswer(`${path === '' ? 'it' : path} is not an object`);
    }
    this.#texts = text === undefined ? NONE : membersOf(text);
  }

  /** It is there, and null. */
  isNull(name: string): boolean {
    return this.#texts.get(name) === 'null';
  }

  value(name: string): unknown {
    const text = this.#text(name);
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** Well-formed: it goes into logs, keys and other encodings, none of which can carry half a character. */
  string(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || isWellFormed(value)) return value;
    throw this.#wrong(name, 'is not a well-formed string');
  }

  boolean(name: string): boolean | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.#wrong(name, 'is not true or false');
  }

  /** A whole number. */
  integer(name: string, min: number, max: number): number | undefined {
    const value = this.value(name);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
      return value;
    }
    throw this.#wrong(name, `is not a whole number from ${min} to ${max}`);
  }

  /** JSON as it was written; or bytes, under the other name. */
  payload(name: string, bytesName: string): Data | undefined {
    const text = this.#text(name);
    const encoded = this.string(bytesName);
    if (encoded === undefined || encoded === '') {
      return text === undefined ? undefined : jsonOf(text);
    }
    if (text !== undefined) throw this.#wrong(name, `is given twice: ${bytesName} takes its place`);
    const bytes = Buffer.from(encoded, 'base64');
    if (bytes.toString('base64') !== encoded) throw this.#wrong(bytesName, 'is not base64');
    return new Uint8Array(bytes);
  }

  /** The names of an array. */
  names(name: string): readonly string[] | undefined {
    const text = this.#text(name);
    if (text === undefined) return undefined;
    if (!text.startsWith('[')) throw this.#wrong(name, 'is not an array');
    return itemsOf(text).map((item) => {
      const value: unknown = JSON.parse(item);
      if (isWellFormed(value) && value !== '') return value;
      throw this.#wrong(name, 'holds something else than names');
    });
  }

  nested(name: string): Members | undefined {
    const text = this.#text(name);
    return text === undefined ? undefined : new Members(this.#place(name), text);
  }

  /** The names of the members; none of them is unknown then. */
  keys(): readonly string[] {
    for (const name of this.#texts.keys()) {
      if (!name.isWellFormed()) throw this.#wrong('*', 'is not a well-formed name');
      this.#known.add(name);
    }
    return [...this.#texts.keys()];
  }

  /** To be called when all is read. */
  end(): void {
    for (const name of this.#texts.keys()) {
      if (!this.#known.has(name)) throw this.#wrong(shown(name), 'is not known');
    }
  }

  #text(name: string): string | undefined {
    this.#known.add(name);
    const text = this.#texts.get(name);
    return text === 'null' ? undefined : text;
  }

  #wrong(name: string, words: string): MalformedAnswer {
    return new MalformedAnswer(`${this.#place(name)} ${words}`);
  }

  #place(name: string): string {
    return this.#path === '' ? name : `${this.#path}.${name}`;
  }
}

function isWellFormed(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed();
}

/** A name that the backend wrote, in a log. */
function shown(name: string): string {
  return /^\w{1,40}$/.test(name) ? name : JSON.stringify(name.slice(0, 40));
}
