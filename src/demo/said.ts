/** What the people in the room publish. It comes from anybody, so each field is looked at. */

/** The room: kept in the history, and recovered. */
export const CHAT = 'chat';
/** What is worth nothing a moment later: who is called what, who types, where a cursor is. */
export const SIGNALS = 'chat-signals';

/** Data of `CHAT`. Whoever publishes with curl may leave out all but the text. */
export interface Message {
  readonly text: string;
  readonly name?: string;
  /** By which the author knows its own again. */
  readonly key?: string;
}

/** Data of `SIGNALS`. */
export type Signal =
  | { readonly kind: 'hello'; readonly name: string; readonly asks: boolean }
  | { readonly kind: 'typing'; readonly typing: boolean }
  /** A point of a part of the page, in fractions of its size; '' is nowhere. */
  | { readonly kind: 'cursor'; readonly place: string; readonly x: number; readonly y: number };

export const NAME_LENGTH_MAX = 24;
const TEXT_LENGTH_MAX = 2000;

/** What is no message is shown as the JSON it is. */
export function messageOf(data: unknown): Message {
  const { text, name, key } = fieldsOf(data);
  const said = typeof text === 'string' ? text : JSON.stringify(data);
  return {
    text: said.slice(0, TEXT_LENGTH_MAX),
    ...(typeof name === 'string' && name.trim() !== '' && { name: nameOf(name) }),
    ...(typeof key === 'string' && { key }),
  };
}

/** Null: it is none. */
export function signalOf(data: unknown): Signal | null {
  const { kind, name, asks, typing, place, x, y } = fieldsOf(data);
  if (kind === 'hello' && typeof name === 'string') {
    return { kind, name: nameOf(name), asks: asks === true };
  }
  if (kind === 'typing') return { kind, typing: typing === true };
  if (kind === 'cursor' && typeof place === 'string') {
    return { kind, place, x: fraction(x), y: fraction(y) };
  }
  return null;
}

function nameOf(name: string): string {
  return name.trim().slice(0, NAME_LENGTH_MAX);
}

function fraction(value: unknown): number {
  return typeof value === 'number' ? Math.min(1, Math.max(0, value)) : 0;
}

function fieldsOf(data: unknown): Readonly<Record<string, unknown>> {
  return typeof data === 'object' && data !== null ? { ...data } : {};
}
