/** Where options are given: the flags, the environment and the file. */
import { readFileSync } from 'node:fs';
import {
  LineCounter,
  isAlias,
  isMap as isYamlMap,
  isScalar,
  isSeq,
  parseDocument,
  visit,
} from 'yaml';
import type { Document } from 'yaml';
import { envOf, flagOf, givensOf } from './option.ts';
import type { Given, Givens, Option, Where } from './option.ts';
import { ALL_OPTIONS } from './options.ts';
import { didYouMean, showPath } from './problems.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A value of text, as of a flag or a variable. */
function givenText(option: Option<unknown>, name: string, text: string): Given {
  const where: Where = (under) => (under.length === 0 ? name : `${name} ${showPath(under)}`);
  return { value: option.kind.fromText(text), where };
}

export interface Flags {
  readonly givens: Givens;
  /** What to print instead of starting. */
  readonly asked: 'help' | 'version' | null;
  /** The path of the file. */
  readonly config: string | null;
}

/** Flags that are about the reading itself. */
const ASKING = new Map<string, 'help' | 'version'>([
  ['--help', 'help'],
  ['-h', 'help'],
  ['--version', 'version'],
  ['-v', 'version'],
]);
const CONFIG_FLAG = '--config';
const CONFIG_ENV = 'SLUICE_CONFIG';

/**
 * `--name value` or `--name=value`; a boolean needs no value. No argument is ever shown: what stands
 * where no flag is expected may be one half of a secret.
 */
export function readFlags(argv: readonly string[], problems: string[]): Flags {
  const options = new Map(ALL_OPTIONS.map((option) => [flagOf(option.path), option]));
  const names = [...options.keys(), ...ASKING.keys(), CONFIG_FLAG];
  const texts = new Map<string, string>();
  let asked: Flags['asked'] = null;
  for (const { name, text } of argumentsOf(argv, options, problems)) {
    const ask = ASKING.get(name);
    if (ask !== undefined) asked ??= ask;
    else if (!names.includes(name)) {
      problems.push(`${name}: there is no such flag${didYouMean(name, names)}`);
    } else if (text === null) {
      problems.push(`${name}: a value is missing; one that begins with -- is written ${name}=--…`);
    } else if (texts.has(name)) problems.push(`${name}: it is given twice`);
    else texts.set(name, text);
  }
  const givens = new Map<string, Given>();
  for (const [name, text] of texts) {
    const option = options.get(name);
    if (option !== undefined) givens.set(option.path, givenText(option, name, text));
  }
  return { givens, asked, config: texts.get(CONFIG_FLAG) ?? null };
}

interface Argument {
  readonly name: string;
  readonly text: string | null;
}

function argumentsOf(
  argv: readonly string[],
  options: ReadonlyMap<string, Option<unknown>>,
  problems: string[],
): Argument[] {
  const found: Argument[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const argument = argv[index]!;
    const name = nameOf(argument);
    if (!name.startsWith('-')) problems.push(`argument ${index + 1}: it belongs to no flag`);
    else if (name !== argument) found.push({ name, text: argument.slice(name.length + 1) });
    else if (ASKING.has(name)) found.push({ name, text: null });
    else if (options.get(name)?.kind.name === 'boolean') found.push({ name, text: 'true' });
    else {
      const next = argv[index + 1];
      found.push({ name, text: next === undefined || next.startsWith('--') ? null : next });
      // Neither the value of an unknown flag nor one that begins with -- is looked at by itself.
      if (next !== undefined && !isKnown(nameOf(next), options)) index += 1;
    }
  }
  return found;
}

function nameOf(argument: string): string {
  const equals = argument.indexOf('=');
  return equals < 0 ? argument : argument.slice(0, equals);
}

function isKnown(name: string, options: ReadonlyMap<string, unknown>): boolean {
  return options.has(name) || ASKING.has(name) || name === CONFIG_FLAG;
}

export interface EnvironmentGivens {
  readonly givens: Givens;
  readonly config: string | null;
}

/** Every variable that begins with `SLUICE_` must be an option; an empty one is not set. */
export function readEnvironment(env: Environment, problems: string[]): EnvironmentGivens {
  const givens = new Map<string, Given>();
  for (const option of ALL_OPTIONS) {
    const names = [envOf(option.path), option.foreignEnv ?? ''];
    const name = names.find((one) => isHeard(one, env[one]));
    const text = name === undefined ? undefined : env[name];
    if (name !== undefined && text !== undefined) {
      givens.set(option.path, givenText(option, name, text));
    }
  }
  refuseUnknown(env, problems);
  return { givens, config: env[CONFIG_ENV] || null };
}

function isHeard(name: string, text: string | undefined): boolean {
  return text !== undefined && text !== '' && !isServiceLink(name, text);
}

function refuseUnknown(env: Environment, problems: string[]): void {
  const known = [CONFIG_ENV, ...ALL_OPTIONS.map(({ path }) => envOf(path))];
  for (const [name, text = ''] of Object.entries(env)) {
    if (!name.startsWith('SLUICE_') || known.includes(name) || isServiceLink(name, text)) continue;
    problems.push(`${name}: there is no such variable${didYouMean(name, known)}`);
  }
}

