/** The one edge where what a peer sent becomes a command, or is refused. */
import { Body, isFields } from './body.ts';
import type { Fields } from './body.ts';
import { Disconnection } from './close.ts';
import type { Command, CommandOf, CommandType, Position, Recovery } from './frames.ts';

/** The commands by their names on the wire. */
export type CommandName = Exclude<CommandType, 'pong' | 'invalid'>;

/** A message with its command told apart. `name` and `body` are null when it has none. */
export interface Envelope {
  readonly fields: Fields;
  readonly name: CommandName | null;
  readonly body: unknown;
}

const ID_MAX = 2 ** 32 - 1;

/** @throws {Disconnection} `badRequest` when `message` is no map. */
export function envelope(message: unknown): Envelope {
  if (!isFields(message)) throw new Disconnection('badRequest');
  let first: Place | null = null;
  // Half the time of asking for each command in turn.
  for (const key of Object.keys(message)) {
    const place = PLACES.get(key);
    if (place === undefined || message[key] === null) continue;
    if (first === null || place.order < first.order) first = place;
  }
  if (first === null) return { fields: message, name: null, body: null };
  return { fields: message, name: first.name, body: message[first.name] };
}

/**
 * The command of a message whose `data`, where it has some, is in its final form already: a `Json`
 * or bytes. `bytes` is the message's length on the wire.
 * @throws {Disconnection} `badRequest` when there is nothing that could be answered.
 */
export function check({ fields, name, body }: Envelope, bytes: number): Command {
  const id = idOf(fields['id']);
  if (name === null) return withoutCommand(fields, id, bytes);
  if (id === 0 && name !== 'send') throw new Disconnection('badRequest');
  const reader = new Body(id, bytes, name, body);
  const command = READERS[name](reader);
  if (reader.problem === null) return command;
  // A `send` without an id has nowhere to be told of its mistake.
  if (id === 0) throw new Disconnection('badRequest');
  return { type: 'invalid', id, bytes, kind: reader.kind, detail: reader.problem };
}

function withoutCommand(fields: Fields, id: number, bytes: number): Command {
  if (id > 0) return { type: 'invalid', id, bytes, kind: 'badRequest', detail: 'unknown command' };
  for (const key of Object.keys(fields)) {
    // Neither a pong nor a command that could be answered.
    if (key !== 'id' && fields[key] !== null) throw new Disconnection('badRequest');
  }
  return { type: 'pong', id, bytes };
}

function idOf(id: unknown): number {
  if (id === undefined) return 0;
  if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > ID_MAX) {
    throw new Disconnection('badRequest');
  }
  return id;
}

/** In the order of the protocol: of several commands in one message the first is carried out. */
const READERS: { readonly [N in CommandName]: (body: Body) => CommandOf<N> } = {
  connect: (body) => ({
    type: 'connect',
    id: body.id,
    bytes: body.bytes,
    token: body.string('token'),
    data: body.data(),
    name: body.string('name'),
    version: body.string('version'),
    headers: body.tags('headers'),
    subs: body.map('subs', recovery),
  }),
  subscribe(body) {
    if (body.has('tf')) body.refuse('tags filters are not available');
    body.refuseType();
    return {
      type: 'subscribe',
      id: body.id,
      bytes: body.bytes,
      channel: body.name('channel'),
      token: body.string('token'),
      data: body.data(),
      ...recovery(body),
      positioned: body.boolean('positioned'),
      recoverable: body.boolean('recoverable'),
      joinLeave: body.boolean('join_leave'),
      delta: body.string('delta'),
      flag: body.integer('flag'),
    };
  },
  unsubscribe: (body) => ({
    type: 'unsubscribe',
    id: body.id,
    bytes: body.bytes,
    channel: body.name('channel'),
  }),
  publish(body) {
    body.refuseType();
    return {
      type: 'publish',
      id: body.id,
      bytes: body.bytes,
      channel: body.name('channel'),
      data: body.neededData(),
    };
  },
  presence: (body) => ({
    type: 'presence',
    id: body.id,
    bytes: body.bytes,
    channel: body.name('channel'),
  }),
  presence_stats: (body) => ({
    type: 'presence_stats',
    id: body.id,
    bytes: body.bytes,
    channel: body.name('channel'),
  }),
  history: (body) => ({
    type: 'history',
    id: body.id,
    bytes: body.bytes,
    channel: body.name('channel'),
    limit: body.integer('limit'),
    since: body.nested('since', position),
    reverse: body.boolean('reverse'),
  }),
  ping: (body) => ({ type: 'ping', id: body.id, bytes: body.bytes }),
  send: (body) => ({ type: 'send', id: body.id, bytes: body.bytes, data: body.neededData() }),
  rpc: (body) => ({
    type: 'rpc',
    id: body.id,
    bytes: body.bytes,
    method: body.string('method'),
    data: body.data(),
  }),
  refresh: (body) => ({
    type: 'refresh',
    id: body.id,
    bytes: body.bytes,
    token: body.string('token'),
  }),
  sub_refresh(body) {
    body.refuseType();
    return {
      type: 'sub_refresh',
      id: body.id,
      bytes: body.bytes,
      channel: body.name('channel'),
      token: body.string('token'),
    };
  },
};

function isCommandName(name: string): name is CommandName {
  return Object.hasOwn(READERS, name);
}

/** Where a command stands in the order of the protocol. */
interface Place {
  readonly name: CommandName;
  readonly order: number;
}

const PLACES: ReadonlyMap<string, Place> = new Map(
  Object.keys(READERS)
    .filter(isCommandName)
    .map((name, order) => [name, { name, order }]),
);

function recovery(body: Body): Recovery {
  return { recover: body.boolean('recover'), ...position(body) };
}

function position(body: Body): Position {
  return { offset: body.offset('offset'), epoch: body.string('epoch') };
}
