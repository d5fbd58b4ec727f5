/** Every reading once, over breaks of the link and restarts of the service. */
import type { Client } from 'sluice/client';
import type { Reading } from './store.ts';

/** Also where nothing was told to be missed: a reading may have been written, and not published. */
const LOOK_MS = 30_000;
/** How many ids back a look begins, since writers may not publish in the order in which they wrote. */
const WINDOW = 1000;

/** All readings there are, and then all that come, until the client is closed. */
export async function follow(
  client: Client,
  service: string,
  take: (reading: Reading) => void,
): Promise<void> {
  const channel = client.channel<readonly Reading[]>('readings');
  const once = new Once(take);
  let caughtUp = Promise.resolve();
  const catchUp = (): void => {
    caughtUp = caughtUp.then(() => readMissed(service, once));
  };
  channel.on('subscribed', ({ wasRecovering }) => wasRecovering || catchUp());
  // The gateway has it no more; the table has it.
  channel.on('gap', catchUp);
  const looks = setInterval(catchUp, LOOK_MS);
  try {
    for await (const { data } of channel) {
      await caughtUp;
      once.take(data);
    }
  } finally {
    clearInterval(looks);
  }
}

/** Hands each reading on once: what was missed and what comes may overlap. */
class Once {
  readonly #take: (reading: Reading) => void;
  readonly #seen = new Set<number>();
  #last = 0;

  constructor(take: (reading: Reading) => void) {
    this.#take = take;
  }

  /** Where a look begins; what comes after it is remembered. */
  get start(): number {
    return Math.max(0, this.#last - WINDOW);
  }

  take(readings: readonly Reading[]): void {
    for (const reading of readings) {
      if (this.#seen.has(reading.id)) continue;
      this.#seen.add(reading.id);
      this.#last = Math.max(this.#last, reading.id);
      this.#take(reading);
    }
    for (const id of this.#seen) if (id <= this.start) this.#seen.delete(id);
  }
}

/** What cannot be read now is read at the next look. */
async function readMissed(service: string, once: Once): Promise<void> {
  try {
    let page = await readAfter(service, once.start);
    while (page.length > 0) {
      once.take(page);
      page = await readAfter(service, page.at(-1)!.id);
    }
  } catch (error) {
    console.error(error);
  }
}

async function readAfter(service: string, id: number): Promise<readonly Reading[]> {
  const url = `${service}/readings?after=${id}&limit=1000`;
  const response = await fetch(url, { signal: AbortSignal.timeout(5000) });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as readonly Reading[];
}
