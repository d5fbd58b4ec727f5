/** `history`: publications of a channel's stream, and where it stands. */
import * as z from 'zod';
import { publicationOf } from '../../protocol/wire.ts';
import { channel, flag, optional, position } from '../fields.ts';
import { method } from '../method.ts';
import { clientInfo } from './presence.ts';

const publication = z.looseObject({
  data: z.unknown().describe('As it was published; bytes are a string of base64.'),
  offset: z.int().min(0),
  epoch: z.string().optional().describe('In the first publication of a stream.'),
  info: clientInfo.optional().describe('Who published, when a client did.'),
  tags: z.record(z.string(), z.string()).optional(),
});

export const history = method({
  name: 'history',
  summary: 'Publications of a channel, and where its stream stands.',
  request: z.strictObject({
    channel: channel(),
    limit: optional(
      z.int().min(-1).describe('0: only the position; -1: as many as there may be in one answer.'),
    ),
    since: optional(position('Only publications after it, or before it with `reverse`.')),
    reverse: flag('From the newest to the oldest.'),
  }),
  result: z.looseObject({
    publications: z.array(publication),
    offset: z.int().min(0),
    epoch: z.string(),
  }),
  async run(operations, request) {
    const { limit, since, reverse } = request;
    const page = await operations.history(request.channel, { limit, since, reverse });
    const { publications, offset, epoch } = page;
    return { publications: publications.map(publicationOf), offset, epoch };
  },
});
