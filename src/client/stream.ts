/** One channel as this client hears it: its place in the stream, and what its listeners are told. */
import type { Delta, Undo } from './options.ts';
import type { ClientInfo, Position, Publication, StreamEvents } from './events.ts';
import type { Body, WireInfo, WirePublication, WirePush, WireSubscription } from './wire.ts';

/** Where a stream tells of what happens: an emitter of these events, and perhaps of more. */
export interface Told {
  emit<Name extends keyof StreamEvents<never>>(
    name: Name,
    event: StreamEvents<never>[Name],
  ): unknown;
}

export function infoOf({ client, user, conn_info, chan_info }: WireInfo): ClientInfo {
  return { client, user, connInfo: conn_info, chanInfo: chan_info };
}

export function publicationOf(
  channel: string,
  { data, offset = 0, tags, info }: WirePublication,
  gap = false,
): Publication<never> {
  return {
    channel,
    data,
    offset,
    tags: tags ?? null,
    info: info === undefined ? null : infoOf(info),
    gap,
  };
}

export class Stream {
  readonly #channel: string;
  readonly #told: Told;
  readonly #delta: Delta | null;
  /** Whether it can continue from `position`. */
  recoverable: boolean;
  /** Null: its publications have no order to be checked. */
  position: Position | null;
  /** False: nothing is delivered any more. */
  live = false;
  #gap = false;
  #undo: Undo | null = null;

  constructor(
    channel: string,
    told: Told,
    {
      since = null,
      delta = null,
    }: { readonly since?: Position | null; readonly delta?: Delta | null },
  ) {
    this.#channel = channel;
    this.#told = told;
    this.position = since;
    this.recoverable = since !== null;
    this.#delta = delta;
  }

  /** The fields that ask for all since `position`. */
  get recovery(): Body {
    return this.recoverable ? { recover: true, ...this.position } : {};
  }

  /** It begins, or begins again. */
  begin(result: WireSubscription): void {
    const { recovered = false, was_recovering: wasRecovering = false, data } = result;
    const before = this.position;
    const top = topOf(result);
    // Who recovered goes on from its own place, which may be ahead of what the reply says.
    const position = recovered && top !== null ? { ...top, offset: this.#offset } : top;
    this.position = position;
    this.recoverable = result.recoverable === true;
    this.live = true;
    this.#undo = result.delta === true ? (this.#delta?.undo() ?? null) : null;
    const channel = this.#channel;
    this.#told.emit('subscribed', { channel, recovered, wasRecovering, position, data });
    // Also where nothing can be recovered it is known whether there was something.
    if (!recovered && before !== null && !isAt(before, top)) this.missed();
    this.#recover(result.publications ?? [], top);
  }

  #recover(publications: readonly WirePublication[], top: Position | null): void {
    for (const publication of publications) this.#publication(publication, true);
    // In a channel that keeps only the latest there was less to be had than all.
    if (this.live && top !== null && top.offset > this.#offset) this.position = top;
  }

  push({ pub, join, leave }: WirePush): void {
    const channel = this.#channel;
    if (pub !== undefined) this.#publication(pub, false);
    if (join !== undefined) this.#told.emit('join', { channel, info: infoOf(join.info) });
    if (leave !== undefined) this.#told.emit('leave', { channel, info: infoOf(leave.info) });
  }

  /** Publications are missing for good. */
  missed(): void {
    this.#gap = true;
    this.#told.emit('gap', { channel: this.#channel, position: this.position });
  }

  get #offset(): number {
    return this.position?.offset ?? 0;
  }

  #publication(publication: WirePublication, isRecovered: boolean): void {
    if (!this.live) return;
    // Each is a difference to the one before it, a double too.
    const data = this.#undo === null ? publication.data : this.#undo(publication);
    if (!this.#follows(publication, isRecovered) || !this.live) return;
    const gap = this.#gap;
    this.#gap = false;
    this.#told.emit('publication', publicationOf(this.#channel, { ...publication, data }, gap));
  }

  /** Moves on to a publication. False: it was here before. */
  #follows({ offset = 0, epoch }: WirePublication, isRecovered: boolean): boolean {
    const here = this.position;
    // Offset 0: published past the history.
    if (here === null || offset === 0) return true;
    const next = epoch ?? here.epoch;
    const isSame = here.epoch === '' || here.epoch === next;
    if (isSame && offset <= here.offset) return false;
    this.position = { offset: offset - 1, epoch: next };
    if (!isRecovered && !(isSame && offset === here.offset + 1)) this.missed();
    if (this.live) this.position = { offset, epoch: next };
    return true;
  }
}

/** Null: the subscriber is not told where the channel's stream stands. */
function topOf(result: WireSubscription): Position | null {
  if (result.recoverable !== true && result.positioned !== true) return null;
  return { offset: result.offset ?? 0, epoch: result.epoch ?? '' };
}

function isAt(here: Position, there: Position | null): boolean {
  return here.epoch === there?.epoch && here.offset === there.offset;
}
