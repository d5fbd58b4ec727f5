/** Every reading once, over breaks of the link and restarts of the service. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from 'sluice/client';
import type { Reading } from './store.ts';

/** Ids that are remembered. Writers may publish in another order than they wrote, if not by so much. */
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
  for await (const { data } of channel) {
    await caughtUp;
    once.take(data);
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

  /** All up to it were there. */
  get before(): number {
    return Math.max(0, this.#last - WINDOW);
  }

  take(readings: readonly Reading[]): void {
    for (const reading of readings) {
      const { id } = reading;
      if (id <= this.before || this.#seen.has(id)) continue;
      this.#seen.add(id);
      this.#last = Math.max(this.#last, id);
      this.#take(reading);
    }
    for (const id of this.#seen) if (id <= this.before) this.#seen.delete(id);
  }
}

async function readMissed(service: string, once: Once): Promise<void> {
  for (let after: number | undefined = once.before; after !== undefined;) {
    const page = await readAfter(service, after);
    once.take(page);
    after = page.at(-1)?.id;
  }
}

/** The service may just be starting again: it is asked until it answers. */
async function readAfter(service: string, id: number): Promise<readonly Reading[]> {
  for (;;) {
    try {
      const response = await fetch(`${service}/readings?after=${id}&limit=1000`);
      if (response.ok) return (await response.json()) as readonly Reading[];
      console.error(response.status, await response.text());
    } catch (error) {
      console.error(error);
    }
    await sleep(1000);
  }
}
