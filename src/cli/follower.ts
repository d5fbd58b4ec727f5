/** Follows one channel: what is printed is in order, once, and what is missing is told. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Channel } from '../client/channel.ts';
import type { Client } from '../client/client.ts';
import { SluiceError } from '../client/errors.ts';
import type { Position, Publication, Subscribed } from '../client/events.ts';
import { ERRORS } from '../kernel/errors.ts';
import { reasonText, refusal } from './ending.ts';
import { Fault } from './exits.ts';
import { positionText } from './options.ts';
import { unreachable } from './place.ts';
import type { Shell } from './shell.ts';
import { counted, dataText, jsonText, printable } from './text.ts';

export interface FollowerOptions {
  readonly json?: boolean;
  /** Default: true. */
  readonly recover?: boolean;
  readonly history?: boolean;
  readonly since?: Position;
  readonly count?: number;
}

type Output = Pick<Shell, 'terminal' | 'out'>;

/** To the gateway. */
interface Way {
  readonly url: string;
  /** Why the last WebSocket could not be opened; '' if that is not known. */
  readonly why: () => string;
}

/** A publication, and the life of the stream it is in; '' without an offset. */
interface Placed {
  readonly publication: Publication;
  readonly epoch: string;
}

/** Publications that wait until the history before them is read. */
const HELD_MAX = 100_000;

/** What may wait for a slow reader of stdout, where writing to it does not block. */
const UNREAD_BYTES_MAX = 64 * 1024 * 1024;

/** Of a position in another life of the stream. */
const UNRECOVERABLE: number = ERRORS.unrecoverablePosition.code;

/** Before a gateway that cannot answer now is asked again. */
const RETRY_MS = 200;

export class Follower {
  readonly #channel: Channel;
  readonly #options: FollowerOptions;
  readonly #output: Output;
  #settle: (error?: unknown) => void = () => {};
  #isOver = false;
  #isFirst = true;
  #printed = 0;
  /** Something before the next one is missing. */
  #gap = false;
  /** Behind the last one that was printed; null: nothing came before, as far as one wants to know. */
  #seen: Position | null;
  /** The history up to here comes before all that is held; null: nothing is held. */
  #goal: Position | null = null;
  #held: Placed[] = [];
  #isReading = false;

  constructor(channel: Channel, options: FollowerOptions, output: Output) {
    this.#channel = channel;
    this.#options = options;
    this.#output = output;
    this.#seen = options.since ?? null;
  }

