/** What the value of an option may be: how it is read, what is allowed, and its JSON Schema. */
import { compileSchema } from '../channel/schema.ts';
import type { CheckData } from '../channel/rules.ts';
import { show } from './problems.ts';

export type JsonSchema = Readonly<Record<string, unknown>>;

type Reading<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly wrong: string };

export interface Kind<T> {
  /** What documentation calls such a value: `--port <integer>`. */
  readonly name: string;
  /** A wrong value is never shown. */
  readonly secret: boolean;
  /** What the file may hold. */
  readonly schema: JsonSchema;
  /** Reads a value of the file or of the library; tells in words what is wrong with it. */
  read(value: unknown): Reading<T>;
  /** What a flag or a variable gives to `read`. */
  fromText(text: string): unknown;
}

interface About<T> {
  readonly name: string;
  /** Ends the sentence `"x" is not …`. */
  readonly allowed: string;
  readonly secret?: boolean;
  readonly schema: JsonSchema;
  /** Undefined where the value is not allowed. */
  parse(value: unknown): T | undefined;
  /** What to write instead, where one can tell. */
  hint?(value: unknown): string | undefined;
  readonly fromText?: (given: string) => unknown;
}

/** The one way to make a kind of one value. */
export function kind<T>(about: About<T>): Kind<T> {
  const secret = about.secret ?? false;
  return {
    name: about.name,
    secret,
    schema: about.schema,
    read(value) {
      const parsed = about.parse(value);
      if (parsed !== undefined) return { ok: true, value: parsed };
      const hint = about.hint?.(value);
      const wrong = `${secret ? 'the value' : show(value)} is not ${about.allowed}`;
      return { ok: false, wrong: hint === undefined ? wrong : `${wrong}; ${hint}` };
    },
    fromText: about.fromText ?? ((given) => given),
  };
}

/** For what must be a string and was a number. */
export function quoted(value: unknown): string | undefined {
  return typeof value === 'string' ? undefined : 'put it in quotes';
}

/** Text that matches `pattern` whole. */
export function text(
  allowed = 'a string without spaces',
  pattern = /^\S+$/,
  name = 'string',
): Kind<string> {
  return kind({
    name,
    allowed,
    schema: { type: 'string', pattern: pattern.source },
    parse: (value) => (typeof value === 'string' && pattern.test(value) ? value : undefined),
    hint: quoted,
  });
}

export const boolean: Kind<boolean> = kind({
  name: 'boolean',
  allowed: 'true or false',
  schema: { type: 'boolean' },
  parse: (value) => (typeof value === 'boolean' ? value : undefined),
  // 1 and 0 are what many write in the environment.
  fromText: (given) => new Map<string, unknown>(WRITTEN_BOOLEANS).get(given) ?? given,
});

const WRITTEN_BOOLEANS = [
  ['true', true],
  ['false', false],
  ['1', true],
  ['0', false],
] as const;

