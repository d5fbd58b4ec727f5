/** A frame of the protocol as people read it: what it does, in a few words. */
import { SIGNALS } from './said.ts';

export interface Caption {
  readonly text: string;
  /** Pings, cursors and the like: so many that they hide the rest. */
  readonly isChatter: boolean;
}

type Fields = Readonly<Record<string, unknown>>;

/** Several messages in one frame are told one after the other, those that repeat with their count. */
export function captionOf(frame: string, direction: 'sent' | 'received'): Caption {
  const counts = new Map<string, number>();
  let isChatter = true;
  for (const line of frame.trimEnd().split('\n')) {
    const message: unknown = JSON.parse(line);
    const said = direction === 'sent' ? commandOf(fieldsOf(message)) : replyOf(fieldsOf(message));
    counts.set(said.text, (counts.get(said.text) ?? 0) + 1);
    isChatter &&= said.isChatter;
  }
  const parts = [...counts].map(([text, count]) => (count === 1 ? text : `${text} × ${count}`));
  return { text: parts.join(', '), isChatter };
}

/** Indented, one message after the other. */
export function printed(frame: string): string {
  const messages = frame.trimEnd().split('\n');
  return messages.map((line) => JSON.stringify(JSON.parse(line), null, 2)).join('\n');
}

function commandOf({ id, ...command }: Fields): Caption {
  const [name] = Object.keys(command);
  if (name === undefined) return { text: 'pong', isChatter: true };
  const { channel } = fieldsOf(command[name]);
  if (id !== undefined && channel === SIGNALS && name === 'publish') signals.add(id);
  return {
    text: typeof channel === 'string' ? `${name} ${channel}` : name,
    isChatter: name === 'publish' && channel === SIGNALS,
  };
}

/** Commands whose answers are chatter too. */
const signals = new Set<unknown>();

function replyOf({ id, push, ...reply }: Fields): Caption {
  if (id !== undefined) {
    const [name = ''] = Object.keys(reply);
    return { text: name === 'error' ? 'refused' : `${name} done`, isChatter: signals.delete(id) };
  }
  if (push === undefined) return { text: 'ping', isChatter: true };
  const { channel, ...what } = fieldsOf(push);
  const [name = ''] = Object.keys(what);
  const kind = name === 'pub' ? 'publication' : name;
  return {
    text: typeof channel === 'string' ? `${kind} ${channel}` : kind,
    isChatter: channel === SIGNALS,
  };
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
