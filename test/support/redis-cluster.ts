/** Clusters of the tests' own: real processes that know each other, each with a part of the slots. */
import { onTestFinished } from 'vitest';
import { setTimeout as sleep } from 'node:timers/promises';
import { slotOf, SLOTS } from '../../src/redis/slot.ts';
import { freePort, RedisServer } from './redis.ts';

const PATIENCE_MS = 30_000;

export interface RedisClusterOptions {
  readonly masters?: number;
  /** Of each master. */
  readonly replicas?: number;
  /** After how long a silent server is taken for dead. */
  readonly nodeTimeoutMs?: number;
  /** Further arguments of each redis-server. */
  readonly args?: readonly string[];
}

interface Node {
  readonly server: RedisServer;
  readonly busPort: number;
}

export class RedisCluster {
  readonly masters: readonly RedisServer[];
  /** The masters, and after them the replicas of the first, of the second, and so on. */
  readonly servers: readonly RedisServer[];
  readonly #joined: RedisServer[] = [];
  /** Port and port of the bus of the first. */
  readonly #place: readonly [string, string];

  private constructor(nodes: readonly Node[], masters: number) {
    this.servers = nodes.map(({ server }) => server);
    this.masters = this.servers.slice(0, masters);
    const [first] = nodes;
    this.#place = [String(first!.server.port), String(first!.busPort)];
  }

  static async start(options: RedisClusterOptions = {}): Promise<RedisCluster> {
    const cluster = await RedisCluster.shared(options);
    onTestFinished(() => cluster.dispose());
    return cluster;
  }

  /** For a suite that shares one; whoever starts it disposes of it. */
  static async shared(options: RedisClusterOptions = {}): Promise<RedisCluster> {
    const { masters = 3, replicas = 0 } = options;
    const size = masters * (1 + replicas);
    const starting = Array.from({ length: size }, () => startNode(options));
    const nodes = await Promise.all(starting).catch(async (error: unknown) => {
      for (const node of starting)
        await node.then(({ server }) => server.dispose()).catch(() => {});
      throw error;
    });
    const cluster = new RedisCluster(nodes, masters);
    try {
      await cluster.#shareSlots();
      await introduce(nodes);
      await cluster.#follow(replicas);
    } catch (error) {
      await cluster.dispose();
      throw error;
    }
    return cluster;
  }

  get url(): string {
    const hosts = this.masters.map(({ port }) => `127.0.0.1:${port}`);
    return `redis+cluster://${hosts.join(',')}`;
  }

  /** Those that followed it at the beginning. */
  replicasOf(master: RedisServer): readonly RedisServer[] {
    const size = this.masters.length;
    const each = this.servers.length / size - 1;
    const from = size + this.masters.indexOf(master) * each;
    return this.servers.slice(from, from + each);
  }

