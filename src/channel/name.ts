/** Names of channels, and what is written in them. */
import { Refusal } from '../kernel/errors.ts';

declare const channelName: unique symbol;

/** A name that was checked once, at the edge. */
export type ChannelName = string & { readonly [channelName]: true };

/** Parts the namespace from the rest of a name. */
const NAMESPACE_END = ':';
/** Before the ids of the only users that may subscribe: `talk#1,2`. */
const USERS_BEGIN = '#';
const USERS_SEPARATOR = ',';
/** A name that begins with it is only for who has a subscription token. */
const TOKEN_ONLY = '$';

export const DEFAULT_NAMESPACE = 'default';

/**
 * @throws {Refusal} `badRequest` for a name that is empty, longer than `lengthMax` UTF-16 units,
 * not well-formed Unicode, or has a control character.
 */
export function channelNameOf(text: string, lengthMax: number): ChannelName {
  if (!isName(text, lengthMax)) {
    throw new Refusal('badRequest', `a channel name has 1 to ${lengthMax} printable characters`);
  }
  return text;
}

function isName(text: string, lengthMax: number): text is ChannelName {
  if (text.length === 0 || text.length > lengthMax || !text.isWellFormed()) return false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit < 0x20 || unit === 0x7f) return false;
  }
  return true;
}

/** `chat` of `chat:room`, `$chat:room` and `chat:a#1`; `default` of a name without a colon. */
export function namespaceOf(name: string): string {
  const end = name.indexOf(NAMESPACE_END);
  if (end === -1) return DEFAULT_NAMESPACE;
  return name.slice(isTokenOnly(name) ? 1 : 0, end);
}

export function isTokenOnly(name: string): boolean {
  return name.startsWith(TOKEN_ONLY);
}

/** The users a name limits its channel to, or null when it limits nobody. */
export function usersOf(name: ChannelName): readonly string[] | null {
  const begin = name.lastIndexOf(USERS_BEGIN);
  return begin === -1 ? null : name.slice(begin + 1).split(USERS_SEPARATOR);
}

/**
 * The channel of one user alone: `#42`, or `personal:#42` in a namespace.
 * @throws {Refusal} `badRequest` for a user whose id cannot stand in a name, or would read there as
 * other users or as a namespace: others could listen.
 */
export function personalChannel(user: string, namespace: string, lengthMax: number): ChannelName {
  const prefix = namespace === DEFAULT_NAMESPACE ? '' : namespace + NAMESPACE_END;
  const name = channelNameOf(prefix + USERS_BEGIN + user, lengthMax);
  const users = usersOf(name) ?? [];
  const isOwn = users.length === 1 && users[0] === user && user !== '';
  if (isOwn && namespaceOf(name) === namespace) return name;
  throw new Refusal('badRequest', 'a user with such an id cannot have a personal channel');
}
