/** One gateway: everything of ours, and around it a bus and a backend that answer when told to. */
import type { Broker, HistoryRules, Published } from '../../../src/broker/broker.ts';
import type { ChannelName } from '../../../src/channel/name.ts';
import { channelNameOf } from '../../../src/channel/name.ts';
import type { ClientInfo } from '../../../src/channel/publication.ts';
import type { Page, Query } from '../../../src/channel/recovery.ts';
import { silentEvents } from '../../../src/events/events.ts';
import type { Source } from '../../../src/hub/hub.ts';
import { Hub } from '../../../src/hub/hub.ts';
import { Roster } from '../../../src/hub/roster.ts';
import { limits } from '../../../src/kernel/limits.ts';
import { silentLog, ThrottledLog } from '../../../src/kernel/log.ts';
import type { Maybe } from '../../../src/kernel/maybe.ts';
import { Turn } from '../../../src/kernel/turn.ts';
import { Wheel } from '../../../src/kernel/wheel.ts';
import type { Presence } from '../../../src/presence/presence.ts';
import type { Services } from '../../../src/session/services.ts';
import { ManualClock } from '../../support/clock.ts';
import type { Backend, Letter } from './backend.ts';
import { Outage, Violation, violated } from './backend.ts';
import { rulesOf } from './plan.ts';

/** Something asked of the backend. */
interface Reading {
  readonly channel: ChannelName;
  readonly query: Query;
  page: Page | null;
  readonly resolve: (page: Page) => void;
  readonly reject: (error: Error) => void;
}

/** Something that is carried out later, or fails. */
interface Order {
  carryOut(): void;
  fail(error: Error): void;
}

/** A read of the feed itself, and one that those who come back share. */
const SAME_READS_MAX = 2;

export class Gateway {
  readonly hub: Hub;
  readonly services: Services;
  readonly name: string;
  readonly #backend: Backend;
  readonly #turn: Turn;
  #turnWaits = false;
  /** What the bus was asked for, in order, and what it brings. */
  readonly #orders: Order[] = [];
  readonly #listened = new Set<ChannelName>();
  readonly #mail = new Map<ChannelName, Letter[]>();
  readonly #readings: Reading[] = [];
  readonly #presences: Order[] = [];
  readonly #members = new Set<string>();
  /** Sessions that have not heard yet that their socket is gone. */
  readonly #funerals: (() => void)[] = [];
  /** The next read that is answered within the call fails. */
  #fails = false;
  #broken = false;
  #clients = 0;
  /** The hub's; nothing else is to come of time. */
  readonly #clock = new ManualClock();

