/** Where one run of a scenario happens: a fresh process for the system, and drivers for the load. */
import { randomBytes } from 'node:crypto';
import type { DialectName } from '../drivers/dialect.ts';
import type { Answers, Order } from '../drivers/orders.ts';
import type { HostOrder, Settled } from '../systems/host.ts';
import type { SystemOptions } from '../systems/system.ts';
import { Absent } from '../systems/system.ts';
import type { SystemName } from '../systems/systems.ts';
import { Child } from './child.ts';
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

export interface RunningSystem {
  readonly pid: number;
  readonly port: number;
  readonly dialect: DialectName;
  /** Touches all of V8's young generation. */
  churn(): Promise<void>;
  /** After the garbage is collected. */
  memory(): Promise<Resident & Settled>;
  snapshot(path: string): Promise<void>;
}

export class Stage {
  readonly options: StageOptions;
  readonly secret = randomBytes(32).toString('base64url');
  readonly #children: Child[] = [];
  #host: Child | null = null;

  constructor(options: StageOptions) {
    this.options = options;
  }

  /** @throws {Absent} when the system is not installed. */
  async system(
    set: Partial<SystemOptions> = {},
    nodeFlags: readonly string[] = [],
  ): Promise<RunningSystem> {
    const { system, root, flags } = this.options;
    const options: SystemOptions = { secret: this.secret, root, history: 0, ...set };
    const host = new Child({
      name: system,
      module: new URL('../systems/host.ts', import.meta.url),
      args: [system, JSON.stringify(options)],
      flags: ['--expose-gc', ...nodeFlags, ...flags],
    });
    this.#host = host;
    const started = await host.listen<
      { port: number; dialect: DialectName } | { absent: string }
    >();
    if ('absent' in started) throw new Absent(started.absent);
    const ask = <Answer>(order: HostOrder): Promise<Answer> => host.ask(order);
    return {
      ...started,
      pid: host.pid,
      churn: () => ask({ do: 'churn' }),
      async memory() {
        const settled = await ask<Settled>({ do: 'settle' });
        return { ...settled, ...residentOf(host.pid) };
      },
      snapshot: (path) => ask({ do: 'snapshot', path }),
    };
  }

  driver(): Driver {
    const child = new Child({
      name: 'driver',
      module: new URL('../drivers/driver.ts', import.meta.url),
    });
    this.#children.push(child);
    return new Driver(child);
  }

  /** Ends all that was started. The system goes last, so that it does not see its clients vanish. */
  async clear(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
    await this.#host?.stop({ do: 'stop' } satisfies HostOrder);
  }
}