  /** Resolves at `end()` and after the last one that is wanted. @throws {Fault} */
  async follow(client: Client, { url, why }: Way): Promise<void> {
    const { terminal } = this.#output;
    let wasConnected = false;
    client.on('connected', () => {
      wasConnected = true;
      terminal.note(`connected to ${url}`);
    });
    client.on('connecting', (reason) => {
      if (reason.code === 0) return;
      if (!wasConnected) this.#fail(unreachable(url, why() || reasonText(reason)));
      terminal.note(`the connection is lost (${reasonText(reason)}); it is tried again`);
    });
    this.#listen();
    client.on('disconnected', (reason) => this.#fail(refusal(reason)));
    await this.#running(client);
  }

  end(): void {
    this.#isOver = true;
    this.#settle();
  }

  #running(client: Client): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
      const fail = (error: unknown): void => this.#fail(error);
      client.connect().catch(fail);
      this.#channel.subscribe().catch(fail);
    });
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#settle(error instanceof SluiceError ? refusal(error) : error);
  }

  #listen(): void {
    const channel = this.#channel;
    channel.on('subscribed', (event) => this.#subscribed(event));
    channel.on('gap', ({ position }) => {
      // Who wants no recovery is content with what comes.
      if (this.#options.recover === false) this.#gap = true;
      else if (position === null) this.#lost('publications are missing');
      else this.#catchUp(position);
    });
    channel.on('publication', (publication) => this.#take(publication));
    channel.on('unsubscribed', (reason) => this.#fail(refusal(reason)));
  }

  #subscribed({ recovered, wasRecovering, position }: Subscribed): void {
    const { terminal } = this.#output;
    const { history = false, recover = true } = this.#options;
    const isFirst = this.#isFirst;
    this.#isFirst = false;
    terminal.note(`subscribed to ${printable(this.#channel.name)}`);
    // Where recovery failed, a gap is told.
    if (recovered || wasRecovering) return;
    if (!isFirst) {
      if (recover) this.#cameBack(position);
    } else if (!history) {
      this.#seen = position;
    } else if (position === null) {
      terminal.warn('sluice: this channel keeps no history');
    } else {
      this.#catchUp(position);
    }
  }

  /** After a break, to a channel without recovery. */
  #cameBack(position: Position | null): void {
    if (position !== null) this.#catchUp(position);
    else this.#lost('what was published during the break is missing: the channel keeps no history');
  }

  #take(publication: Publication): void {
    const epoch = publication.offset === 0 ? '' : (this.#channel.position?.epoch ?? '');
    const placed = { publication, epoch };
    if (this.#goal === null) {
      this.#print(placed);
    } else if (this.#held.push(placed) > HELD_MAX) {
      const held = counted(HELD_MAX, 'publication');
      this.#fail(new Fault('failed', `${held} came before the history could be read`));
    }
  }

  /** What the history holds of what is missing before `goal` is printed before all that comes. */
  #catchUp(goal: Position): void {
    if (this.#goal !== null && !isSameLife(this.#goal, goal)) this.#release(this.#goal);
    this.#goal = goal;
    if (this.#isReading) return;
    this.#isReading = true;
    this.#read().catch((error: unknown) => this.#fail(error));
  }

  async #read(): Promise<void> {
    for (let goal = this.#goal; goal !== null && !this.#isOver; goal = this.#goal) {
      const start = this.#startBefore(goal);
      const since = { offset: start, epoch: goal.epoch };
      const page = start < goal.offset ? await this.#page(since) : [];
      // After another break there is another way to go.
      if (page === null || this.#goal !== goal) continue;
      const { epoch, offset: end } = goal;
      const due = page.filter(({ offset }) => offset <= end);
      for (const publication of due) this.#follow({ publication, epoch });
      if (due.length === 0) this.#release(goal);
    }
    this.#isReading = false;
  }

  #startBefore(goal: Position): number {
    const seen = this.#seen;
    return seen !== null && isSameLife(seen, goal) ? seen.offset : 0;
  }

  /** Null: it is to be tried again. */
  async #page(since: Position): Promise<readonly Publication[] | null> {
    try {
      const { publications } = await this.#channel.history({ since, limit: -1 });
      return publications;
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      if (error.temporary) {
        await delay(RETRY_MS);
        return null;
      }
      // Who asked for it is not content without.
      if (this.#options.history === true && this.#seen === null) throw error;
      // Of a stream that is gone meanwhile the next subscription tells.
      if (error.code !== UNRECOVERABLE) {
        const { terminal } = this.#output;
        terminal.warn(`sluice: the history cannot be read: ${printable(error.message)}`);
      }
      return [];
    }
  }

  /** There is no more of the history before `goal`: what is held goes on from there. */
  #release(goal: Position): void {
    const held = this.#held;
    this.#held = [];
    this.#goal = null;
    if (this.#seen !== null) this.#checkGap(this.#seen, { ...goal, offset: goal.offset + 1 });
    this.#seen = goal;
    for (const placed of held) this.#print(placed);
  }

  /** Of the history. */
  #follow(placed: Placed): void {
    const { publication, epoch } = placed;
    if (this.#seen !== null) this.#checkGap(this.#seen, { offset: publication.offset, epoch });
    this.#print(placed);
  }

  #checkGap(seen: Position, next: Position): void {
    const missing = next.offset - seen.offset - 1;
    if (!isSameLife(seen, next)) {
      this.#lost('the stream began anew: what was published during the break may be missing');
    } else if (missing > 0) {
      this.#lost(`${counted(missing, 'publication')} after ${positionText(seen)} missing for good`);
    }
  }

  #lost(words: string): void {
    this.#gap = true;
    if (!this.#isOver) this.#output.terminal.warn(`sluice: ${printable(words)}`);
  }

  #print({ publication, epoch }: Placed): void {
    const { offset } = publication;
    if (this.#isOver) return;
    if (epoch !== '') {
      const seen = this.#seen;
      if (seen !== null && isSameLife(seen, { offset, epoch }) && offset <= seen.offset) return;
      this.#seen = { offset, epoch };
    }
    const { terminal, out } = this.#output;
    const { json = false, count = Infinity } = this.#options;
    terminal.print(json ? jsonLine(publication, epoch, this.#gap) : dataText(publication.data));
    this.#gap = false;
    this.#printed += 1;
    if (this.#printed >= count) this.end();
    else if (out.writableLength > UNREAD_BYTES_MAX) {
      this.#fail(new Fault('failed', 'what is printed is read too slowly'));
    }
  }
}

/** An epoch that is not known is any. */
function isSameLife(one: Position, other: Position): boolean {
  return one.epoch === '' || other.epoch === '' || one.epoch === other.epoch;
}

function jsonLine(publication: Publication, epoch: string, gap: boolean): string {
  const { channel, data, offset, tags, info } = publication;
  return jsonText({
    channel,
    ...(offset === 0 ? {} : { offset }),
    ...(epoch === '' ? {} : { epoch }),
    data,
    ...(tags === null ? {} : { tags }),
    ...(info === null ? {} : { info }),
    ...(gap ? { gap } : {}),
  });
}
