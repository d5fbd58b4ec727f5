/** A client, a gateway and a network that do everything in every order; time is played, too. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Channel } from '../../src/client/channel.ts';
import type { FakeSocket, Message, Stage } from './stage.ts';
import { settled, stage } from './stage.ts';

const HISTORY = 5;

interface Pub {
  readonly data: string;
  readonly offset: number;
}

/** One connection at the gateway. What is said waits in `out` until the network delivers it. */
class FakeConnection {
  readonly socket: FakeSocket;
  readonly out: object[] = [];
  isSubscribed = false;
  /** The network is gone; the client may not have noticed. */
  isDead = false;
  isHeardOf = true;
  #read = 0;

  constructor(socket: FakeSocket) {
    this.socket = socket;
  }

  /** The next command that came in. */
  take(): Message | undefined {
    if (this.isDead) return undefined;
    const command = this.socket.commands[this.#read];
    if (command !== undefined) this.#read += 1;
    return command;
  }
}

/** A gateway with one channel, `a`. */
class FakeGateway {
  readonly connections: FakeConnection[] = [];
  /** What clients published, by what they published. */
  readonly published: string[] = [];
  epoch = 1;
  top = 0;
  history: Pub[] = [];

  publish(): void {
    this.top += 1;
    const pub = { data: `${this.epoch}:${this.top}`, offset: this.top };
    this.history = [...this.history, pub].slice(-HISTORY);
    this.#push({ pub: this.top === 1 ? { ...pub, epoch: String(this.epoch) } : pub });
  }

  /** The stream is lost, and begins anew. */
  reset(): void {
    this.epoch += 1;
    this.top = 0;
    this.history = [];
    this.dismiss(2500);
  }

  dismiss(code: number): void {
    this.#push({ unsubscribe: { code, reason: 'simulated' } });
    for (const connection of this.connections) connection.isSubscribed = false;
  }

  /** Carries out the next command of a connection. */
  handle(connection: FakeConnection, refusing: boolean): void {
    const command = connection.take();
    if (command?.id === undefined) return;
    const [name = '', body = {}] = Object.entries(command).find(([key]) => key !== 'id') ?? [];
    const refused = refusing && name !== 'unsubscribe';
    const answer = refused ? REFUSED : this.#answer(connection, name, Object(body));
    connection.out.push({ id: command.id, ...answer });
    // Nothing more is taken after a connect that was refused.
    if (refused && name === 'connect') connection.isDead = true;
  }

  #answer(connection: FakeConnection, name: string, body: Record<string, unknown>): object {
    if (name === 'sub_refresh' && !connection.isSubscribed) return NOT_SUBSCRIBED;
    if (name === 'subscribe') return { subscribe: this.#subscribe(connection, body) };
    if (name === 'unsubscribe') connection.isSubscribed = false;
    if (name === 'publish') this.published.push(String(body['data']));
    return { [name]: RESULTS[name] ?? {} };
  }

  #subscribe(connection: FakeConnection, asked: Record<string, unknown>): object {
    expect(connection.isSubscribed).toBe(false);
    connection.isSubscribed = true;
    const { epoch, top, history } = this;
    const place = {
      recoverable: true,
      positioned: true,
      epoch: String(epoch),
      offset: top,
      ...EXPIRY,
    };
    if (asked['recover'] !== true) return place;
    const offset = Number(asked['offset']);
    const missed = history.filter((pub) => pub.offset > offset);
    const isWhole = asked['epoch'] === String(epoch) && missed.length === top - offset;
    if (!isWhole) return { ...place, was_recovering: true };
    return { ...place, offset, was_recovering: true, recovered: true, publications: missed };
  }

  #push(push: object): void {
    for (const { isSubscribed, isDead, out } of this.connections) {
      if (isSubscribed && !isDead) out.push({ push: { channel: 'a', ...push } });
    }
  }
}

const REFUSED = { error: { code: 100, message: 'internal', temporary: true } };
const NOT_SUBSCRIBED = { error: { code: 103, message: 'not subscribed' } };

const EXPIRY = { expires: true, ttl: 20 };

const RESULTS: Readonly<Record<string, object>> = {
  connect: { client: 'c', version: '1', ping: 25, pong: true, ...EXPIRY },
  refresh: EXPIRY,
  sub_refresh: EXPIRY,
};

/** The commonest are several times in it. */
const STEPS = [
  ['open', 'handle', 'deliver', 'wait', 'publish', 'handle', 'deliver'],
  ['open', 'handle', 'deliver', 'wait', 'publish'],
  ['cut', 'die', 'close', 'ping', 'refuse'],
  ['reset', 'dismiss', 'dismissForGood'],
  ['subscribe', 'unsubscribe', 'call', 'reconnect'],
].flat();

type StepName =
  | 'open'
  | 'handle'
  | 'deliver'
  | 'wait'
  | 'publish'
  | 'cut'
  | 'die'
  | 'close'
  | 'ping'
  | 'refuse'
  | 'reset'
  | 'dismiss'
  | 'dismissForGood'
  | 'subscribe'
  | 'unsubscribe'
  | 'call'
  | 'reconnect';

interface Step {
  readonly name: StepName;
  /** How long, for a step that waits. */
  readonly ms: number;
}

const STEP: fc.Arbitrary<Step> = fc.record({
  name: fc.constantFrom(...STEPS) as fc.Arbitrary<StepName>,
  ms: fc.oneof(fc.nat(2000), fc.nat(40_000)),
});

class World {
  readonly stage: Stage;
  readonly channel: Channel<string>;
  readonly gateway = new FakeGateway();
  readonly got: string[] = [];
  readonly outcomes: Promise<unknown>[] = [];
  readonly resolved: string[] = [];
  /** Why the client stopped and the subscription ended. */
  readonly endings = new Set<number>();
  #calls = 0;

