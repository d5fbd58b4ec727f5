/** The official SDK speaks to our codec, over a socket that is no more than two function calls. */
import { Centrifuge } from 'centrifuge';
import type { PublicationContext, Subscription } from 'centrifuge';
import { createDelta } from 'fossil-delta';
import { afterEach, describe, expect, test } from 'vitest';
import { Json } from '../../src/kernel/data.ts';
import { ERRORS } from '../../src/kernel/errors.ts';
import { CLOSES, UNSUBSCRIBES } from '../../src/protocol/close.ts';
import type {
  Command,
  CommandOf,
  CommandType,
  Publication,
  Reply,
  ServerMessage,
  SubscribeResult,
} from '../../src/protocol/frames.ts';
import { bytesOf, json, textOf } from './peer.ts';
import { PLAIN } from './samples.ts';

const STREAM: SubscribeResult = {
  expires: false,
  ttl: 0,
  recoverable: true,
  positioned: true,
  epoch: 'a1',
  offset: 7,
  recovered: false,
  wasRecovering: false,
  publications: [],
  delta: false,
  data: new Json('{"topic":"doors"}'),
};

type Answers = { readonly [T in CommandType]?: (command: CommandOf<T>) => Reply };

const ANSWERS: Answers = {
  connect: ({ id }) => ({
    type: 'connect',
    id,
    result: {
      client: 'c-1',
      version: '0.1.0',
      expires: false,
      ttl: 0,
      data: new Json('{"hello":true}'),
      subs: new Map(),
      ping: 25,
      pong: true,
    },
  }),
  subscribe: ({ id }) => ({ type: 'subscribe', id, result: STREAM }),
  unsubscribe: ({ id }) => ({ type: 'unsubscribe', id }),
  publish: ({ id }) => ({ type: 'publish', id }),
  presence: ({ id }) => ({
    type: 'presence',
    id,
    presence: [{ client: 'c-1', user: '', connInfo: new Json('{"name":"Ann"}'), chanInfo: null }],
  }),
  presence_stats: ({ id }) => ({ type: 'presence_stats', id, numClients: 0, numUsers: 0 }),
  history: ({ id }) => ({
    type: 'history',
    id,
    publications: [{ ...PLAIN, offset: 7 }],
    position: { offset: 7, epoch: 'a1' },
  }),
  rpc: ({ id, data }) => ({ type: 'rpc', id, data }),
};

/** A gateway for one client. */
class Gateway {
  readonly commands: Command[] = [];
  readonly frames: (readonly Command[])[] = [];
  readonly client: Centrifuge;
  #deliver: (frame: string) => void = () => {};
  readonly #answers: Answers;
  #awaited: { type: CommandType; resolve: (command: Command) => void } | null = null;

  constructor(answers: Answers = {}, options: object = {}) {
    this.#answers = { ...ANSWERS, ...answers };
    const open = (deliver: (frame: string) => void): ((frame: string) => void) => {
      this.#deliver = deliver;
      return (frame) => this.#receive(frame);
    };
    this.client = new Centrifuge('ws://none', { websocket: socketTo(open), ...options });
  }

  push(...messages: readonly ServerMessage[]): void {
    this.#deliver(textOf(json.join(messages.map((message) => json.encode(message)))));
  }

  publish(channel: string, ...publications: readonly Publication[]): void {
    this.#deliver(textOf(json.publications(channel, publications)));
  }

  /** The next command of this type. */
  next<T extends CommandType>(type: T): Promise<CommandOf<T>> {
    return new Promise((resolve) => {
      this.#awaited = { type, resolve: (command) => resolve(command as CommandOf<T>) };
    });
  }

  #receive(frame: string): void {
    const commands = json.decode(bytesOf(frame));
    this.frames.push(commands);
    for (const command of commands) {
      this.commands.push(command);
      if (this.#awaited?.type === command.type) this.#awaited.resolve(command);
      const answer = this.#answers[command.type] as ((given: Command) => Reply) | undefined;
      if (answer !== undefined) queueMicrotask(() => this.push(answer(command)));
    }
  }
}

function socketTo(open: (deliver: (frame: string) => void) => (frame: string) => void): unknown {
  return class {
    onopen = (): void => {};
    declare onmessage: (event: { data: string }) => void;
    declare onclose: (event: { code: number; reason: string }) => void;
    readonly send: (frame: string) => void;

    constructor() {
      this.send = open((data) => this.onmessage({ data }));
      queueMicrotask(() => this.onopen());
    }

    close(): void {
      this.onclose({ code: 1000, reason: '' });
    }
  };
}

