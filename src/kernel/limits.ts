/** Every limit of the gateway: its default, the attack it answers, and what happens at it. */
import { assert } from './assert.ts';

export interface Limit {
  readonly default: number;
  /** The value with `--dev`, where it differs. */
  readonly dev?: number;
  readonly unit: 'bytes' | 'count' | 'ms' | 'per second' | 'characters' | 'levels';
  /** What the limit is of. */
  readonly means: string;
  /** What it protects from. */
  readonly answers: string;
  /** What the peer sees when it is crossed. */
  readonly outcome: string;
}

/** A rate of 0 is no limit. */
export const LIMITS = {
  messageBytes: {
    default: 64 * 1024,
    unit: 'bytes',
    means: 'one WebSocket message from a client',
    answers: 'a client that makes the gateway buffer and parse without end',
    outcome: 'close 1009',
  },
  framesPerSecond: {
    default: 200,
    dev: 0,
    unit: 'per second',
    means: 'WebSocket messages of one connection; twice as many in a burst',
    answers: 'a flood of tiny messages',
    outcome: 'close 3013',
  },
  commandsPerSecond: {
    default: 500,
    dev: 0,
    unit: 'per second',
    means: 'commands of one connection; twice as many in a burst',
    answers: 'a flood of commands packed into few messages',
    outcome: 'close 3013',
  },
  jsonDepth: {
    default: 64,
    unit: 'levels',
    means: 'nesting of arrays and objects in a message',
    answers: 'nesting that exhausts the stack of whoever walks the value',
    outcome: 'close 3501 (API: 400)',
  },
  channelNameLength: {
    default: 255,
    unit: 'characters',
    means: 'the name of a channel',
    answers: 'names that fill memory and logs',
    outcome: 'error 107',
  },
  channelsPerConnection: {
    default: 128,
    unit: 'count',
    means: 'subscriptions of one connection',
    answers: 'one client that subscribes to everything it can name',
    outcome: 'error 106; close 3505 when the server subscribes it',
  },
  mailboxMessages: {
    default: 1024,
    unit: 'count',
    means: 'commands of one connection that wait or run',
    answers: 'commands that come faster than a backend answers',
    outcome: 'close 3013',
  },
  mailboxBytes: {
    default: 1024 * 1024,
    unit: 'bytes',
    means: 'bytes of the commands of one connection that wait or run',
    answers: 'large commands that come faster than a backend answers',
    outcome: 'close 3013',
  },
  rpcConcurrency: {
    default: 8,
    unit: 'count',
    means: 'rpc commands of one connection that run at once; more wait in the mailbox',
    answers: 'one client that takes all of the backend',
    outcome: 'the command waits',
  },
  outboxBytes: {
    default: 1024 * 1024,
    unit: 'bytes',
    means: 'bytes written to one connection that its socket has not taken yet',
    answers: 'a client that reads slower than its channels speak',
    outcome: "the channel's slowConsumer rule; close 3008 for anything else",
  },
  flushBytes: {
    default: 64 * 1024,
    unit: 'bytes',
    means: 'publications of one channel that gather within one turn',
    answers: 'a publisher that fills memory before the turn ends',
    outcome: 'the channel is flushed at once',
  },
  connections: {
    default: 100_000,
    unit: 'count',
    means: 'connections of one gateway',
    answers: 'a crowd that takes all file descriptors and memory',
    outcome: 'HTTP 503 on upgrade',
  },
  connectionsPerUser: {
    default: 0,
    unit: 'count',
    means: 'connections of one user on all gateways that share a Redis; 0 is no limit',
    answers: 'one account that takes all connections',
    outcome:
      'close 3504; if a gateway that has some of them may be dead, too many requests (111), which ' +
      'is temporary',
  },
  connectTimeoutMs: {
    default: 10_000,
    unit: 'ms',
    means: 'time from the upgrade to an accepted connect command',
    answers: 'sockets that are opened and never speak',
    outcome: 'close 3502',
  },
  presenceMembers: {
    default: 10_000,
    unit: 'count',
    means: 'members in one answer to presence; presence_stats still counts more',
    answers: 'answers that grow with the crowd of a channel',
    outcome: 'error 106',
  },
  historyPublications: {
    default: 300,
    unit: 'count',
    means: 'publications in one answer to history, or in one recovery',
    answers: 'answers as large as the whole stream',
    outcome: 'history is cut to it; a recovery over it is not recovered',
  },
  idempotencyKeys: {
    default: 100_000,
    unit: 'count',
    means: 'idempotency keys remembered at once in this process',
    answers: 'keys that fill memory faster than they expire',
    outcome: 'the oldest key is forgotten early, and counted',
  },
  streams: {
    default: 1_000_000,
    unit: 'count',
    means: 'channels with history held in this process',
    answers: 'channel names made up without end',
    outcome: 'error 106 (API: 429) for a publication to one more',
  },
  tasksWaiting: {
    default: 10_000,
    unit: 'count',
    means: 'tasks of one name that wait, for a worker or for their time',
    answers: 'work that is handed in faster than it is done',
    outcome: 'error 111 (API: 429)',
  },
  taskInputBytes: {
    default: 256 * 1024,
    unit: 'bytes',
    means: 'the input of one task',
    answers: 'inputs that fill the store of tasks',
    outcome: 'error 107 (API: 400)',
  },
  taskResultBytes: {
    default: 64 * 1024,
    unit: 'bytes',
    means: 'the result of one task',
    answers: 'results that fill the store of tasks',
    outcome: 'the task fails',
  },
  taskProgressBytes: {
    default: 4096,
    unit: 'bytes',
    means: 'the progress that a task tells of at once',
    answers: 'a handler that tells all it does',
    outcome: 'the attempt fails',
  },
  taskResults: {
    default: 10_000,
    unit: 'count',
    means: 'results that are kept of the tasks of one name',
    answers: 'tasks that end faster than their results are forgotten',
    outcome: 'the oldest is forgotten early, and counted',
  },
  taskStoreBytes: {
    default: 256 * 1024 * 1024,
    unit: 'bytes',
    means: 'inputs and results of all tasks, where they are in this process',
    answers: 'large tasks, few enough to pass the other limits',
    outcome: 'the oldest results are forgotten early, and counted; then error 111 (API: 429)',
  },
  taskDelayMs: {
    default: 365 * 86_400_000,
    unit: 'ms',
    means: 'how far off the time of a task may be',
    answers: 'tasks that nobody lives to see',
    outcome: 'error 107 (API: 400)',
  },
  taskTimeoutMs: {
    default: 86_400_000,
    unit: 'ms',
    means: 'the time that may be asked for one attempt',
    answers: 'tasks that hold a worker for good',
    outcome: 'error 107 (API: 400)',
  },
  taskAttempts: {
    default: 100,
    unit: 'count',
    means: 'the attempts that may be asked for',
    answers: 'tasks that fail again and again',
    outcome: 'error 107 (API: 400)',
  },
  taskLosses: {
    default: 5,
    unit: 'count',
    means: 'how often a task may lose the gateway that runs it',
    answers: 'a task that ends every process that runs it',
    outcome: 'the task fails',
  },
  broadcastChannels: {
    default: 1_000_000,
    unit: 'count',
    means: 'channels of one broadcast task',
    answers: 'lists of channels without end',
    outcome: 'error 107 (API: 400)',
  },
  broadcastListBytes: {
    default: 64 * 1024 * 1024,
    unit: 'bytes',
    means: 'the names in one list of channels',
    answers: 'lists of long names',
    outcome: 'error 107 (API: 400)',
  },
  broadcastLists: {
    default: 16,
    unit: 'count',
    means: 'lists of channels that are kept at once, for tasks that wait and tasks to come',
    answers: 'lists that are handed in and never used',
    outcome: 'error 111 (API: 429)',
  },
  archiveBufferPublications: {
    default: 100_000,
    unit: 'count',
    means: 'publications that wait to be written to the archive',
    answers: 'a database that is away, or slower than what is published',
    outcome: 'error 100 (API: 503) for a publication to an archived channel',
  },
  archiveBufferBytes: {
    default: 64 * 1024 * 1024,
    unit: 'bytes',
    means: 'bytes of the publications that wait to be written to the archive',
    answers: 'large publications while the database is away',
    outcome: 'error 100 (API: 503) for a publication to an archived channel',
  },
  archivePublications: {
    default: 1000,
    unit: 'count',
    means: 'publications in one answer of the archive',
    answers: 'answers as large as the whole archive',
    outcome: 'the answer is cut to it, and has a cursor to go on from',
  },
  archiveAnswerBytes: {
    default: 4 * 1024 * 1024,
    unit: 'bytes',
    means: 'bytes of one answer of the archive; one publication there may always be',
    answers: 'large publications in large answers, which hold up all others',
    outcome: 'the answer is cut to it, and has a cursor to go on from',
  },
  archiveReads: {
    default: 64,
    unit: 'count',
    means: 'reads of the archive that run, or wait for a connection',
    answers: 'reads that come faster than the database answers',
    outcome: 'error 111 (API: 429); a recovery is not recovered',
  },
  eventsWaiting: {
    default: 100_000,
    unit: 'count',
    means: 'events that wait for the backend',
    answers: 'a backend that is away, or slower than clients come and go',
    outcome: 'further ones are dropped, and the backend is told how many; then all is told anew',
  },
  eventsPending: {
    default: 10_000,
    unit: 'count',
    means: 'events of one gateway that wait for Redis',
    answers: 'a Redis that is away',
    outcome: 'further ones are dropped, and told as above; then its connections are told anew',
  },
  apiBodyBytes: {
    default: 1024 * 1024,
    unit: 'bytes',
    means: 'the body of one HTTP request',
    answers: 'a request that makes the gateway buffer without end',
    outcome: 'HTTP 413',
  },
  apiConcurrency: {
    default: 1024,
    unit: 'count',
    means: 'HTTP requests that are handled at once',
    answers: 'requests that come faster than they are answered',
    outcome: 'HTTP 429',
  },
  requestHeadBytes: {
    default: 4096,
    unit: 'bytes',
    means: 'the head of one HTTP request or upgrade',
    answers: 'header floods',
    outcome: 'HTTP 431',
  },
  endpointTimeoutMs: {
    default: 1000,
    unit: 'ms',
    means: 'one call of an endpoint of the backend, with all waiting and all attempts',
    answers: 'a backend that answers slowly, or never',
    outcome: 'error 100',
  },
  endpointConcurrency: {
    default: 64,
    unit: 'count',
    means: 'calls of one endpoint under way at once, and connections to it',
    answers: 'a crowd that the backend has to bear all at once',
    outcome: 'the call waits',
  },
  endpointQueue: {
    default: 1024,
    unit: 'count',
    means: 'calls of one endpoint that wait for others to end',
    answers: 'calls that come faster than they are answered',
    outcome: 'error 100',
  },
  endpointAnswerBytes: {
    default: 1024 * 1024,
    unit: 'bytes',
    means: 'the answer of an endpoint',
    answers: 'an answer without an end',
    outcome: 'error 100',
  },
  cacheEntries: {
    default: 10_000,
    unit: 'count',
    means: 'values of the cache in this process; Redis has limits of its own',
    answers: 'keys made up without end',
    outcome: 'what was not read for the longest time is computed again',
  },
  cacheBytes: {
    default: 64 * 1024 * 1024,
    unit: 'bytes',
    means: 'all keys and values of the cache in this process',
    answers: 'values that fill memory',
    outcome: 'what was not read for the longest time is computed again',
  },
  cacheValueBytes: {
    default: 1024 * 1024,
    unit: 'bytes',
    means: 'one value of the cache, with its key',
    answers: 'one value that takes the place of all others',
    outcome: 'it is not kept, and computed each time',
  },
  cacheComputeMs: {
    default: 30_000,
    unit: 'ms',
    means: 'the computation of one value for all that wait for it',
    answers: 'a computation that never ends, with ever more that wait',
    outcome: 'those that wait are told, and the next computes anew',
  },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof LIMITS;

/** The value of every limit for one gateway. */
export type Limits = Readonly<Record<LimitName, number>>;

/** The defaults, with some set. */
export function limits(set: Partial<Limits> = {}, dev = false): Limits {
  const values: Partial<Record<LimitName, number>> = {};
  for (const name of LIMIT_NAMES) {
    const limit: Limit = LIMITS[name];
    values[name] = set[name] ?? (dev ? (limit.dev ?? limit.default) : limit.default);
  }
  assert(isWhole(values), 'every limit has a value');
  return values;
}

function isWhole(values: Partial<Record<LimitName, number>>): values is Limits {
  return LIMIT_NAMES.every((name) => values[name] !== undefined);
}

function isLimitName(name: string): name is LimitName {
  return Object.hasOwn(LIMITS, name);
}

export const LIMIT_NAMES: readonly LimitName[] = Object.keys(LIMITS).filter(isLimitName);