/**
 * Kubernetes tells every pod the address of a service named `sluice` in variables of this form,
 * `SLUICE_PORT=tcp://10.0.0.1:8000` among them. They are not meant for us.
 */
function isServiceLink(name: string, text: string): boolean {
  return (
    /_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)$/.test(name) ||
    /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
    (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(text))
  );
}

const DEFAULT_FILE = 'sluice.yaml';

export interface FileGivens {
  readonly givens: Givens;
  /** Null where there is no file. */
  readonly path: string | null;
  readonly text: string | null;
}

/**
 * The file that is named, which must be there; or the one of this folder, if there is one. Null
 * when it cannot be read: then nobody knows what it would have given.
 */
export function readFileOptions(
  named: string | null,
  readFile: (path: string) => string | null,
  problems: string[],
): FileGivens | null {
  const path = named ?? DEFAULT_FILE;
  let text: string | null;
  try {
    text = readFile(path);
  } catch (error) {
    problems.push(`${path}: it cannot be read (${codeOf(error)})`);
    return null;
  }
  if (text === null) {
    if (named === null) return { givens: new Map(), path: null, text };
    problems.push(`${path}: there is no such file`);
    return null;
  }
  const givens = readYaml(path, text, problems);
  return givens === null ? null : { givens, path, text };
}

/** Null where there is no such file. */
export function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}

/** What a file of YAML (or JSON) gives; null where it is none. */
function readYaml(name: string, source: string, problems: string[]): Givens | null {
  const lines = new LineCounter();
  // Pretty errors quote the source, and with it secrets.
  const document = parseDocument(source, {
    lineCounter: lines,
    prettyErrors: false,
    // Anything less, and a second document would be passed over.
    logLevel: 'error',
    merge: true,
  });
  const line = (offset: number): string => `${name}:${lines.linePos(offset).line}`;
  const faults = faultsOf(document);
  for (const { code, offset } of faults) {
    problems.push(`${line(offset)}: ${YAML_WORDS.get(code) ?? 'this is not YAML'}`);
  }
  if (faults.length > 0) return null;
  const where: Where = (path) =>
    `${line(offsetOf(document, path))}${path.length === 0 ? '' : ` ${showPath(path)}`}`;
  const tree = treeOf(document);
  if (tree !== UNFOLLOWED) return givensOf(tree, ALL_OPTIONS, where, problems);
  problems.push(`${name}: its aliases (*) cannot be followed`);
  return null;
}

function faultsOf(document: Document.Parsed): { code: string; offset: number }[] {
  const faults: { code: string; offset: number }[] = [];
  for (const { code, pos } of [...document.errors, ...document.warnings]) {
    faults.push({ code, offset: pos[0] });
  }
  // The parser would only throw, without a line, when the tree is made.
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      faults.push({ code: 'BAD_ALIAS', offset: alias.range?.[0] ?? 0 });
    },
  });
  return faults;
}

/** In words of our own, because those of the parser may quote what stands there. */
const YAML_WORDS: ReadonlyMap<string, string> = new Map([
  ['BAD_ALIAS', 'an alias (*) of no anchor; text that begins with * needs quotes'],
  ['BAD_INDENT', 'the indentation does not fit, or a bracket is not closed'],
  ['BAD_SCALAR_START', 'text that begins like this needs quotes'],
  ['BAD_DQ_ESCAPE', 'there is no such escape in double quotes'],
  ['BLOCK_AS_IMPLICIT_KEY', 'a map within one line; text with ": " in it needs quotes'],
  ['DUPLICATE_KEY', 'the key stands here for the second time'],
  ['MISSING_CHAR', 'a quote, bracket, comma or space is missing'],
  ['MULTILINE_IMPLICIT_KEY', 'a key without a colon'],
  ['MULTIPLE_DOCS', 'a second document; one is read'],
  ['TAB_AS_INDENT', 'a tab, where YAML indents with spaces'],
  ['TAG_RESOLVE_FAILED', 'a tag (!) that is not known; text that begins with ! needs quotes'],
]);

const UNFOLLOWED = Symbol('a tree that cannot be made');

function treeOf(document: Document.Parsed): unknown {
  try {
    return document.toJS();
  } catch {
    // An alias that holds itself, or thousands of them: what is thrown says nothing better.
    return UNFOLLOWED;
  }
}

/** Where the key of a path stands, or the nearest above it that stands in the file. */
function offsetOf(document: Document.Parsed, path: readonly string[]): number {
  let node: unknown = document.contents;
  let offset = document.contents?.range?.[0] ?? 0;
  for (const key of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isSeq(node)) {
      node = node.items[Number(key)];
      continue;
    }
    if (!isYamlMap(node)) break;
    const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === key);
    if (pair === undefined) break;
    if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
    node = pair.value;
  }
  return offset;
}
