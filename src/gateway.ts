/** A gateway and its life. Also the library's face: `createGateway`. */
import type { Operations } from './api/operations.ts';
import type { TaskOperations, TaskResult } from './api/tasks.ts';
import { resultOf } from './api/tasks.ts';
import type { HooksOptions } from './asking.ts';
import { splitHooks } from './asking.ts';
import type { Cache } from './cache/cache.ts';
import type { Config } from './config/config.ts';
import { parseConfig } from './config/config.ts';
import type { ConfigInput, OrUndefined } from './config/input.ts';
import { ConfigError } from './config/problems.ts';
import { drain } from './drain.ts';
import type { Endpoints } from './hooks/endpoints.ts';
import type { Clock } from './kernel/clock.ts';
import { systemClock } from './kernel/clock.ts';
import type { Log } from './kernel/log.ts';
import { silentLog } from './kernel/log.ts';
import type { Part } from './kernel/part.ts';
import { closeAll } from './kernel/part.ts';
import { pause } from './kernel/pause.ts';
import type { Address, GatewayStatus } from './listening.ts';
import { Listening } from './listening.ts';
import type { Organs, Surroundings } from './organs.ts';
import { buildOrgans } from './organs.ts';
import { CLOSES } from './protocol/close.ts';
import { chooseEdge } from './server/choose.ts';
import { readingsOf } from './server/metrics.ts';
import type { Route } from './server/router.ts';
import { VERSION } from './version.ts';

// What a program needs besides: to refuse and to disconnect, to answer a request, to name types.
export type { EnqueueOptions, TaskHandler, TaskOptions, TaskResult } from './api/tasks.ts';
export type { NamespaceInput } from './config/input.ts';
export { ConfigError };
export type {
  Caller,
  ConnectAnswer,
  ConnectQuestion,
  Hooks,
  PublishAnswer,
  PublishQuestion,
  RefreshAnswer,
  RpcQuestion,
  SubscribeAnswer,
  SubscribeQuestion,
} from './hooks/hooks.ts';
export type { AskOptions } from './hooks/endpoint.ts';
export type { AskReply, AskRequest } from './hooks/endpoints.ts';
export { EndpointError } from './hooks/failure.ts';
export { verifySignature } from './hooks/signature.ts';
export type { HookReply, HookRequest } from './hooks/wire.ts';
export type { EventBatch, EventType, GatewayEvent } from './events/event.ts';
export { Json } from './kernel/data.ts';
export { Refusal } from './kernel/errors.ts';
export type { Address, GatewayStatus } from './listening.ts';
export { Disconnection } from './protocol/close.ts';
export type { HttpResponse } from './server/edge.ts';
export type { Route, RouteRequest } from './server/router.ts';
export { json } from './server/router.ts';
export type { TaskContext, TaskError, TaskState } from './tasks/tasks.ts';

/** What `createGateway` takes: what `sluice.yaml` says, and what only a program can give. */
export interface GatewayOptions extends OrUndefined<Omit<ConfigInput, 'hooks'>> {
  /** Functions of the program, and what `sluice.yaml` says of its endpoints; functions win. */
  readonly hooks?: HooksOptions;
  /** More can be added by `gateway.route`. */
  readonly routes?: readonly Route[];
  /** Default: silent. A pino logger fits. */
  readonly logger?: Log;
  readonly clock?: Clock;
  /** From 0 to below 1. */
  readonly random?: () => number;
}

/** How often it is looked whether it is ready. */
const READY_LOOK_MS = 20;
/** One part may take this long to close; it is left behind then, and logged. */
const CLOSE_DEADLINE_MS = 10_000;

