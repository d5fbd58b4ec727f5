/** One option: its names everywhere, and its value from what was given. */
import { didYouMean } from './problems.ts';
import { isMap } from './kinds.ts';
import type { JsonSchema, Kind } from './kinds.ts';

/** A value as one would write it in the file; null is not set. */
type Written =
  | string
  | number
  | boolean
  | null
  | readonly string[]
  | Readonly<Record<string, never>>;

export interface Option<T> {
  /** The place in the file: `tokens.hmacSecret`. The other names follow from it. */
  readonly path: string;
  readonly kind: Kind<T>;
  readonly default: Written;
  /** The default with `dev`. */
  readonly dev: Written;
  /** What a number counts, where its kind does not tell. */
  readonly unit: string | null;
  /** A variable that others set for us, and which is heeded after our own. */
  readonly foreignEnv: string | null;
  readonly means: string;
  /** The default, read. */
  initial(dev: boolean): T;
}

interface About {
  readonly default: Exclude<Written, null>;
  readonly dev?: Exclude<Written, null>;
  readonly unit?: string;
  readonly foreignEnv?: string;
  readonly means: string;
}

export function option<T>(path: string, kind: Kind<T>, about: About): Option<T> {
  const value = initialOf(path, kind, about.default);
  const devValue = about.dev === undefined ? value : initialOf(path, kind, about.dev);
  return {
    unit: null,
    foreignEnv: null,
    dev: about.default,
    ...about,
    path,
    kind,
    initial: (dev) => (dev ? devValue : value),
  };
}

/** An option that is undefined until it is set. */
export function optional<T>(path: string, kind: Kind<T>, means: string): Option<T | undefined> {
  return {
    unit: null,
    foreignEnv: null,
    default: null,
    dev: null,
    means,
    path,
    kind,
    initial: () => undefined,
  };
}

function initialOf<T>(path: string, kind: Kind<T>, written: Written): T {
  const reading = kind.read(written);
  if (!reading.ok) throw new Error(`the default of ${path}: ${reading.wrong}`);
  return reading.value;
}

export function envOf(path: string): string {
  return `SLUICE_${words(path).join('_').toUpperCase()}`;
}

export function flagOf(path: string): string {
  return `--${words(path).join('-')}`;
}

/** `tokens.hmacSecret` -> tokens, hmac, secret. */
function words(path: string): string[] {
  return path.replaceAll(/[A-Z]/g, (letter) => `.${letter.toLowerCase()}`).split('.');
}

/** The JSON Schema of a tree with these options as its leaves. */
export function treeSchema(options: readonly Option<unknown>[], depth = 0): JsonSchema {
  const keys = new Set(options.map(({ path }) => path.split('.')[depth]!));
  const properties = [...keys].map((key): readonly [string, JsonSchema] => {
    const under = options.filter(({ path }) => path.split('.')[depth] === key);
    const [first] = under;
    if (first === undefined || first.path.split('.').length > depth + 1) {
      return [key, treeSchema(under, depth + 1)];
    }
    const { kind, means, default: written } = first;
    return [
      key,
      { ...kind.schema, description: means, ...(written === null ? {} : { default: written }) },
    ];
  });
  return {
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(properties),
  };
}

/** Where something stands, to begin a problem: `sluice.yaml:3 tokens.issuer`. */
export type Where = (path: readonly string[]) => string;

/** What was given for one option. */
export interface Given {
  readonly value: unknown;
  /** Of the value itself, or of what is under it. */
  readonly where: Where;
}

/** By the path of the option. */
export type Givens = ReadonlyMap<string, Given>;

/** Takes a tree apart into what it gives for each option; what is no option is a problem. */
export function givensOf(
  tree: unknown,
  options: readonly Option<unknown>[],
  where: Where,
  problems: string[],
): Givens {
  const givens = new Map<string, Given>();
  const paths = options.map(({ path }) => path);
  const groups = new Set(paths.flatMap(groupsOf));
  const walk = (value: unknown, at: readonly string[]): void => {
    // A key with a dot in it is no way to write a path.
    const path = at.some((key) => key.includes('.')) ? null : at.join('.');
    if (path !== null && paths.includes(path)) {
      if (isSet(value)) givens.set(path, { value, where: (under) => where([...at, ...under]) });
    } else if (path === null || !groups.has(path)) {
      const meant = path === null ? '' : didYouMean(path, [...groups, ...paths]);
      problems.push(`${where(at)}: there is no such option${meant}`);
    } else if (isMap(value)) {
      for (const key of Object.keys(value)) walk(value[key], [...at, key]);
    } else if (isSet(value)) {
      // Not shown: what stands in the place of `tokens` may be one.
      const what = Array.isArray(value) ? 'a list' : 'a single value';
      problems.push(`${where(at)}: ${what} is not a map of options`);
    }
  };
  walk(tree, []);
  return givens;
}

/** An empty place in the file is as good as none. */
function isSet(value: unknown): boolean {
  return value !== null && value !== undefined;
}

/** The whole tree and `tokens` for `tokens.issuer`. */
function groupsOf(path: string): string[] {
  const keys = path.split('.');
  return keys.map((_, depth) => keys.slice(0, depth).join('.'));
}

/** The options of one table, read from what was given. */
export interface Values {
  /** The default where nothing or a wrong value was given; the latter is a problem. Once for each. */
  read<T>(option: Option<T>): T;
  isGiven(option: Option<unknown>): boolean;
  /** None of these was given a wrong value, so that they may be compared. */
  sound(...options: readonly Option<unknown>[]): boolean;
  /** Tells a problem of what the option was given, or of its absence. */
  refuse(option: Option<unknown>, wrong: string): void;
}

/** `where` is of what was not given. */
export function valuesOf(
  givens: Givens,
  context: { readonly dev: boolean; readonly where: Where; readonly problems: string[] },
): Values {
  const { dev, where, problems } = context;
  const unsound = new Set<string>();
  const refuse = (path: string, wrong: string): void => {
    unsound.add(path);
    problems.push(`${givens.get(path)?.where([]) ?? where(path.split('.'))}: ${wrong}`);
  };
  return {
    read(wanted) {
      const given = givens.get(wanted.path);
      if (given === undefined) return wanted.initial(dev);
      const reading = wanted.kind.read(given.value);
      if (reading.ok) return reading.value;
      refuse(wanted.path, reading.wrong);
      return wanted.initial(dev);
    },
    isGiven: ({ path }) => givens.has(path),
    sound: (...options) => options.every(({ path }) => !unsound.has(path)),
    refuse: ({ path }, wrong) => refuse(path, wrong),
  };
}
