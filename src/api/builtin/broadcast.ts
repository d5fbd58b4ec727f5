/** The task `broadcast`: the same to up to a million channels, step by step. */
import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import type { Data, Json } from '../../kernel/data.ts';
import { Refusal } from '../../kernel/errors.ts';
import type { Limits } from '../../kernel/limits.ts';
import { isFields } from '../../protocol/body.ts';
import type { ChannelLists } from '../../tasks/lists.ts';
import { PARTS_MAX } from '../../tasks/lists.ts';
import type { TaskContext } from '../../tasks/tasks.ts';
import { flag, optional, text } from '../fields.ts';
import { check } from '../method.ts';
import { content, dataOf, optionsOf } from '../methods/content.ts';
import type { Operations, Outcome } from '../operations.ts';
import type { PublicationOptions } from '../publication.ts';
import { errorWire } from '../reply.ts';
import type { TaskDefinition } from '../tasks.ts';
import { checkNames, OWN_LIST } from '../tasks.ts';
import { fieldsOfInput, inputOf } from './input.ts';
import { keyOf } from './key.ts';

const NAME = 'broadcast';
const HOUR_MS = 3_600_000;

/** Channels published to at once: a few milliseconds of the event loop. */
const STEP = 200;
/** Channels in one part of a list that is made of a request. */
const PART = 1000;
/** Names that stay in the input of the task; more of them become a list. */
const INLINE_LENGTH_MAX = 32 * 1024;
/** Refusals that the result tells whole. */
const TOLD_MAX = 10;
/** Channels that cannot be published to now are tried again so often, and so much later. */
const AGAIN_MAX = 120;
const AGAIN_MS = 500;
/** A list is kept for so long for a task that waits, and from the beginning of each attempt. */
const LIST_TASK_MS = 24 * HOUR_MS;

// Its key is the task's own.
const { idempotency_key: _, ...rest } = content;

const schema = z.strictObject({
  // A million names are not looked at one by one by a schema.
  channels: optional(z.custom<readonly string[]>(isNames, { error: 'must be an array of names' })),
  list: optional(text('In place of `channels`: one that was made with `broadcast_list`.').min(1)),
  parts: optional(z.int().min(1).max(PARTS_MAX).describe('How many parts the list has.')),
  once: flag('False: a channel may get it twice when a gateway is lost; that takes less memory.'),
  ...rest,
});

type Request = z.output<typeof schema>;

export interface BroadcastContext {
  readonly operations: Pick<Operations, 'broadcast'>;
  readonly lists: ChannelLists;
  readonly limits: Limits;
  /** What begins again knows to the channel where it was, as nothing else is lost with a gateway. */
  readonly isAlone: boolean;
}

export function broadcastTask(context: BroadcastContext): TaskDefinition {
  const listOf = (input: Json): string => check(NAME, schema, fieldsOfInput(input)).list ?? '';
  return {
    name: NAME,
    timeoutMs: HOUR_MS,
    prepare: (input, { delayMs }) => prepare(context, input, delayMs),
    run: (input, task) => new Broadcast(context, input, task).run(),
    ended(input) {
      const list = listOf(input);
      return list === '' ? undefined : context.lists.remove(list);
    },
    dropped(input) {
      const list = listOf(input);
      // Whoever made it may try again.
      return list.startsWith(OWN_LIST) ? context.lists.remove(list) : undefined;
    },
  };
}

async function prepare(
  { lists, limits }: BroadcastContext,
  input: unknown,
  delayMs: number,
): Promise<Json> {
  const given = fieldsOfInput(input);
  const request = check(NAME, schema, given);
  const fields: object = Object(given);
  dataOf(NAME, request);
  const { channels, list, parts } = request;
  if (list === undefined ? parts !== undefined : parts === undefined || channels !== undefined) {
    throw new Refusal('badRequest', 'broadcast has either channels, or a list and its parts');
  }
  if (list !== undefined) {
    await lists.count(list, parts ?? 0);
    await lists.keep(list, delayMs + LIST_TASK_MS);
    return inputOf(fields);
  }
  if (channels === undefined || channels.length === 0) {
    throw new Refusal('badRequest', 'broadcast.channels is missing');
  }
  if (channels.length > limits.broadcastChannels) {
    throw new Refusal('badRequest', `at most ${limits.broadcastChannels} channels`);
  }
  checkNames(channels.slice(0, PART), limits.channelNameLength);
  if (isShort(channels)) return inputOf(fields);
  const own = OWN_LIST + randomBytes(15).toString('base64url');
  let part = 0;
  for (let from = 0; from < channels.length; from += PART) {
    const names = channels.slice(from, from + PART);
    checkNames(names, limits.channelNameLength, from);
    await lists.put(own, part, names);
    part += 1;
    await nextTurn();
  }
  await lists.keep(own, delayMs + LIST_TASK_MS);
  return inputOf({ ...fields, channels: undefined, list: own, parts: part });
}

