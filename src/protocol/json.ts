/** The protocol as JSON: one message per line, data as the text its sender wrote. */
import { Json } from '../kernel/data.ts';
import { base64 } from './base64.ts';
import { isFields } from './body.ts';
import { check, envelope } from './check.ts';
import { Disconnection } from './close.ts';
import type { Codec } from './codec.ts';
import type { ClientInfo, Command, Publication } from './frames.ts';
import { joiner } from './join.ts';
import { LineScan } from './line.ts';
import { bytesOf, textOf } from './utf8.ts';
import { infoOf, publicationOf, wireOf } from './wire.ts';
import type { Wire, WireObject } from './wire.ts';

const NEWLINE = 0x0a;

/** How much of a line may live on with its data; a slice of a string keeps all of the string. */
const SLICE_WASTE_MAX = 256;

export interface JsonOptions {
  /** How deep arrays and objects of one message may be nested. */
  readonly depthMax: number;
}

export function jsonCodec({ depthMax }: JsonOptions): Codec {
  const scan = new LineScan();

  function command(line: Uint8Array): Command {
    const text = textOf(line);
    const message = envelope(parse(text));
    scan.scan(line, message.name ?? '');
    if (scan.depth > depthMax) throw new Disconnection('badRequest');
    if (scan.start !== -1 && isFields(message.body)) {
      message.body['data'] = new Json(part(line, text, scan));
    }
    return check(message, line.length);
  }

  return {
    name: 'json',
    binary: false,
    decode: (frame) => decode(frame, command),
    encode: (message) => bytesOf(write(wireOf(message))),
    publications: (channel, publications) => bytesOf(pushes(channel, publications)),
    join: joiner(NEWLINE),
  };
}

function decode(frame: Uint8Array, command: (line: Uint8Array) => Command): readonly Command[] {
  const commands: Command[] = [];
  let start = 0;
  do {
    // No byte of a longer UTF-8 sequence looks like a newline.
    const newline = frame.indexOf(NEWLINE, start);
    const end = newline === -1 ? frame.length : newline;
    commands.push(command(frame.subarray(start, end)));
    start = end + 1;
  } while (start < frame.length);
  return commands;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new Disconnection('badRequest', { cause: error });
  }
}

/** A part of a line; a copy of it where a slice of its text would keep much more than itself in memory. */
function part(line: Uint8Array, text: string, { start, end }: LineScan): string {
  // Otherwise bytes and characters stand in different places.
  const isAscii = text.length === line.length;
  const waste = line.length - (end - start);
  return isAscii && waste <= SLICE_WASTE_MAX
    ? text.slice(start, end)
    : textOf(line.subarray(start, end));
}

/**
 * The same as `write` of every push, with the common part written once. Joined rather than added:
 * a string made of additions is put together again, twice as slowly, when it is encoded.
 */
function pushes(channel: string, publications: readonly Publication[]): string {
  const head = `{"push":{"channel":${JSON.stringify(channel)},"pub":`;
  return publications.map((one) => `${head}${writePublication(one)}}}`).join('\n');
}

/** Most are data, who published it and an offset, and this is where a gateway spends its time. */
function writePublication(publication: Publication): string {
  const { data, offset, info, tags, event, delta, epoch } = publication;
  const isUsual = tags === null && event === null && !delta && epoch === null;
  if (!isUsual) return write(publicationOf(publication));
  const who = info === null ? '' : `,"info":${writeInfo(info)}`;
  return offset === 0
    ? `{"data":${write(data)}${who}}`
    : `{"data":${write(data)}${who},"offset":${offset}}`;
}

/** What one client publishes comes in rows. */
let written: { readonly info: ClientInfo; readonly text: string } | null = null;

function writeInfo(info: ClientInfo): string {
  if (written?.info !== info) written = { info, text: write(infoOf(info)) };
  return written.text;
}

function write(wire: Wire): string {
  if (typeof wire === 'string') return JSON.stringify(wire);
  if (typeof wire === 'number' || typeof wire === 'boolean') return String(wire);
  if (wire instanceof Json) return oneLine(wire.text);
  if (wire instanceof Uint8Array) return `"${base64(wire)}"`;
  if (Array.isArray(wire)) return `[${wire.map(write).join(',')}]`;
  if (wire instanceof Map) return writeMap(wire);
  return writeObject(wire);
}

function writeMap(map: Map<string, Wire>): string {
  let text = '';
  for (const [key, value] of map) {
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${write(value)}`;
  }
  return `{${text}}`;
}

/** Its names are ours, and need no escapes. */
function writeObject(object: WireObject): string {
  let text = '';
  for (const name of Object.keys(object)) {
    const value = object[name];
    if (value !== undefined) text += `${text === '' ? '' : ','}"${name}":${write(value)}`;
  }
  return `{${text}}`;
}

/** A newline would end the message. In valid JSON it stands between tokens only, as a space does. */
function oneLine(text: string): string {
  return text.includes('\n') ? text.replaceAll('\n', ' ') : text;
}
