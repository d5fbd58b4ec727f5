/** What all gateways carry: each writes its own count to Redis, and whoever asks reads them all. */
import type { NodeInfo, Residents } from '../api/census.ts';
import { nodeInfo } from '../api/census.ts';
import { walk } from '../api/walk.ts';
import type { ChannelName } from '../channel/name.ts';
import { channelNameOf } from '../channel/name.ts';
import { Refusal } from '../kernel/errors.ts';
import { RedisAway } from '../redis/errors.ts';
import type { Redis } from '../redis/redis.ts';
import { listOf, numberOf, textOf } from '../redis/reply.ts';

export interface SharedCensusOptions {
  readonly redis: Redis;
  readonly uid: string;
  readonly channelNameLength: number;
  readonly residents: () => Residents;
  readonly uptimeMs: () => number;
  readonly fault: (where: string, error: unknown) => void;
}

/** How old a count may be; and when a gateway that counts no more is forgotten. */
const PERIOD_MS = 3000;
const FORGET_MS = 10_000;
/** Channels in one command. */
const STEP = 500;

type Crowds = Residents['hub'];

export class SharedCensus {
  readonly #options: SharedCensusOptions;
  readonly #prefix: string;
  readonly #timer: ReturnType<typeof setInterval>;
  /** What Redis has of this gateway. */
  #written = new Map<ChannelName, number>();
  #isWriting = false;

  constructor(options: SharedCensusOptions) {
    this.#options = options;
    this.#prefix = options.redis.names.prefixOf(0);
    this.#timer = setInterval(() => void this.#write(), PERIOD_MS);
    this.#timer.unref();
    options.redis.link.onUp(() => setImmediate(() => void this.#write()));
  }

  /** Of all gateways; this one as it is now, the others as they were up to three seconds ago. */
  async nodes(): Promise<readonly NodeInfo[]> {
    const { residents, uptimeMs } = this.#options;
    const nodes = [await nodeInfo(residents(), uptimeMs())];
    for (const uid of await this.#others()) {
      const node = nodeOf(await this.#ask('GET', `${this.#prefix}gateway:${uid}`));
      if (node !== null) nodes.push(node);
    }
    return nodes;
  }

  /** The channels of all gateways, and their subscribers on all. */
  async together(): Promise<Crowds> {
    const { hub } = this.#options.residents();
    const crowds = new Map<ChannelName, number>();
    for (const channel of hub.channels()) crowds.set(channel, hub.subscribersOf(channel));
    for (const uid of await this.#others()) await this.#addCrowdOf(uid, crowds);
    return {
      channels: () => crowds.keys(),
      subscribersOf: (channel) => crowds.get(channel) ?? 0,
      size: crowds.size,
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    const { redis, uid } = this.#options;
    if (!redis.link.isUp) return;
    try {
      await redis.link.call('DEL', `${this.#prefix}gateway:${uid}`);
      await redis.link.call('DEL', `${this.#prefix}crowd:${uid}`);
      await redis.link.call('SREM', `${this.#prefix}gateways`, uid);
    } catch (error) {
      // It is forgotten by itself.
      if (!(error instanceof RedisAway)) throw error;
    }
  }

  async #others(): Promise<string[]> {
    const uids = listOf(await this.#ask('SMEMBERS', `${this.#prefix}gateways`)).map(textOf);
    return uids.filter((uid) => uid !== this.#options.uid);
  }

  async #addCrowdOf(uid: string, crowds: Map<ChannelName, number>): Promise<void> {
    let cursor = '0';
    do {
      const page = await this.#ask('HSCAN', `${this.#prefix}crowd:${uid}`, cursor, 'COUNT', STEP);
      const [next, found] = listOf(page);
      cursor = textOf(next);
      const entries = listOf(found);
      for (let at = 0; at < entries.length; at += 2) {
        const channel = channelNameOf(textOf(entries[at]), this.#options.channelNameLength);
        crowds.set(channel, (crowds.get(channel) ?? 0) + numberOf(entries[at + 1]));
      }
    } while (cursor !== '0');
  }

  async #ask(...asked: Parameters<Redis['link']['call']>): ReturnType<Redis['link']['call']> {
    try {
      return await this.#options.redis.link.call(...asked);
    } catch (error) {
      throw error instanceof RedisAway ? new Refusal('internal', 'try again') : error;
    }
  }

  async #write(): Promise<void> {
    const { redis, uid, residents, uptimeMs, fault } = this.#options;
    if (this.#isWriting || !redis.link.isUp) return;
    this.#isWriting = true;
    try {
      const { link } = redis;
      const node = JSON.stringify(await nodeInfo(residents(), uptimeMs()));
      await link.call('SET', `${this.#prefix}gateway:${uid}`, node, 'PX', FORGET_MS);
      await link.call('SADD', `${this.#prefix}gateways`, uid);
      await this.#writeCrowds(`${this.#prefix}crowd:${uid}`);
      await this.#forgetOthers();
    } catch (error) {
      // What was written then is not known.
      this.#written = new Map();
      if (!(error instanceof RedisAway)) fault('census', error);
    } finally {
      this.#isWriting = false;
    }
  }

  async #writeCrowds(key: string): Promise<void> {
    const { link } = this.#options.redis;
    const { hub } = this.#options.residents();
    if (this.#written.size === 0) await link.call('DEL', key);
    const set: (string | number)[] = [];
    await walk([...hub.channels()], (channel) => {
      const count = hub.subscribersOf(channel);
      if (count > 0 && this.#written.get(channel) !== count) {
        set.push(channel, count);
        this.#written.set(channel, count);
      }
      return true;
    });
    const gone = [...this.#written.keys()].filter((channel) => hub.subscribersOf(channel) === 0);
    for (const channel of gone) this.#written.delete(channel);
    for (let at = 0; at < set.length; at += 2 * STEP) {
      await link.call('HSET', key, ...set.slice(at, at + 2 * STEP));
    }
    for (let at = 0; at < gone.length; at += STEP) {
      await link.call('HDEL', key, ...gone.slice(at, at + STEP));
    }
    const kept = numberOf(await link.call('PEXPIRE', key, FORGET_MS)) === 1;
    // Redis lost it: all is written next time.
    if (!kept) this.#written = new Map();
  }

  async #forgetOthers(): Promise<void> {
    for (const uid of await this.#others()) {
      const isThere = numberOf(await this.#ask('EXISTS', `${this.#prefix}gateway:${uid}`)) === 1;
      if (!isThere) await this.#ask('SREM', `${this.#prefix}gateways`, uid);
    }
  }
}

/** Null where a gateway ended meanwhile, or says what this one does not understand. */
function nodeOf(reply: unknown): NodeInfo | null {
  if (!Buffer.isBuffer(reply)) return null;
  const said: unknown = JSON.parse(reply.toString());
  return isNode(said) ? said : null;
}

function isNode(said: unknown): said is NodeInfo {
  if (typeof said !== 'object' || said === null) return false;
  const fields = new Map<string, unknown>(Object.entries(said));
  const texts = ['uid', 'name', 'version'];
  const counts = ['numClients', 'numUsers', 'numSubs', 'numChannels', 'uptimeMs'];
  return (
    texts.every((field) => typeof fields.get(field) === 'string') &&
    counts.every((field) => typeof fields.get(field) === 'number')
  );
}