  constructor() {
    const getToken = (): Promise<string> => Promise.resolve('t');
    const timeoutMs = 5000;
    this.stage = stage({ timeoutMs, offline: 'queue', random: () => 0.3, getToken });
    this.channel = this.stage.client.channel<string>('a', { getToken });
    this.stage.client.on('disconnected', ({ code }) => this.endings.add(code));
    this.channel.on('unsubscribed', ({ code }) => this.endings.add(code));
    this.channel.on('publication', ({ data }) => this.got.push(data));
    this.channel.on('gap', () => this.got.push('gap'));
    this.#note(this.stage.client.connect());
    this.#note(this.channel.subscribe());
  }

  step({ name, ms }: Step): void {
    this.#steps[name](ms);
  }

  readonly #steps: { readonly [Name in StepName]: (ms: number) => void } = {
    open: () => this.#open(),
    handle: () => this.#handle(false),
    refuse: () => this.#handle(true),
    deliver: () => this.#deliver(),
    wait: (ms) => this.stage.clock.advance(ms),
    publish: () => this.gateway.publish(),
    cut: () => this.#end(1006),
    close: () => this.#end(3008),
    die: () => {
      const connection = this.#latest();
      if (connection !== undefined) connection.isDead = true;
    },
    ping: () => void this.#latest()?.out.push({}),
    reset: () => this.gateway.reset(),
    dismiss: () => this.gateway.dismiss(2500),
    dismissForGood: () => this.gateway.dismiss(2000),
    subscribe: () => this.#note(this.channel.subscribe()),
    unsubscribe: () => this.channel.unsubscribe(),
    call: () => this.#call(),
    reconnect: () => {
      this.stage.client.disconnect();
      this.#note(this.stage.client.connect());
    },
  };

  /** The network heals, and everybody does what they have to, until nothing happens any more. */
  async heal(): Promise<void> {
    for (let round = 0; round < 200; round += 1) {
      // What was on its way may have ended it.
      this.#note(this.channel.subscribe());
      this.#open();
      await settled();
      for (let turn = 0; turn < 50; turn += 1) {
        this.#handle(false);
        this.#deliver();
        await settled();
      }
      if (this.channel.state === 'subscribed' && this.#latest()?.isDead === false) return;
      this.stage.clock.advance(20_000);
      await settled();
    }
    throw new Error('it does not come back');
  }

  async end(): Promise<void> {
    this.stage.client.close();
    await Promise.all(this.outcomes);
    expect(this.stage.clock.pending).toBe(0);
  }

  #latest(): FakeConnection | undefined {
    return this.gateway.connections.findLast(({ isHeardOf }) => isHeardOf);
  }

  /** The latest socket, if it is one that nobody has answered yet. */
  #open(): void {
    const socket = this.stage.sockets.at(-1);
    if (socket === undefined) return;
    if (this.gateway.connections.at(-1)?.socket === socket || socket.isClosed) return;
    this.gateway.connections.push(new FakeConnection(socket));
    socket.open();
  }

  /** All that waits arrives in one frame; of a connection that is given up, too. */
  #deliver(): void {
    for (const { socket, out, isDead, isHeardOf } of this.gateway.connections) {
      if (out.length > 0 && !isDead && isHeardOf) socket.say(...out.splice(0));
    }
  }

  #handle(refusing: boolean): void {
    const connection = this.#latest();
    if (connection !== undefined) this.gateway.handle(connection, refusing);
  }

  #end(code: number): void {
    const connection = this.#latest();
    if (connection === undefined) return;
    connection.isDead = true;
    connection.isHeardOf = false;
    connection.isSubscribed = false;
    connection.socket.drop(code, 'simulated');
  }

  #call(): void {
    this.#calls += 1;
    const data = `call ${this.#calls}`;
    const calling = this.stage.client.publish('b', data);
    this.#note(calling.then(() => this.resolved.push(data)));
  }

  #note(promise: Promise<unknown>): void {
    this.outcomes.push(promise.catch(() => undefined));
  }
}

/** In order, nothing twice, and nothing missing unless it was told. */
function check(got: readonly string[]): void {
  let last: { epoch: number; offset: number } | null = null;
  let told = false;
  for (const one of got) {
    if (one === 'gap') {
      told = true;
      continue;
    }
    const [epoch = 0, offset = 0] = one.split(':').map(Number);
    if (!told) {
      const isNext =
        last === null ? offset > 0 : epoch === last.epoch && offset === last.offset + 1;
      expect([got, one, isNext]).toEqual([got, one, true]);
    } else if (last !== null) {
      const isLater = epoch > last.epoch || (epoch === last.epoch && offset > last.offset);
      expect([got, one, isLater]).toEqual([got, one, true]);
    }
    last = { epoch, offset };
    told = false;
  }
}

test('whatever happens, nothing is lost in silence, nothing comes twice, and all is settled', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(STEP, { maxLength: 150, size: 'max' }), async (steps) => {
      const world = new World();
      for (const step of steps) {
        world.step(step);
        await settled();
      }
      await world.heal();
      world.gateway.publish();
      world.step({ name: 'deliver', ms: 0 });
      const { epoch, top, published } = world.gateway;
      check(world.got);
      expect(world.got.at(-1)).toBe(`${epoch}:${top}`);
      await world.end();
      // By its user, or by the gateway where that was played.
      expect([0, 14, 2000]).toEqual(expect.arrayContaining([...world.endings]));
      expect(new Set(published).size).toBe(published.length);
      for (const data of world.resolved) expect(published).toContain(data);
    }),
    { numRuns: Number(process.env['RUNS'] ?? 300) },
  );
}, 60_000);