  constructor(backend: Backend, name: string) {
    const { plan } = backend;
    this.#backend = backend;
    this.name = name;
    this.#turn = new Turn(() => {
      this.#turnWaits = true;
    });
    this.hub = new Hub({
      clock: this.#clock,
      source: plan.sync ? this.#nearSource() : this.#farSource(),
      turn: this.#turn,
      flushBytes: plan.flushBytes,
      heldMax: plan.heldMax,
      count: () => {},
      failed: (_channel, error) => this.#failed('history read', error),
    });
    this.services = this.#buildServices();
  }

  /** Also without anybody's doing, as when it is waited for. */
  get isQuiet(): boolean {
    const waits = [this.#orders, this.#readings, this.#presences, this.#funerals];
    const mail = [...this.#mail.values()];
    return [...waits, ...mail].every(({ length }) => length === 0) && !this.#turnWaits;
  }

  /** What is left of whoever was here: nothing, when everyone is gone. */
  get remains(): number[] {
    const { roster, wheel } = this.services;
    return [this.hub.size, this.#listened.size, this.#members.size, roster.size, wheel.size];
  }

  listensTo(channel: ChannelName): boolean {
    return this.#listened.has(channel);
  }

  /** The bus carries out the next of its orders. */
  command(): void {
    this.#orders.shift()?.carryOut();
  }

  /** The backend looks at what was asked; the answer comes later. */
  executeRead(pick: number): void {
    const reading = this.#readings[pick % Math.max(1, this.#readings.length)];
    if (reading !== undefined) reading.page ??= this.#pageFor(reading);
  }

  answerRead(pick: number): void {
    const reading = this.#takeReading(pick);
    reading?.resolve(reading.page ?? this.#pageFor(reading));
  }

  failRead(pick: number): void {
    this.#fails = this.#backend.plan.sync;
    const reading = this.#takeReading(pick);
    if (reading === undefined) return;
    reading.reject(this.#outage('the history is away'));
  }

  letTimePass(ms: number): void {
    this.#clock.advance(ms);
  }

  present(): void {
    this.#presences.shift()?.carryOut();
  }

  failPresence(): void {
    const order = this.#presences.shift();
    if (order === undefined) return;
    order.fail(this.#outage('the presence is away'));
  }

  bury(): void {
    this.#funerals.shift()?.();
  }

  dieLater(funeral: () => void): void {
    this.#funerals.push(funeral);
  }

  /** `copies` of a letter are on their way. */
  post(channel: ChannelName, letter: Letter, copies: number): void {
    if (!this.#listened.has(channel)) return;
    if (this.#broken || copies === 0) this.#backend.losses += 1;
    if (this.#broken) return;
    const mail = this.#mail.get(channel) ?? [];
    this.#mail.set(channel, mail);
    for (let copy = 0; copy < copies; copy += 1) mail.push(letter);
  }

  /** Within a channel in order, unless letters `stray`; between channels in any. */
  deliver(pick: number, stray: boolean): void {
    if (this.#broken) return;
    const boxes = [...this.#mail].filter(([, letters]) => letters.length > 0);
    const box = boxes[pick % Math.max(1, boxes.length)];
    if (box === undefined) return;
    const [channel, letters] = box;
    const [letter] = letters.splice(stray ? pick % Math.min(3, letters.length) : 0, 1);
    if (letter !== undefined) this.hub.receive(channel, letter.publication, letter.epoch);
  }

  endTurn(): void {
    if (!this.#turnWaits) return;
    this.#turnWaits = false;
    this.#turn.flush();
  }

  /**
   * What is on its way on the bus is lost, and so is what is published until it is mended; nothing
   * is listened to that was not before.
   */
  breakLink(): void {
    this.#broken = true;
    this.#backend.losses += 1;
    this.#mail.clear();
    for (const order of this.#orders.splice(0)) {
      order.fail(this.#outage('the bus is away'));
    }
  }

  mendLink(): void {
    if (!this.#broken) return;
    this.#broken = false;
    this.check();
  }

  /** As after a reconnect: what there is at the top now is compared with what came. */
  check(): void {
    const channels = [...this.hub.channels()];
    for (const channel of channels) {
      const { top, epoch } = this.#backend.streamOf(channel);
      this.hub.check(channel, { offset: top, epoch });
    }
  }

  /** All that waits is done. */
  attend(): void {
    this.mendLink();
    this.#fails = false;
    while (this.#orders.length > 0) this.command();
    while (this.#readings.length > 0) this.answerRead(0);
    while (this.#presences.length > 0) this.present();
    while (this.#funerals.length > 0) this.bury();
    for (const [channel, letters] of this.#mail) {
      for (const { publication, epoch } of letters.splice(0)) {
        this.hub.receive(channel, publication, epoch);
      }
    }
    this.endTurn();
  }

  #pageFor({ channel, query }: Reading): Page {
    return this.#backend.pageOf(channel, query);
  }

  #takeReading(pick: number): Reading | undefined {
    return this.#readings.splice(pick % Math.max(1, this.#readings.length), 1)[0];
  }

  #outage(what: string): Outage {
    this.#backend.outages += 1;
    this.#backend.losses += 1;
    return new Outage(what);
  }

  #failed(where: string, error: unknown): void {
    if (error instanceof Outage) return;
    this.#backend.blame(new Violation(`fault in ${where}: ${String(error)}`, { cause: error }));
  }

  #listen(channel: ChannelName): void {
    this.#listened.add(channel);
  }

  #unlisten(channel: ChannelName): void {
    this.#listened.delete(channel);
    this.#mail.delete(channel);
  }

  /** The bus takes orders one after the other; reads are answered in any order. */
  #farSource(): Source {
    return {
      listen: (channel) => {
        if (this.#broken) throw this.#outage('the bus is away');
        return new Promise((resolve, reject) => {
          const carryOut = (): void => {
            this.#listen(channel);
            resolve();
          };
          this.#orders.push({ carryOut, fail: reject });
        });
      },
      unlisten: (channel) => {
        const carryOut = (): void => this.#unlisten(channel);
        if (this.#broken) carryOut();
        else this.#orders.push({ carryOut, fail: carryOut });
      },
      read: (channel, query) =>
        new Promise((resolve, reject) => {
          this.#readings.push({ channel, query, page: null, resolve, reject });
          this.#checkShared(channel, query);
        }),
    };
  }

  /** However many come back at once. */
  #checkShared(channel: ChannelName, query: Query): void {
    const text = JSON.stringify(query);
    const same = this.#readings.filter((one) => {
      return one.channel === channel && JSON.stringify(one.query) === text;
    });
    if (same.length <= SAME_READS_MAX) return;
    this.#backend.blame(new Violation(`${same.length} reads of ${channel} at once: ${text}`));
  }

  #nearSource(): Source {
    return {
      listen: (channel) => this.#listen(channel),
      unlisten: (channel) => this.#unlisten(channel),
      read: (channel, query) => {
        if (!this.#fails) return this.#backend.pageOf(channel, query);
        this.#fails = false;
        throw this.#outage('the history is away');
      },
    };
  }

  /** As over one connection to a server: answers come in order, but late. */
  #buildPresence(): Presence {
    const order = (change: () => void, fail: () => void): Maybe<void> => {
      if (this.#backend.plan.sync) return change();
      return new Promise((resolve, reject) => {
        this.#presences.push({
          carryOut() {
            change();
            resolve();
          },
          fail(error) {
            fail();
            reject(error);
          },
        });
      });
    };
    const key = (channel: string, info: ClientInfo): string => `${channel} ${info.client}`;
    return {
      add: (channel, info) => {
        const change = (): void => void this.#members.add(key(channel, info));
        return order(change, () => {});
      },
      announce() {},
      remove: (channel, info) => {
        const change = (): void => void this.#members.delete(key(channel, info));
        // What could not be done is done by the presence itself, later.
        return order(change, change);
      },
      members: () => [],
      stats: () => ({ clients: 0, users: 0 }),
      close: () => Promise.resolve(),
    };
  }

  #buildServices(): Services {
    const { plan } = this.#backend;
    const clock = new ManualClock();
    return {
      hub: this.hub,
      broker: silentBroker,
      presence: this.#buildPresence(),
      quota: null,
      verifier: {
        enabled: false,
        connection: () => Promise.reject(new Error('no tokens here')),
        subscription: () => Promise.reject(new Error('no tokens here')),
        close: () => Promise.resolve(),
      },
      hooks: {},
      events: silentEvents,
      roster: new Roster(),
      limits: limits({
        outboxBytes: plan.outboxBytes,
        historyPublications: plan.recoveryMax,
        framesPerSecond: 0,
        commandsPerSecond: 0,
      }),
      settings: {
        pingIntervalMs: 25_000,
        pongTimeoutMs: 8000,
        connectionGraceMs: 25_000,
        subscriptionGraceMs: 25_000,
        anonymous: true,
        personalNamespace: null,
        version: '',
      },
      clock,
      wheel: new Wheel(clock),
      turn: this.#turn,
      counts: { commands() {}, errors() {}, closes() {}, unsubscribes() {}, slow() {} },
      log: new ThrottledLog(silentLog, () => 0),
      fault: (where, error) => this.#failed(where, error),
      rulesOf: (channel) => ({
        ...rulesOf(channelNameOf(channel, 255)),
        historySize: plan.historySize,
      }),
      newClientId: () => {
        this.#clients += 1;
        return `${this.name}-${this.#clients}`;
      },
      random: () => 0,
    };
  }
}

const NOWHERE: Published = { position: { offset: 0, epoch: '' }, outcome: 'published', atMs: 0 };

/** Clients here only listen; the hub has a source of its own. */
const silentBroker: Broker = {
  listen() {},
  unlisten() {},
  publish: () => NOWHERE,
  notify() {},
  read: (_channel: ChannelName, _query: Query, _history: HistoryRules) => violated('not asked'),
  history: () => violated('not asked'),
  removeHistory() {},
  close: () => Promise.resolve(),
};