  /** The server that has the slot of the name. */
  async masterOf(name: string): Promise<RedisServer> {
    for (const server of [...this.servers, ...this.#joined]) {
      if (server.isRunning && (await hasSlot(server, slotOf(name)))) return server;
    }
    throw new Error('nobody has the slot');
  }

  /**
   * Moves the slot of the name with all that is in it, as `redis-cli --cluster reshard` does it.
   * `between`: when it is open, and when each ten keys are moved.
   */
  async move(
    name: string,
    to: RedisServer,
    between: () => Promise<unknown> = () => Promise.resolve(),
  ): Promise<void> {
    const from = await this.masterOf(name);
    const slot = String(slotOf(name));
    const [fromId, toId] = [await idOf(from), await idOf(to)];
    await order(to, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId);
    await order(from, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId);
    for (;;) {
      await between();
      const keys = textsOf(await from.command('CLUSTER', 'GETKEYSINSLOT', slot, '10'));
      if (keys.length === 0) break;
      const place = ['127.0.0.1', String(to.port), '', '0', '5000', 'REPLACE', 'KEYS'];
      await order(from, 'MIGRATE', ...place, ...keys);
    }
    await order(to, 'CLUSTER', 'SETSLOT', slot, 'NODE', toId);
    // Whoever gives away its last slot may follow the other by now, and then knows.
    await from.command('CLUSTER', 'SETSLOT', slot, 'NODE', toId);
  }

  /** One more master, without slots. It is not among `masters`. */
  async join(options: RedisClusterOptions = {}): Promise<RedisServer> {
    const node = await startNode(options);
    this.#joined.push(node.server);
    await order(node.server, 'CLUSTER', 'MEET', '127.0.0.1', ...this.#place);
    await until(async () => {
      const info = await node.server.command('CLUSTER', 'INFO');
      return info.includes('slots_ok:16384') && info.includes('cluster_state:ok');
    });
    // Those that it did not meet hear of it from the others.
    const id = await idOf(node.server);
    for (const server of this.servers) {
      await until(async () => (await server.command('CLUSTER', 'NODES')).includes(id));
    }
    return node.server;
  }

  async dispose(): Promise<void> {
    const all = [...this.servers, ...this.#joined];
    await Promise.all(all.map((server) => server.dispose()));
  }

  async #shareSlots(): Promise<void> {
    const size = this.masters.length;
    await Promise.all(
      this.masters.map(async (master, index) => {
        const from = Math.floor((index * SLOTS) / size);
        const to = Math.floor(((index + 1) * SLOTS) / size) - 1;
        await order(master, 'CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
        await order(master, 'CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
      }),
    );
  }

  /** The replicas follow their masters, and everybody knows of everybody. */
  async #follow(replicas: number): Promise<void> {
    const size = this.masters.length;
    const isWhole = async (server: RedisServer): Promise<boolean> => {
      const info = await server.command('CLUSTER', 'INFO');
      return ['state:ok', 'slots_ok:16384', `nodes:${this.servers.length}`].every((fact) =>
        info.includes(`${fact}\r\n`),
      );
    };
    for (const server of this.servers) await until(() => isWhole(server));
    for (const [index, replica] of this.servers.slice(size).entries()) {
      const master = this.masters[Math.floor(index / replicas)]!;
      await order(replica, 'CLUSTER', 'REPLICATE', await idOf(master));
    }
    for (const replica of this.servers.slice(size)) {
      await until(async () =>
        (await replica.command('INFO', 'replication')).includes('master_link_status:up'),
      );
    }
  }
}

async function startNode({ nodeTimeoutMs = 1000, args = [] }: RedisClusterOptions): Promise<Node> {
  const busPort = await freePort();
  const options = {
    'cluster-enabled': 'yes',
    'cluster-port': busPort,
    'cluster-node-timeout': nodeTimeoutMs,
    // A master that is dead takes only its own slots with it.
    'cluster-require-full-coverage': 'no',
    'repl-diskless-sync-delay': 0,
  };
  const ours = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const server = await RedisServer.shared({ args: [...ours, ...args] });
  return { server, busPort };
}

async function introduce([first, ...others]: readonly Node[]): Promise<void> {
  for (const { server, busPort } of others) {
    const place = ['127.0.0.1', String(server.port), String(busPort)];
    await order(first!.server, 'CLUSTER', 'MEET', ...place);
  }
}

async function order(server: RedisServer, ...parts: readonly string[]): Promise<void> {
  const reply = await server.command(...parts);
  if (!/^\+(OK|NOKEY)/.test(reply)) throw new Error(`${parts.slice(0, 3).join(' ')}: ${reply}`);
}

async function idOf(server: RedisServer): Promise<string> {
  const [id = ''] = textsOf(await server.command('CLUSTER', 'MYID'));
  return id;
}

/** Whether it says so of itself; a replica has none. */
async function hasSlot(server: RedisServer, slot: number): Promise<boolean> {
  const nodes = await server.command('CLUSTER', 'NODES');
  const myself = nodes.split('\n').find((line) => line.includes('myself,master')) ?? '';
  return myself
    .split(' ')
    .slice(8)
    .filter((range) => !range.startsWith('['))
    .some((range) => {
      const [from = -1, to = from] = range.split('-').map(Number);
      return slot >= from && slot <= to;
    });
}

/** The bulk strings of a reply. */
function textsOf(reply: string): string[] {
  return [...reply.matchAll(/\$\d+\r\n(.*?)\r\n/g)].map(([, text = '']) => text);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error('the Cluster does not come together');
    await sleep(20);
  }
}
