/** JSON text taken apart without being read, so that a part stays as its sender wrote it. */
import { Json } from './data.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

// Those of another module would be loaded each time they are read: a scan takes 15% longer then.
const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
/** With this bit set a bracket is a brace. */
const BRACE_BIT = 0x20;
const BRACE_OPEN = 0x7b;
const BRACE_CLOSE = 0x7d;

/** What is told of a text without reading it. */
interface Outline {
  /** How deep arrays and objects are nested. */
  readonly depth: number;
  /** The members of an object. Of keys that come twice the last one counts, as for `JSON.parse`. */
  readonly members: ReadonlyMap<string, string>;
}

/** Like all here, only for text that `JSON.parse` took. */
export function outlineOf(text: string): Outline {
  const members = new Map<string, string>();
  const depth = scan(text, (start, colon, end) => {
    if (colon !== -1) {
      members.set(keyOf(text.slice(start, colon).trim()), text.slice(colon + 1, end).trim());
    }
  });
  return { depth, members };
}

export function depthOf(text: string): number {
  return scan(text, () => {});
}

export function membersOf(text: string): Outline['members'] {
  return outlineOf(text).members;
}

/** Of a string in its quotes. */
function keyOf(quoted: string): string {
  return quoted.includes('\\') ? String(JSON.parse(quoted)) : quoted.slice(1, -1);
}

/** The items of an array. */
export function itemsOf(text: string): readonly string[] {
  const items: string[] = [];
  scan(text, (start, _colon, end) => {
    const item = text.slice(start, end).trim();
    if (item !== '') items.push(item);
  });
  return items;
}

/** A copy: a slice of a string would keep all of the body in memory for as long as itself. */
export function jsonOf(part: string): Json {
  return new Json(decoder.decode(encoder.encode(part)));
}

/** Tells each part of the outermost array or object, and returns the depth; linear in the text. */
function scan(text: string, visit: (start: number, colon: number, end: number) => void): number {
  let depth = 0;
  let deepest = 0;
  let start = 0;
  let colon = -1;
  const part = (end: number): void => {
    if (depth !== 1) return;
    visit(start, colon, end);
    start = end + 1;
    colon = -1;
  };
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = stringEnd(text, at);
    else if (code === COMMA) part(at);
    else if (code === COLON && depth === 1) colon = at;
    else if ((code | BRACE_BIT) === BRACE_OPEN) {
      depth += 1;
      if (depth === 1) start = at + 1;
      if (depth > deepest) deepest = depth;
    } else if ((code | BRACE_BIT) === BRACE_CLOSE) {
      part(at);
      depth -= 1;
    }
  }
  return deepest;
}

/** The closing quote of the string that opens at `open`. */
function stringEnd(text: string, open: number): number {
  let at = open + 1;
  for (; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === BACKSLASH) at += 1;
    else if (code === QUOTE) break;
  }
  return at;
}