/** One of some words. `hint` may tell what a word that is not allowed would have meant. */
export function oneOf<T extends string>(
  words: readonly T[],
  hint?: (value: unknown) => string | undefined,
): Kind<T> {
  return kind({
    name: words.join('|'),
    allowed: `one of ${words.join(', ')}`,
    schema: { enum: words },
    parse: (value) => words.find((word) => word === value),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** `true` stands for one of the words and `false` for another. */
export function toggle<T extends string>(words: readonly T[], off: T, on: T): Kind<T> {
  const rest = words.filter((word) => word !== off);
  return kind({
    name: ['false', 'true', ...rest].join('|'),
    allowed: `one of false, true, ${rest.join(', ')}`,
    schema: { enum: [false, true, ...rest] },
    parse(value) {
      if (typeof value === 'boolean') return value ? on : off;
      return rest.find((word) => word === value);
    },
  });
}

/** In a flag or a variable the items stand between commas. */
export function list<T>(item: Kind<T>): Kind<readonly T[]> {
  return {
    name: `list of ${item.name}s`,
    secret: item.secret,
    schema: { type: 'array', items: item.schema },
    read(value) {
      if (!Array.isArray(value)) {
        return { ok: false, wrong: `${item.secret ? 'the value' : show(value)} is not a list` };
      }
      const items: T[] = [];
      for (const [index, each] of value.entries()) {
        const reading = item.read(each);
        if (!reading.ok) return { ok: false, wrong: `item ${index + 1}: ${reading.wrong}` };
        items.push(reading.value);
      }
      return { ok: true, value: items };
    },
    fromText: (given) =>
      given
        .split(',')
        .map((each) => each.trim())
        .filter((each) => each !== ''),
  };
}

const DATE = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/;

/** Milliseconds since the Unix epoch. A time without a zone would mean another one on each machine. */
export const date: Kind<number> = kind({
  name: 'date',
  allowed: "a date such as '2027-01-31' or '2027-01-31T12:00:00Z'",
  schema: { type: 'string', pattern: DATE.source },
  parse(value) {
    if (typeof value !== 'string' || !DATE.test(value)) return undefined;
    const day = value.slice(0, 10);
    const dayMs = Date.parse(day);
    // Date.parse takes 2027-02-30 for a day of March.
    if (Number.isNaN(dayMs) || !new Date(dayMs).toISOString().startsWith(day)) return undefined;
    const ms = Date.parse(value);
    return Number.isNaN(ms) ? undefined : ms;
  },
});

/** What is fetched or asked. Neither claims of a token nor anything of a client becomes a part of it. */
export const url: Kind<string> = kind({
  name: 'url',
  allowed: 'one fixed http(s) URL, with no user and no placeholder in it',
  schema: { type: 'string', pattern: '^https?://[^\\s{}]+$' },
  parse(value) {
    if (typeof value !== 'string' || /[\s{}]/.test(value) || !URL.canParse(value)) return undefined;
    const { protocol, username, password } = new URL(value);
    const bare = username === '' && password === '';
    return bare && (protocol === 'https:' || protocol === 'http:') ? value : undefined;
  },
  // A URL may hold a password.
  secret: true,
});

const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^\s/?#@*,]+$/;

/** A browser sends its origin in one form only, and it is compared as it is. */
export const origin: Kind<string> = kind({
  name: 'origin',
  allowed: "an origin such as 'https://example.com' or 'http://localhost:3000', or '*' for all",
  schema: { type: 'string', pattern: `^\\*$|${ORIGIN.source}` },
  parse(value) {
    if (typeof value !== 'string') return undefined;
    const exact = ORIGIN.test(value) && originOf(value) === value;
    return value === '*' || exact ? value : undefined;
  },
  hint(value) {
    if (typeof value === 'string' && /[^/]\*|\*./.test(value)) return 'write out each origin';
    const meant = originOf(value);
    return meant === undefined ? undefined : `write '${meant}'`;
  },
});

function originOf(value: unknown): string | undefined {
  if (typeof value !== 'string' || !URL.canParse(value)) return undefined;
  const { origin: meant } = new URL(value);
  // Apps have schemes of their own (`capacitor://localhost`), to which URL gives no origin.
  if (meant !== 'null') return meant;
  return ORIGIN.test(value) && !value.startsWith('http') ? value : undefined;
}

/** The JSON Schema of a namespace's data, compiled. */
export const dataSchema: Kind<CheckData> = {
  name: 'JSON Schema',
  secret: false,
  schema: { type: 'object' },
  read(value) {
    try {
      return { ok: true, value: compileSchema(value) };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { ok: false, wrong: `is not a JSON Schema of draft 2020-12: ${oneLine(why)}` };
    }
  },
  fromText: (given) => given,
};

/** A map from names to what `schema` says of each; its reader looks into it. */
export function record(names: string, schema: JsonSchema): Kind<Readonly<Record<string, unknown>>> {
  return kind({
    name: 'map',
    allowed: 'a map',
    schema: { type: 'object', propertyNames: { pattern: names }, additionalProperties: schema },
    parse: (value) => (isMap(value) ? value : undefined),
    fromText: jsonOf,
  });
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  // A Map, a Date or a promise has no keys to look at, and would pass for an empty map.
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** What a variable holds for a map; what is no JSON is refused as what it is. */
export function jsonOf(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return given;
  }
}

function oneLine(words: string): string {
  return words.replaceAll(/\s+/g, ' ').slice(0, 200);
}
