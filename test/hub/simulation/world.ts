/**
 * Several gateways, one backend and a crowd of clients, in a network that is as bad as allowed.
 *
 * Hub, feeds, sessions, outboxes and codecs are ours and real; the backend, the bus, the sockets
 * and the clients are the test's.
 */
import { setImmediate } from 'node:timers/promises';
import type { ChannelName } from '../../../src/channel/name.ts';
import type { Letter } from './backend.ts';
import { Backend, violated } from './backend.ts';
import { Client } from './client.ts';
import { Gateway } from './gateway.ts';
import type { Act, ActKind, Plan } from './plan.ts';

/** In so many rounds all that was begun is ended; after the remedy, what is left can only be lost. */
const ROUNDS_MAX = 60;
const REMEDY_ROUND = 5;

/** What an act is about: `a` and `b` choose among what there is. */
interface About {
  readonly gateway: Gateway;
  readonly client: Client;
  readonly channel: ChannelName;
  readonly b: number;
}

export class World {
  readonly #backend: Backend;
  readonly #gateways: readonly Gateway[];
  readonly #clients: readonly Client[];
  /** The network is as good as can be. */
  #calm = false;

  constructor(plan: Plan, traced = false) {
    this.#backend = new Backend(plan, traced);
    const all = <T>(length: number, make: (at: number) => T): T[] =>
      Array.from({ length }, (_, at) => make(at));
    this.#gateways = all(plan.gateways, (at) => new Gateway(this.#backend, `g${at}`));
    this.#backend.listenersOf = (channel) => {
      const listeners = this.#gateways.filter((gateway) => gateway.listensTo(channel));
      return new Set(listeners.map(({ name }) => name));
    };
    this.#clients = all(plan.clients, (at) => new Client(this.#backend, `c${at}`, at % 2 === 1));
  }

  /** What happened, if it was to be traced. */
  get trace(): readonly string[] {
    return this.#backend.trace ?? [];
  }

  /** @throws {Violation} */
  async run(acts: readonly Act[]): Promise<void> {
    const { channels } = this.#backend.plan;
    for (const { kind, a, b, ticks } of acts) {
      this.#backend.note(() => `-- ${kind} ${a} ${b} (${ticks})`);
      this.#does[kind]({
        gateway: this.#gatewayOf(a),
        client: this.#clients[a % this.#clients.length]!,
        channel: channels[a % channels.length]!,
        b,
      });
      await this.#pass(ticks);
    }
    await this.#settle();
    await this.#end();
  }

  readonly #does: { readonly [K in ActKind]: (about: About) => void } = {
    publish: ({ channel, b }) => this.#post(channel, this.#backend.publish(channel, b), b),
    publishMany: ({ channel, b }) => {
      for (let n = b; n < b + 3 + (b % 20); n += 1) {
        this.#post(channel, this.#backend.publish(channel, n), n);
      }
    },
    publishPast: ({ channel, b }) => this.#post(channel, this.#backend.publishPast(), b),
    reset: ({ channel }) => this.#backend.reset(channel),
    failOver: ({ channel, b }) => this.#backend.failOver(channel, b % 3),
    goBack: ({ channel, b }) => this.#backend.goBack(channel, 1 + (b % 3)),
    trim: ({ channel, b }) => void this.#backend.streamOf(channel).kept.splice(0, 1 + (b % 5)),
    command: ({ gateway }) => gateway.command(),
    executeRead: ({ gateway, b }) => gateway.executeRead(b),
    answerRead: ({ gateway, b }) => gateway.answerRead(b),
    failRead: ({ gateway, b }) => gateway.failRead(b),
    deliver: ({ gateway, b }) => gateway.deliver(b, !this.#backend.plan.ordered),
    deliverMany: ({ gateway, b }) => {
      for (let n = b; n < b + 10; n += 1) gateway.deliver(n, !this.#backend.plan.ordered);
    },
    turn: ({ gateway }) => gateway.endTurn(),
    failPresence: ({ gateway }) => gateway.failPresence(),
    present: ({ gateway }) => gateway.present(),
    connect: ({ client, b }) => client.connect(this.#gatewayOf(b)),
    cut: ({ client }) => client.cut((funeral) => funeral()),
    die: ({ client, gateway }) => client.cut((funeral) => gateway.dieLater(funeral)),
    bury: ({ gateway }) => gateway.bury(),
    subscribe: ({ client, b }) => {
      client.subscribe(b);
      client.retry();
    },
    unsubscribe: ({ client, b }) => client.unsubscribe(b),
    slow: ({ client }) => client.slowDown(true),
    drain: ({ client, b }) => client.drain(1 + (b % 10)),
    breakLink: ({ gateway }) => gateway.breakLink(),
    mendLink: ({ gateway }) => gateway.mendLink(),
    check: ({ gateway }) => gateway.check(),
    wait: ({ gateway, b }) => gateway.letTimePass(b),
  };

  #gatewayOf(pick: number): Gateway {
    return this.#gateways[pick % this.#gateways.length] ?? violated('there are gateways');
  }

  async #pass(ticks: number): Promise<void> {
    if (ticks >= 4) await setImmediate();
    else for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
    this.#backend.throwBlamed();
  }

  /** Each gateway has its own luck with the bus. */
  #post(channel: ChannelName, letter: Letter, luck: number): void {
    const { drops, doubles } = this.#backend.plan;
    for (const [at, gateway] of this.#gateways.entries()) {
      const fate = (luck * 31 + at * 57) % 100;
      const lucky = this.#calm || (fate >= drops && fate < 100 - doubles);
      gateway.post(channel, letter, lucky ? 1 : fate < drops ? 0 : 2);
    }
  }

  /** Nothing bad happens any more, and all that was begun is ended. */
  async #settle(): Promise<void> {
    this.#backend.note(() => '== calm');
    this.#calm = true;
    for (let round = 0; round < ROUNDS_MAX; round += 1) {
      for (const client of this.#clients) {
        client.connect(this.#gatewayOf(round));
        client.slowDown(false);
        client.drain(Infinity);
        client.subscribeAll();
      }
      for (const gateway of this.#gateways) {
        gateway.attend();
      }
      if (round === REMEDY_ROUND) this.#remedy();
      await this.#pass(4);
      if (round > REMEDY_ROUND && this.#isQuiet()) break;
    }
    if (!this.#isQuiet()) violated('it does not come to rest');
    for (const client of this.#clients) client.checkComplete();
  }

  /** What shows what the bus lost. */
  #remedy(): void {
    const { losses, plan } = this.#backend;
    if (plan.remedy === 'publication') {
      for (const channel of plan.channels)
        this.#post(channel, this.#backend.publish(channel, 1), 0);
    } else if (plan.remedy === 'check' || losses > 0) {
      for (const gateway of this.#gateways) gateway.check();
    }
  }

  #isQuiet(): boolean {
    return [...this.#gateways, ...this.#clients].every(({ isQuiet }) => isQuiet);
  }

  /** Everyone leaves, and nothing is left. */
  async #end(): Promise<void> {
    for (const client of this.#clients) client.cut((funeral) => funeral());
    for (let round = 0; round < 5; round += 1) {
      for (const gateway of this.#gateways) gateway.attend();
      await this.#pass(4);
    }
    for (const { remains } of this.#gateways) {
      if (remains.some((count) => count > 0)) violated(`left behind: ${remains.join(', ')}`);
    }
  }
}
