/** A publication as it lies in the archive: written as a line of JSON, and read from a row. */
import type { ClientInfo, Draft, Publication } from '../channel/publication.ts';
import { placed } from '../channel/publication.ts';
import type { Position } from '../channel/recovery.ts';
import type { Data } from '../kernel/data.ts';
import { Json } from '../kernel/data.ts';
import type { SqlRow } from './sql.ts';
import { numberIn, textIn } from './sql.ts';

/** A publication, the life of the stream it was in, and when that was. */
export interface Archived {
  /** Offset 0: it had none. */
  readonly publication: Publication;
  /** '' where it had no offset. */
  readonly epoch: string;
  readonly atMs: number;
}

/** Where a publication lies in its channel: no two have the same. */
export interface Place extends Position {
  readonly atMs: number;
}

/**
 * What was published without an offset gets one in the archive, in an epoch of the gateway's own.
 * No epoch of a stream begins like it.
 */
export const UNPLACED = '~';

/** The columns of a line, as `json_to_recordset` takes them apart. */
export const LINE = 'c text, e text, p bigint, t float8, d text, b text, a text';

/** A line but for its beginning, which `lineOf` adds when the publication has its place. */
export type LineEnd = string;

export function lineEndOf(channel: string, draft: Draft): LineEnd {
  const { data } = draft;
  const about = aboutOf(draft);
  // Half a character is no character to a database; to a reader of UTF-8 it is none either.
  const content =
    data instanceof Json
      ? `"d":${JSON.stringify(data.text.toWellFormed())}`
      : `"b":"${Buffer.from(data).toString('base64')}"`;
  const said = about === null ? '' : `,"a":${JSON.stringify(about)}`;
  return `"c":${JSON.stringify(channel)},${content}${said}}`;
}

export function lineOf({ epoch, offset, atMs }: Place, end: LineEnd): string {
  return `{"e":${JSON.stringify(epoch)},"p":${offset},"t":${atMs},${end}`;
}

/** What a page is made of. */
export const COLUMNS = `epoch, place::float8 as place, (extract(epoch from at) * 1000)::float8 as ms,
  data, encode(bytes, 'base64') as bytes, about::text as about`;

export function placeOf(row: SqlRow): Place {
  return {
    epoch: textIn(row, 'epoch') ?? '',
    offset: numberIn(row, 'place'),
    atMs: Math.round(numberIn(row, 'ms')),
  };
}

export function archivedOf(row: SqlRow): Archived {
  const { epoch, offset, atMs } = placeOf(row);
  const json = textIn(row, 'data');
  const data = json === null ? bytesOf(textIn(row, 'bytes') ?? '') : new Json(json);
  const draft = { data, wantsDelta: false, ...readAbout(textIn(row, 'about')) };
  if (epoch.startsWith(UNPLACED)) return { publication: placed(draft, 0, ''), epoch: '', atMs };
  return { publication: placed(draft, offset, epoch), epoch, atMs };
}

/** As JSON: the bytes of a peer's own JSON are kept as a string. */
interface About {
  readonly event?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly info?: {
    readonly client: string;
    readonly user: string;
    readonly conn?: Said;
    readonly chan?: Said;
  };
}

type Said = { readonly json: string } | { readonly b64: string };

/** Null where there is nothing to say. */
function aboutOf({ event, tags, info }: Draft): string | null {
  if (event === null && tags === null && info === null) return null;
  const about: About = {
    ...(event === null ? {} : { event }),
    ...(tags === null ? {} : { tags }),
    ...(info === null ? {} : { info: whoOf(info) }),
  };
  return JSON.stringify(about);
}

function whoOf({ client, user, connInfo, chanInfo }: ClientInfo): NonNullable<About['info']> {
  return {
    client,
    user,
    ...(connInfo === null ? {} : { conn: saidOf(connInfo) }),
    ...(chanInfo === null ? {} : { chan: saidOf(chanInfo) }),
  };
}

function saidOf(data: Data): Said {
  return data instanceof Json ? { json: data.text } : { b64: Buffer.from(data).toString('base64') };
}

function readAbout(text: string | null): Pick<Draft, 'event' | 'tags' | 'info'> {
  // It was written here, by `aboutOf`.
  const about: About = text === null ? {} : JSON.parse(text);
  const { event = null, tags = null } = about;
  if (about.info === undefined) return { event, tags, info: null };
  const { client, user, conn, chan } = about.info;
  return { event, tags, info: { client, user, connInfo: dataOf(conn), chanInfo: dataOf(chan) } };
}

function dataOf(said: Said | undefined): Data | null {
  if (said === undefined) return null;
  return 'json' in said ? new Json(said.json) : bytesOf(said.b64);
}

function bytesOf(base64: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64, 'base64'));
}
