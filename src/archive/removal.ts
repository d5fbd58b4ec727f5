/** How far back the history of a stream may be read: what is before was removed from it. */
import type { Ask } from './sql.ts';

export interface Removal {
  readonly channel: string;
  readonly epoch: string;
  /** Up to and with. */
  readonly offset: number;
  readonly atMs: number;
}

/** It only ever moves forward. */
export async function removeBefore(ask: Ask, removal: Removal): Promise<void> {
  const { channel, epoch, offset, atMs } = removal;
  await ask(
    `insert into sluice_removals as known (channel, epoch, place, at)
      values ($1, $2, $3::float8::bigint, to_timestamp($4::float8 / 1000))
      on conflict (channel, epoch) do update
        set place = greatest(known.place, excluded.place), at = excluded.at`,
    [channel, epoch, offset, atMs],
  );
}
