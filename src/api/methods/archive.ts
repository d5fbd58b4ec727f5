/** `archive`: publications of a channel from the durable log, by time or by offset. */
import * as z from 'zod';
import { publicationOf } from '../../protocol/wire.ts';
import type { WireObject } from '../../protocol/wire.ts';
import type { Archived } from '../../archive/record.ts';
import { channel, flag, optional, text } from '../fields.ts';
import { method } from '../method.ts';
import { clientInfo } from './presence.ts';

/** What JavaScript can tell a time of; it is within what Postgres can. */
const TIME_MAX_MS = 8.64e15;

const time = (means: string): z.ZodType<number> =>
  z
    .union([
      z.int().min(0).max(TIME_MAX_MS),
      z.iso.datetime({ offset: true }).transform((iso) => Date.parse(iso)),
    ])
    .describe(`${means} Milliseconds since the Unix epoch, or RFC 3339.`);

const offset = (means: string): z.ZodInt => z.int().min(1).describe(means);

const archived = z.looseObject({
  data: z.unknown().describe('As it was published; bytes are a string of base64.'),
  offset: z.int().min(1).optional().describe('Absent where there was no history.'),
  epoch: z.string().optional().describe('The life of the stream; absent without an offset.'),
  time: z.int().describe('When it was published, in milliseconds since the Unix epoch.'),
  info: clientInfo.optional().describe('Who published, when a client did.'),
  tags: z.record(z.string(), z.string()).optional(),
});

export const archive = method({
  name: 'archive',
  summary: 'Publications of a channel from the archive, by time or by offset.',
  request: z.strictObject({
    channel: channel(),
    from_time: optional(time('Published at it or later.')),
    to_time: optional(time('Published before it.')),
    epoch: optional(text('Only this life of the stream; with offsets and without it, the newest.')),
    from_offset: optional(offset('From this offset.')),
    to_offset: optional(offset('Up to this offset, and with it.')),
    limit: optional(
      z.int().min(1).describe('Unless it is set, as many as there may be in one answer.'),
    ),
    reverse: flag('From the newest to the oldest.'),
    cursor: optional(text('Of the answer before, to go on behind it; the rest as it was then.')),
  }),
  result: z.looseObject({
    publications: z.array(archived),
    cursor: z.string().optional().describe('There is more, behind it.'),
  }),
  async run(operations, request) {
    const page = await operations.archive(request.channel, {
      fromMs: request.from_time,
      toMs: request.to_time,
      epoch: request.epoch,
      fromOffset: request.from_offset,
      toOffset: request.to_offset,
      limit: request.limit,
      reverse: request.reverse,
      cursor: request.cursor,
    });
    return { publications: page.publications.map(wireOf), cursor: page.cursor ?? undefined };
  },
});

function wireOf({ publication, epoch, atMs }: Archived): WireObject {
  return { ...publicationOf(publication), epoch: epoch || undefined, time: atMs };
}
