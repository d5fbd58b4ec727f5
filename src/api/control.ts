/** What is done to the connections of a user: plain data, so that a message can carry it to others. */
import type { ChannelName } from '../channel/name.ts';
import type { Position } from '../channel/recovery.ts';
import type { Overrides } from '../channel/subscription-options.ts';
import type { Peer, Roster, SubscribeOrder } from '../hub/roster.ts';
import type { Data } from '../kernel/data.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Close } from '../protocol/close.ts';
import { CLOSES } from '../protocol/close.ts';

/** All connections of `user`; with `client` that one alone, and `user` may be ''. */
export interface Target {
  readonly user: string;
  /** '': all of them. */
  readonly client: string;
}

interface SubscribeControl {
  readonly type: 'subscribe';
  readonly to: Target;
  readonly channel: ChannelName;
  readonly info: Data | null;
  readonly data: Data | null;
  readonly override: Overrides;
  readonly since: Position | null;
  readonly expireAtMs: number | null;
}

export type Control =
  | SubscribeControl
  | {
      readonly type: 'unsubscribe';
      readonly to: Target;
      readonly channel: ChannelName;
      readonly reason: Close;
    }
  | {
      readonly type: 'disconnect';
      readonly to: Target;
      /** Clients that stay. */
      readonly whitelist: readonly string[];
      readonly reason: Close;
    }
  | {
      readonly type: 'refresh';
      readonly to: Target;
      /** The connections end now. */
      readonly expired: boolean;
      /** Null: they do not expire any more. */
      readonly expireAtMs: number | null;
    };

/**
 * Carries out `control` on the connections of this gateway; that none is here is no failure. All
 * are tried. @throws what the first that failed threw.
 */
export async function applyControl(roster: Roster, control: Control): Promise<void> {
  const peers = peersOf(roster, control.to);
  switch (control.type) {
    case 'subscribe':
      await subscribeAll(roster, peers, control);
      break;
    case 'unsubscribe':
      for (const peer of peers) peer.unsubscribe(control.channel, control.reason);
      break;
    case 'disconnect': {
      const spared = new Set(control.whitelist);
      for (const peer of peers) {
        if (!spared.has(peer.client)) peer.close(control.reason);
      }
      break;
    }
    case 'refresh':
      for (const peer of peers) {
        if (control.expired) peer.close(CLOSES.expired);
        else peer.refresh(control.expireAtMs);
      }
      break;
  }
}

function peersOf(roster: Roster, { user, client }: Target): readonly Peer[] {
  if (client === '') return roster.ofUser(user);
  const peer = roster.client(client);
  // A client of another user is not the one that was meant.
  return peer !== null && (user === '' || peer.user === user) ? [peer] : [];
}

async function subscribeAll(
  roster: Roster,
  peers: readonly Peer[],
  control: SubscribeControl,
): Promise<void> {
  const order = orderOf(control);
  const subscribed = peers.map(async (peer) => {
    try {
      await peer.subscribe(control.channel, order);
    } catch (error) {
      if (!isDone(roster, peer, error)) throw error;
    }
  });
  await Promise.allSettled(subscribed);
  await Promise.all(subscribed);
}

/** Whether a failed subscription left nothing to wish for. */
function isDone(roster: Roster, peer: Peer, error: unknown): boolean {
  if (!(error instanceof Refusal)) return false;
  // It subscribes at this moment, or it is gone.
  return error.is('alreadySubscribed') || roster.client(peer.client) !== peer;
}

function orderOf({ info, data, override, since, expireAtMs }: SubscribeControl): SubscribeOrder {
  return {
    ...(info === null ? {} : { info }),
    ...(data === null ? {} : { data }),
    override,
    since,
    expireAtMs,
  };
}