function isShort(channels: readonly string[]): boolean {
  if (channels.length > PART) return false;
  return channels.reduce((sum, name) => sum + name.length, 0) <= INLINE_LENGTH_MAX;
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

/** How far it is; what it tells as its progress. */
interface Place {
  /** Channels that it is done with. */
  readonly done: number;
  readonly total: number;
  readonly published: number;
  readonly refused: number;
  /** The next one: a part of the list, and a place in it. */
  readonly part: number;
  readonly at: number;
}

/** One attempt. */
class Broadcast {
  readonly #context: BroadcastContext;
  readonly #task: TaskContext;
  readonly #request: Request;
  readonly #data: Data;
  readonly #options: PublicationOptions;
  readonly #errors: unknown[] = [];
  #published = 0;
  #refused = 0;

  constructor(context: BroadcastContext, input: Json, task: TaskContext) {
    this.#context = context;
    this.#task = task;
    this.#request = check(NAME, schema, fieldsOfInput(input));
    this.#data = dataOf(NAME, this.#request);
    const idempotencyKey =
      context.isAlone || this.#request.once === false ? undefined : keyOf(task.id);
    this.#options = {
      ...optionsOf({ ...this.#request, idempotency_key: undefined }),
      idempotencyKey,
    };
  }

  async run(): Promise<unknown> {
    const { lists } = this.#context;
    const { list, parts = 1, channels = [] } = this.#request;
    if (list !== undefined) await lists.keep(list, LIST_TASK_MS);
    const total = list === undefined ? channels.length : await lists.count(list, parts);
    const last = this.#task.lastProgress;
    let place = isPlace(last) ? last : { ...BEGINNING, total };
    this.#published = place.published;
    this.#refused = place.refused;
    for (; place.part < parts; place = { ...place, part: place.part + 1, at: 0 }) {
      const names = list === undefined ? channels : await this.#read(list, place.part);
      for (let { at } = place; at < names.length; at += STEP) {
        const step = names.slice(at, at + STEP);
        await this.#publish(step);
        const counts = { published: this.#published, refused: this.#refused };
        place = { ...place, ...counts, done: place.done + step.length, at: at + step.length };
        this.#task.progress(place);
        await nextTurn();
      }
    }
    const { published, refused } = place;
    return { channels: total, published, refused, errors: this.#errors };
  }

  async #read(list: string, part: number): Promise<readonly string[]> {
    const names = await this.#context.lists.read(list, part);
    if (names === null)
      throw new Refusal('notAvailable', 'its list of channels is not kept any more');
    return names;
  }

  /** Whoever cannot be published to now is tried again. */
  async #publish(names: readonly string[]): Promise<void> {
    const { operations } = this.#context;
    let left = names;
    for (let times = 0; left.length > 0; times += 1) {
      this.#task.signal.throwIfAborted();
      if (times > AGAIN_MAX) throw new Refusal('internal', 'cannot publish now');
      if (times > 0) await sleep(AGAIN_MS, undefined, { signal: this.#task.signal });
      const outcomes = await operations.broadcast(left, this.#data, this.#options);
      left = left.filter((name, index) => this.#isToRepeat(name, outcomes[index]));
    }
  }

  #isToRepeat(channel: string, outcome: Outcome | undefined): boolean {
    if (outcome === undefined || 'position' in outcome) {
      this.#published += 1;
      return false;
    }
    const { entry, message } = outcome.refusal;
    if (entry.temporary) return true;
    this.#refused += 1;
    if (this.#errors.length < TOLD_MAX) {
      this.#errors.push({ channel, ...errorWire(entry, message) });
    }
    return false;
  }
}

const BEGINNING: Omit<Place, 'total'> = { done: 0, published: 0, refused: 0, part: 0, at: 0 };

function isPlace(value: unknown): value is Place {
  if (!isFields(value)) return false;
  return [...Object.keys(BEGINNING), 'total'].every((key) => typeof value[key] === 'number');
}
