/** A publication as bytes: how it lies in a stream and travels on the bus. */
import type { ChannelName } from '../channel/name.ts';
import type { Draft, Publication } from '../channel/publication.ts';
import { placed } from '../channel/publication.ts';
import { Json } from '../kernel/data.ts';
import { Malformed, Reader, Writer } from '../redis/bytes.ts';
import { HEAD_BYTES, headOf, readWho, writeWho } from '../redis/envelope.ts';

const BINARY = 1;
const INFO = 2;
const TAGS = 4;
const EVENT = 8;
const WANTS_DELTA = 16;
const ALL = 31;

/** The data are the publisher's bytes, as they are, at the end. */
export function bodyOf(draft: Draft): Buffer {
  const { data, info, tags, event } = draft;
  const writer = new Writer();
  writer.byte(
    (data instanceof Json ? 0 : BINARY) |
      (info === null ? 0 : INFO) |
      (tags === null ? 0 : TAGS) |
      (event === null ? 0 : EVENT) |
      (draft.wantsDelta ? WANTS_DELTA : 0),
  );
  if (info !== null) writeWho(writer, info);
  if (tags !== null) writeTags(writer, tags);
  if (event !== null) writer.text(event);
  writer.rest(data instanceof Json ? Buffer.from(data.text) : data);
  return writer.take();
}

/** @throws {Malformed} */
export function draftOf(body: Buffer): Draft {
  const reader = new Reader(body);
  const flags = reader.byte();
  if (flags > ALL) throw new Malformed('a publication with flags of another version');
  return {
    info: (flags & INFO) === 0 ? null : readWho(reader),
    tags: (flags & TAGS) === 0 ? null : readTags(reader),
    event: (flags & EVENT) === 0 ? null : reader.text(),
    wantsDelta: (flags & WANTS_DELTA) !== 0,
    data: (flags & BINARY) === 0 ? new Json(reader.restText()) : reader.rest(),
  };
}

function writeTags(writer: Writer, tags: Readonly<Record<string, string>>): void {
  const entries = Object.entries(tags);
  writer.number(entries.length);
  for (const [name, value] of entries) {
    writer.text(name);
    writer.text(value);
  }
}

function readTags(reader: Reader): Readonly<Record<string, string>> {
  const entries: [string, string][] = [];
  for (let left = reader.number(); left > 0; left -= 1)
    entries.push([reader.text(), reader.text()]);
  return Object.fromEntries(entries);
}

/** What a message of the bus holds of one channel. */
export interface Arrival {
  readonly channel: ChannelName;
  readonly epoch: string;
  readonly publications: readonly Publication[];
}

const COLON = 0x3a;
const LENGTH_BYTES = 4;

/** What publish.lua writes of publications that have no place in a stream. */
export function unplacedMessage(bodies: readonly Buffer[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`${headOf('publications')}0::`)];
  for (const body of bodies) {
    const length = Buffer.allocUnsafe(LENGTH_BYTES);
    length.writeUInt32BE(body.length);
    parts.push(length, body);
  }
  return Buffer.concat(parts);
}

/** Reads a message that publish.lua wrote, whose head was read. @throws {Malformed} */
export function arrivalOf(channel: ChannelName, message: Buffer): Arrival {
  const offsetEnd = message.indexOf(COLON, HEAD_BYTES);
  const epochEnd = offsetEnd === -1 ? -1 : message.indexOf(COLON, offsetEnd + 1);
  if (epochEnd === -1) throw new Malformed('publications without a place');
  const first = Number(message.toString('latin1', HEAD_BYTES, offsetEnd));
  if (!Number.isSafeInteger(first)) throw new Malformed('an offset that is no number');
  const epoch = message.toString('utf8', offsetEnd + 1, epochEnd);
  const publications: Publication[] = [];
  let at = epochEnd + 1;
  while (at < message.length) {
    const from = at + LENGTH_BYTES;
    if (from > message.length) throw new Malformed('a publication ends too early');
    const end = from + message.readUInt32BE(at);
    if (end > message.length) throw new Malformed('a publication ends too early');
    const offset = first === 0 ? 0 : first + publications.length;
    publications.push(placed(draftOf(message.subarray(from, end)), offset, epoch));
    at = end;
  }
  return { channel, epoch, publications };
}