export class Gateway {
  readonly config: Config;
  /** The methods of the server API, in process; see `Operations`. */
  readonly publish: Operations['publish'];
  readonly broadcast: Operations['broadcast'];
  readonly subscribe: Operations['subscribe'];
  readonly unsubscribe: Operations['unsubscribe'];
  readonly disconnect: Operations['disconnect'];
  readonly refresh: Operations['refresh'];
  readonly presence: Operations['presence'];
  readonly presenceStats: Operations['presenceStats'];
  readonly history: Operations['history'];
  readonly removeHistory: Operations['removeHistory'];
  readonly archive: Operations['archive'];
  readonly channels: Operations['channels'];
  readonly info: Operations['info'];
  readonly rpc: Operations['rpc'];
  /** Asks an endpoint of the configuration, within its limits; see `Endpoints`. */
  readonly ask: Endpoints['ask'];
  /** Asks many at once; each has its answer or its failure. */
  readonly askAll: Endpoints['askAll'];
  /** In Redis, where there is one, and shared by all gateways then. */
  readonly cache: Pick<Cache, 'get' | 'set' | 'delete' | 'getOrSet'>;
  /** What is done later, once the gateway has started; see `TaskOperations`. */
  readonly task: TaskOperations['task'];
  readonly enqueue: TaskOperations['enqueue'];
  readonly putChannels: TaskOperations['putChannels'];
  readonly #surroundings: Surroundings;
  readonly #organs: Organs;
  readonly #listening: Listening;
  readonly #parts: Part[];
  /** Aborts when the gateway is closed. */
  readonly #closing = new AbortController();
  #drained: Promise<void> | null = null;
  #started: Promise<Address> | null = null;
  #closed: Promise<void> | null = null;

