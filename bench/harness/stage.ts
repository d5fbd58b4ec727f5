/** Where one run of a scenario happens: fresh processes for the system, and one for the load. */
import { randomBytes } from 'node:crypto';
import type { DialectName } from '../dialects/dialects.ts';
import type { Address, Answers, Order } from '../drivers/orders.ts';
import type { HostOrder, Settled } from '../systems/host.ts';
import type { SystemOptions } from '../systems/system.ts';
import { Absent } from '../systems/system.ts';
import type { SystemName } from '../systems/systems.ts';
import { Child } from './child.ts';
import { Redis } from './redis.ts';
import type { Resident } from './usage.ts';
import { residentOf } from './usage.ts';

export interface StageOptions {
  readonly system: SystemName;
  readonly root: string;
  readonly seconds: number;
  readonly window: number;
  /** For node, in the process of the system: a profile, say. */
  readonly flags: readonly string[];
  /** Where a heap snapshot goes once the connections are quiet; null for none. */
  readonly snapshot: string | null;
}

export class Driver {
  readonly #child: Child;

  constructor(child: Child) {
    this.#child = child;
  }

  ask<O extends Order>(order: O): Promise<Answers[O['do']]> {
    return this.#child.ask(order);
  }
}

interface Host {
  readonly pid: number;
  readonly port: number;
  readonly dialect: DialectName;
  readonly child: Child;
}

/** One instance of the system, or several that are joined. */
export class RunningSystem {
  readonly #hosts: readonly Host[];
  readonly #secret: string;

  constructor(hosts: readonly Host[], secret: string) {
    this.#hosts = hosts;
    this.#secret = secret;
  }

  get pids(): number[] {
    return this.#hosts.map(({ pid }) => pid);
  }

  /** Of all instances, or of one. */
  address(instance?: number): Address {
    const dialect = this.#hosts[0]?.dialect ?? 'plain';
    const hosts = instance === undefined ? this.#hosts : this.#hosts.slice(instance, instance + 1);
    return { dialect, ports: hosts.map(({ port }) => port), secret: this.#secret };
  }

  get resident(): Resident {
    const all = this.pids.map(residentOf);
    return {
      total: all.reduce((sum, { total }) => sum + total, 0),
      anonymous: all.reduce((sum, { anonymous }) => sum + anonymous, 0),
    };
  }

  /** Touches all of V8's young generation. */
  async churn(): Promise<void> {
    await this.#ask({ do: 'churn' });
  }

  /** After the garbage is collected. */
  async memory(): Promise<Resident & Settled> {
    const settled = await this.#ask<Settled>({ do: 'settle' });
    return { ...settled, ...this.resident };
  }

  async snapshot(path: string): Promise<void> {
    await this.#ask({ do: 'snapshot', path });
  }

  async stop(): Promise<void> {
    const order: HostOrder = { do: 'stop' };
    await Promise.all(this.#hosts.map(({ child }) => child.stop(order)));
  }

  /** The first of the instances. */
  #ask<Answer>(order: HostOrder): Promise<Answer> {
    const [host] = this.#hosts;
    if (host === undefined) throw new Error('a system has an instance');
    return host.child.ask(order);
  }
}

const DEFAULTS = {
  history: 0,
  presence: false,
  slowConsumer: 'disconnect',
  /** Far over what the window of a driver lets gather: a peer that loses messages shows nothing. */
  backlogBytes: 64 * 1024 * 1024,
  redis: null,
  idle: false,
} as const;

export class Stage {
  readonly options: StageOptions;
  readonly apiKey = randomBytes(16).toString('base64url');
  readonly #secret = randomBytes(32).toString('base64url');
  readonly #drivers: Child[] = [];
  readonly #systems: RunningSystem[] = [];
  readonly #redis: Redis[] = [];

  constructor(options: StageOptions) {
    this.options = options;
  }

  /** So many instances, alike. @throws {Absent} when the system is not installed, or cannot do it. */
  async system(
    set: Partial<SystemOptions> = {},
    { instances = 1, flags = [] }: { instances?: number; flags?: readonly string[] } = {},
  ): Promise<RunningSystem> {
    const { root } = this.options;
    const { apiKey } = this;
    const options: SystemOptions = { ...DEFAULTS, secret: this.#secret, apiKey, root, ...set };
    const hosts: Host[] = [];
    for (let left = instances; left > 0; left -= 1) hosts.push(await this.#host(options, flags));
    const system = new RunningSystem(hosts, this.#secret);
    this.#systems.push(system);
    return system;
  }

  /** @throws {Absent} */
  async redis(): Promise<Redis> {
    const redis = await Redis.start();
    this.#redis.push(redis);
    return redis;
  }

  driver(): Driver {
    const child = new Child({
      name: 'driver',
      module: new URL('../drivers/driver.ts', import.meta.url),
    });
    this.#drivers.push(child);
    return new Driver(child);
  }

  /** Ends all that was started. The system goes last, so that it does not see its clients vanish. */
  async clear(): Promise<void> {
    await Promise.all(this.#drivers.splice(0).map((child) => child.stop()));
    await Promise.all(this.#systems.splice(0).map((system) => system.stop()));
    for (const redis of this.#redis.splice(0)) redis.stop();
  }

  async #host(options: SystemOptions, flags: readonly string[]): Promise<Host> {
    const { system: name } = this.options;
    const child = new Child({
      name,
      module: new URL('../systems/host.ts', import.meta.url),
      args: [name, JSON.stringify(options)],
      flags: ['--expose-gc', ...flags, ...this.options.flags],
    });
    const started = await child.listen<Omit<Host, 'child'> | { absent: string }>();
    if ('absent' in started) {
      await child.stop({ do: 'stop' } satisfies HostOrder);
      throw new Absent(started.absent);
    }
    return { ...started, child };
  }
}
