/** What happened to a connection of this gateway, before it is an event with a place in the order. */
import type { ChannelName } from '../channel/name.ts';
import type { Close } from '../protocol/close.ts';
import type { Who } from './events.ts';

interface Common extends Who {
  readonly atMs: number;
}

interface Connected extends Common {
  readonly type: 'connected';
  readonly sinceMs: number;
  readonly again: boolean;
}

interface Disconnected extends Common {
  readonly type: 'disconnected';
  readonly close: Close;
}

interface Subscribed extends Common {
  readonly type: 'subscribed';
  readonly channel: ChannelName;
  readonly again: boolean;
}

interface Unsubscribed extends Common {
  readonly type: 'unsubscribed';
  readonly channel: ChannelName;
  readonly close: Close;
}

/**
 * A journal takes them as far as they agree with what it told before: a connection that it does not
 * know can only connect, and nobody connects or subscribes twice.
 */
export type Happening = Connected | Disconnected | Subscribed | Unsubscribed;

/** The members of the event's JSON that are known by now. */
export function membersOf(happening: Happening, gateway: string): string {
  const { type, client, user, atMs } = happening;
  const common = { type, time: atMs, gateway, client, user };
  return JSON.stringify({ ...common, ...ownMembersOf(happening) }).slice(1, -1);
}

function ownMembersOf(happening: Happening): object {
  switch (happening.type) {
    case 'connected':
      return { since: happening.sinceMs, again: happening.again };
    case 'disconnected':
      return codeOf(happening.close);
    case 'subscribed':
      return { channel: happening.channel, again: happening.again };
    case 'unsubscribed':
      return { channel: happening.channel, ...codeOf(happening.close) };
  }
}

function codeOf({ code, reason }: Close): Close {
  return { code, reason };
}
