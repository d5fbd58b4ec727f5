/** The statement that publications are written with. */
import { LINE } from './record.ts';
import type { Ask } from './sql.ts';
import { numberIn, SqlError } from './sql.ts';

/** What was written before is left as it is, so that lines may be written again. */
function statement(where: string): string {
  return `with written as (
      insert into sluice_publications (channel, epoch, place, at, data, bytes, about)
      select c, e, p, to_timestamp(t / 1000.0), d, decode(b, 'base64'), a::json
      from json_to_recordset($1) as line (${LINE}) ${where}
      on conflict do nothing
      returning 1
    )
    select count(*)::float8 as written from written`;
}

const INSERT = statement('');

/** A stream that goes on under another epoch still holds publications that were archived under the one before. */
const INSERT_UNKNOWN = statement(`where not exists (
  select from sluice_publications known
  where known.channel = c and known.at = to_timestamp(t / 1000.0) and known.place = p
)`);

/** All of them or none; tells how many were not there before. */
export function insert(ask: Ask, lines: readonly string[]): Promise<number> {
  return insertWith(ask, INSERT, lines);
}

/** The same, for what may be there under another epoch. */
export function insertUnknown(ask: Ask, lines: readonly string[]): Promise<number> {
  return insertWith(ask, INSERT_UNKNOWN, lines);
}

async function insertWith(ask: Ask, text: string, lines: readonly string[]): Promise<number> {
  const [row] = await ask(text, [`[${lines.join(',')}]`]);
  if (row === undefined) throw new SqlError('fault', 'a count has no row');
  return numberIn(row, 'written');
}