  constructor(config: Config, surroundings: Surroundings, routes: readonly Route[] = []) {
    this.config = config;
    this.#surroundings = surroundings;
    this.#organs = buildOrgans(config, surroundings);
    const { crew } = surroundings;
    this.#listening = new Listening({
      ...this.#organs,
      config,
      crew,
      status: () => this.status,
    });
    this.#listening.add(routes);
    const { operations } = this.#organs;
    this.publish = operations.publish.bind(operations);
    this.broadcast = operations.broadcast.bind(operations);
    this.subscribe = operations.subscribe.bind(operations);
    this.unsubscribe = operations.unsubscribe.bind(operations);
    this.disconnect = operations.disconnect.bind(operations);
    this.refresh = operations.refresh.bind(operations);
    this.presence = operations.presence.bind(operations);
    this.presenceStats = operations.presenceStats.bind(operations);
    this.history = operations.history.bind(operations);
    this.removeHistory = operations.removeHistory.bind(operations);
    this.archive = operations.archive.bind(operations);
    this.channels = operations.channels.bind(operations);
    this.info = operations.info.bind(operations);
    this.rpc = operations.rpc.bind(operations);
    const { endpoints, cache } = this.#organs.asking;
    this.ask = endpoints.ask.bind(endpoints);
    this.askAll = endpoints.askAll.bind(endpoints);
    this.cache = cache;
    const { wheel, sharing, archiving, asking, telling, verifier, meters } = this.#organs;
    crew?.tell(() => readingsOf(meters, crew.worker));
    const { tasks } = operations;
    this.task = tasks.task.bind(tasks);
    this.enqueue = tasks.enqueue.bind(tasks);
    this.putChannels = tasks.putChannels.bind(tasks);
    this.#parts = [
      { name: 'wheel', close: () => Promise.resolve(wheel.close()) },
      { name: 'tokens', close: () => verifier.close() },
      ...sharing.parts,
      ...asking.parts,
      ...archiving.parts,
      ...telling.parts,
    ];
  }

  /**
   * Adds routes of the program. One of them may take the place of our `/`, `/health` or `/ready`.
   * @throws {Error} for one in the place of the API or the metrics, and once it has started.
   */
  route(...routes: readonly Route[]): void {
    if (this.#started !== null) throw new Error('routes are added before the gateway starts');
    this.#listening.add(routes);
  }

  /**
   * Listens. Idempotent. @throws when a port is taken, the transport cannot be had, or the gateway
   * was closed; nothing is left open then.
   */
  start(): Promise<Address> {
    if (this.#closed !== null) return Promise.reject(new Error('the gateway was closed'));
    this.#started ??= this.#start();
    return this.#started;
  }

  /**
   * Resolves when what is published is delivered: at once where there is no Redis, and else when
   * that is reached. @throws {Error} when it drains or closes before.
   */
  async ready(): Promise<void> {
    while (this.status === 'no delivery') {
      await pause(this.#surroundings.clock, READY_LOOK_MS, this.#closing.signal);
    }
    if (this.status !== 'ready') throw new Error(`the gateway is ${this.status}`);
  }

  /**
   * Closes it so that nobody is in a rush: it is not ready any more, but serves on for `drain.delay`;
   * then takes no new connections, and closes those there are with 3001, evenly over
   * `drain.timeout`; then lets the requests under way be answered, within the same time; then closes
   * the rest. Idempotent; `close` ends it early.
   */
  drain(): Promise<void> {
    this.#drained ??= this.#drain();
    return this.#drained;
  }

  /**
   * No new connections, close 3001 for those there are, and then every part in the reverse order
   * of its birth; a client that is slow to read has five seconds for what was sent to it.
   * Idempotent; when it resolves nothing is left that keeps the process alive.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** How far a task is, and how it ended. @throws {Refusal} `unknownTask` */
  async taskResult(id: string): Promise<TaskResult> {
    return resultOf(await this.#organs.operations.tasks.find(id));
  }

  /** Ends a task, unless it is over; one that runs is told to stop. @throws {Refusal} `unknownTask` */
  async cancelTask(id: string): Promise<TaskResult> {
    return resultOf(await this.#organs.operations.tasks.cancel(id));
  }

  /** Open connections. */
  get connections(): number {
    return this.#organs.roster.size;
  }

  /** What `/ready` answers, for a program that has a `/ready` of its own. */
  get status(): GatewayStatus {
    if (this.#closed !== null) return 'closing';
    if (this.#drained !== null) return 'draining';
    return this.#organs.sharing.isReady() ? 'ready' : 'no delivery';
  }

  async #start(): Promise<Address> {
    const createEdge = await chooseEdge(this.config.transport, this.#surroundings.log);
    try {
      const address = await this.#listening.open(createEdge);
      this.#organs.tasking.start();
      return address;
    } catch (error) {
      // One of two ports may be open by now.
      await this.#closeAll(this.#listening.parts);
      throw error;
    }
  }

  async #drain(): Promise<void> {
    await drain({
      ...this.config.drain,
      clock: this.#surroundings.clock,
      roster: this.#organs.roster,
      stopAccepting: () => this.#listening.stopAccepting(),
      lastRequests: () => this.#listening.lastRequests(),
      signal: this.#closing.signal,
    });
    await this.close();
  }

  async #close(): Promise<void> {
    this.#listening.stopAccepting();
    this.#closing.abort();
    await this.#started?.catch(() => undefined);
    await this.#closeAll([
      ...this.#parts,
      ...this.#listening.parts,
      { name: 'clients', close: () => this.#closeClients() },
      { name: 'turn', close: () => this.#endTurn() },
      // Who hears of them is there still.
      this.#organs.tasking.part,
    ]);
  }

  #closeAll(parts: readonly Part[]): Promise<void> {
    const { clock, log } = this.#surroundings;
    return closeAll(parts, { clock, log, deadlineMs: CLOSE_DEADLINE_MS });
  }

  async #closeClients(): Promise<void> {
    for (const peer of this.#organs.roster.all()) peer.close(CLOSES.shutdown);
  }

  /** What was published within this turn still goes to its subscribers. */
  async #endTurn(): Promise<void> {
    this.#organs.services.turn.flush();
  }
}

/** A gateway of this process. @throws {ConfigError} with all that is wrong with the options. */
export function createGateway(options: GatewayOptions = {}): Gateway {
  const { hooks = {}, routes = [], logger = silentLog, clock, random, ...rest } = options;
  const { own, input } = splitHooks(hooks);
  const config = parseConfig(
    { ...rest, hooks: input },
    {
      connect: own.connect !== undefined,
      subscribe: own.subscribe !== undefined,
      publish: own.publish !== undefined,
      events: own.events !== undefined,
    },
  );
  if (config.workers !== 1) throw new ConfigError(['workers: only sluice serve has several']);
  return new Gateway(
    config,
    {
      hooks: own,
      log: logger,
      clock: clock ?? systemClock,
      random: random ?? Math.random,
      version: VERSION,
    },
    routes,
  );
}