const gateways: Gateway[] = [];

function gateway(answers?: Answers, options?: object): Gateway {
  const made = new Gateway(answers, options);
  gateways.push(made);
  return made;
}

afterEach(() => {
  for (const { client } of gateways.splice(0)) client.disconnect();
});

async function subscribed(to: Gateway, options?: object): Promise<Subscription> {
  const subscription = to.client.newSubscription('news', options);
  subscription.subscribe();
  to.client.connect();
  await subscription.ready();
  return subscription;
}

function nextPublications(of: Subscription, count: number): Promise<PublicationContext[]> {
  const got: PublicationContext[] = [];
  return new Promise((resolve) => {
    of.on('publication', (context) => {
      if (got.push(context) === count) resolve(got);
    });
  });
}

describe('the official SDK', () => {
  test('connects and subscribes in one frame, which is read in order', async () => {
    const to = gateway({}, { token: 't', name: 'test', headers: { 'x-a': 'b' }, data: { a: 1 } });
    const subscription = await subscribed(to, { recoverable: true, joinLeave: true });
    expect(to.frames[0]?.map(({ type }) => type)).toEqual(['connect', 'subscribe']);
    expect(to.commands[0]).toMatchObject({
      token: 't',
      name: 'test',
      headers: { 'x-a': 'b' },
      data: new Json('{"a":1}'),
    });
    expect(to.commands[1]).toMatchObject({
      channel: 'news',
      recoverable: true,
      joinLeave: true,
      flag: 1,
    });
    expect(to.client.state).toBe('connected');
    expect(subscription.state).toBe('subscribed');
  });

  test('gets publications with all that they carry, many in one frame', async () => {
    const to = gateway();
    const subscription = await subscribed(to);
    const publications = nextPublications(subscription, 3);
    const info = { client: 'c-2', user: '42', connInfo: new Json('{"a":1}'), chanInfo: null };
    to.publish(
      'news',
      { ...PLAIN, offset: 8 },
      { ...PLAIN, data: new Json('"né"'), offset: 9, tags: { lang: 'fr' }, event: 'moved' },
      { ...PLAIN, data: new Json('{\n"a":1}'), offset: 10, info },
    );
    expect(await publications).toEqual([
      { channel: 'news', data: { text: 'hello' }, offset: 8 },
      { channel: 'news', data: 'né', offset: 9, tags: { lang: 'fr', event: 'moved' } },
      {
        channel: 'news',
        data: { a: 1 },
        offset: 10,
        info: { client: 'c-2', user: '42', connInfo: { a: 1 } },
      },
    ]);
  });

  test('gets the answers to all that it can ask', async () => {
    const to = gateway();
    const { client } = to;
    await subscribed(to);
    expect(await client.publish('news', { n: 1.5 })).toEqual({});
    expect(to.commands.at(-1)).toMatchObject({ type: 'publish', data: new Json('{"n":1.5}') });
    expect(await client.rpc('echo', [1, 'é'])).toEqual({ data: [1, 'é'] });
    expect(await client.history('news', { limit: 10, since: { offset: 3, epoch: 'a1' } })).toEqual({
      publications: [{ channel: 'news', data: { text: 'hello' }, offset: 7 }],
      epoch: 'a1',
      offset: 7,
    });
    expect(await client.presenceStats('news')).toEqual({ numClients: 0, numUsers: 0 });
    expect(await client.presence('news')).toMatchObject({
      clients: { 'c-1': { user: '', client: 'c-1', connInfo: { name: 'Ann' } } },
    });
    const sent = to.next('send');
    await client.send({ quick: true });
    expect(await sent).toMatchObject({ id: 0, data: new Json('{"quick":true}') });
    expect(to.commands.filter(({ type }) => type === 'invalid')).toEqual([]);
  });

  test('is told of errors', async () => {
    const to = gateway({ rpc: ({ id }) => ({ type: 'error', id, error: ERRORS.tooManyRequests }) });
    await subscribed(to);
    await expect(to.client.rpc('echo', 1)).rejects.toEqual({
      code: 111,
      message: 'too many requests',
      temporary: true,
    });
  });

  test('answers a ping', async () => {
    const to = gateway();
    await subscribed(to);
    const pong = to.next('pong');
    to.push({ type: 'serverPing' });
    expect(await pong).toEqual({ type: 'pong', id: 0, bytes: 2 });
  });

  test('recovers from where it was after the server has ended its subscription', async () => {
    const to = gateway();
    const subscription = await subscribed(to, { recoverable: true });
    const publications = nextPublications(subscription, 1);
    to.publish('news', { ...PLAIN, offset: 8 });
    await publications;
    const again = to.next('subscribe');
    const reason = UNSUBSCRIBES.insufficientState;
    to.push({ type: 'unsubscribed', channel: 'news', reason });
    expect(await again).toMatchObject({ recover: true, offset: 8, epoch: 'a1' });
  });

  test('stays away after the server has ended its subscription for good', async () => {
    const to = gateway();
    const subscription = await subscribed(to);
    const left = new Promise((resolve) => {
      subscription.on('unsubscribed', resolve);
    });
    to.push({ type: 'unsubscribed', channel: 'news', reason: { code: 0, reason: '' } });
    expect(await left).toMatchObject({ channel: 'news', code: 0 });
  });

  test('gets what was missed before what comes next', async () => {
    const missed = [8, 9].map((offset) => ({ ...PLAIN, offset }));
    const result = { ...STREAM, recovered: true, wasRecovering: true, publications: missed };
    const to = gateway({ subscribe: ({ id }) => ({ type: 'subscribe', id, result }) });
    const since = { offset: 7, epoch: 'a1' };
    const subscription = to.client.newSubscription('news', { since });
    const publications = nextPublications(subscription, 2);
    const context = new Promise((resolve) => {
      subscription.on('subscribed', resolve);
    });
    subscription.subscribe();
    to.client.connect();
    expect(await context).toMatchObject({
      recovered: true,
      wasRecovering: true,
      hasRecoveredPublications: true,
      streamPosition: { offset: 7, epoch: 'a1' },
      data: { topic: 'doors' },
    });
    expect((await publications).map(({ offset }) => offset)).toEqual([8, 9]);
    expect(to.commands[1]).toMatchObject({ type: 'subscribe', recover: true, ...since });
  });

  test('joins deltas to what came before', async () => {
    const result = { ...STREAM, delta: true };
    const to = gateway({ subscribe: ({ id }) => ({ type: 'subscribe', id, result }) });
    const subscription = await subscribed(to, { delta: 'fossil' });
    expect(to.commands[1]).toMatchObject({ type: 'subscribe', delta: 'fossil' });
    const publications = nextPublications(subscription, 2);
    const texts = ['one', 'two'].map((name) => `{"name":"${name}","rest":"${'é'.repeat(50)}"}`);
    const [first = '', second = ''] = texts;
    const delta = textOf(createDelta(bytesOf(first), bytesOf(second)));
    expect(delta.length).toBeLessThan(first.length);
    to.publish(
      'news',
      { ...PLAIN, data: Json.of(first), offset: 8 },
      { ...PLAIN, data: Json.of(delta), offset: 9, delta: true },
    );
    const got = (await publications).map(({ data }) => JSON.stringify(data));
    expect(got).toEqual(texts);
  });

  test('is told of joins, leaves, messages and the end', async () => {
    const to = gateway();
    const { client } = to;
    const told: string[] = [];
    const subscription = await subscribed(to, { joinLeave: true });
    subscription.on('join', ({ info }) => void told.push(`join ${info.client} ${info.user}`));
    subscription.on('leave', ({ info }) => void told.push(`leave ${info.client} ${info.user}`));
    client.on('message', ({ data }) => void told.push(`message ${JSON.stringify(data)}`));
    const end = new Promise((resolve) => {
      client.on('connecting', resolve);
    });
    const info = { client: 'c-2', user: '42', connInfo: null, chanInfo: null };
    to.push(
      { type: 'join', channel: 'news', info },
      { type: 'leave', channel: 'news', info },
      { type: 'message', data: new Json('{"a":1}') },
      { type: 'disconnected', reason: CLOSES.shutdown },
    );
    expect(await end).toMatchObject({ code: 3001, reason: 'shutdown' });
    expect(told).toEqual(['join c-2 42', 'leave c-2 42', 'message {"a":1}']);
  });

  test('asks for what is not supported in a way that is told from mistakes', async () => {
    const to = gateway();
    const filtered = to.client.newSubscription('news', {
      tagsFilter: { key: 'lang', cmp: 'eq', val: 'en' },
    });
    const command = to.next('invalid');
    filtered.subscribe();
    to.client.connect();
    expect(await command).toMatchObject({ kind: 'notAvailable' });
  });
});
