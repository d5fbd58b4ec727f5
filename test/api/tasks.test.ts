/** Tasks as a backend hands them in, and those that the gateway brings. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { broadcastTask } from '../../src/api/builtin/broadcast.ts';
import type { Callee } from '../../src/api/builtin/call.ts';
import { callTask } from '../../src/api/builtin/call.ts';
import { publishTask } from '../../src/api/builtin/publish.ts';
import type { EnqueueOptions } from '../../src/api/tasks.ts';
import type { Broker } from '../../src/broker/broker.ts';
import type { MemoryBroker } from '../../src/broker/memory.ts';
import { Json } from '../../src/kernel/data.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { Task } from '../../src/tasks/tasks.ts';
import { isOver } from '../../src/tasks/tasks.ts';
import type { Stage, StageOptions } from './stage.ts';
import { stage } from './stage.ts';

interface Set extends StageOptions {
  readonly callee?: Callee | null;
  readonly isAlone?: boolean;
}

interface Board extends Stage {
  /** Hands it in, and waits until it is over. */
  readonly done: (name: string, input?: unknown, options?: EnqueueOptions) => Promise<Task>;
  /** How many publications the history of a channel has. */
  readonly kept: (channel: string) => Promise<readonly unknown[]>;
}

/** With the tasks that a gateway brings. */
function board({ callee = null, isAlone = true, ...set }: Set = {}): Board {
  const staged = stage(set);
  const { operations, clock, lists } = staged;
  const bounds = limits(set.limits);
  operations.tasks.define(publishTask(operations));
  operations.tasks.define(broadcastTask({ operations, lists, limits: bounds, isAlone }));
  operations.tasks.define(callTask(operations, callee));
  return {
    ...staged,
    async done(name, input, options) {
      const id = await operations.tasks.enqueue(name, input, options);
      return vi.waitFor(
        async () => {
          clock.advance(250);
          const task = await operations.tasks.find(id);
          expect(isOver(task)).toBe(true);
          return task;
        },
        { timeout: 5000, interval: 2 },
      );
    },
    async kept(channel) {
      const { publications } = await operations.history(channel, { limit: -1 });
      return publications.map(({ data }) => (data as Json).value());
    },
  };
}

/** A broker whose publications pass the test first. */
function withPublish(broker: MemoryBroker, publish: Broker['publish']): Broker {
  return {
    publish,
    listen: (channel) => broker.listen(channel),
    unlisten: (channel) => broker.unlisten(channel),
    notify: (...said) => broker.notify(...said),
    read: (...asked) => broker.read(...asked),
    history: (...asked) => broker.history(...asked),
    removeHistory: (channel) => broker.removeHistory(channel),
    close: () => broker.close(),
  };
}

async function refusal(act: Promise<unknown>): Promise<string> {
  try {
    await act;
  } catch (error) {
    if (error instanceof Refusal) return `${error.entry.code} ${error.message}`;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a task of a program', () => {
  test('has a name that fits into keys, and is brought once', () => {
    const { operations } = board();
    for (const name of ['', '1st', 'a.b', 'a:b', 'a b', 'x'.repeat(65), '../x']) {
      expect(() => operations.tasks.task(name, () => 1)).toThrow('is no name for a task');
    }
    operations.tasks.task('mine', () => 1);
    expect(() => operations.tasks.task('mine', () => 1)).toThrow('there is a task mine already');
    expect(() => operations.tasks.task('publish', () => 1)).toThrow('already');
    expect(() => operations.tasks.task('other', () => 1, { concurrency: -1 })).toThrow('whole');
    expect(() => operations.tasks.task('other', () => 1, { timeout: 'soon' })).toThrow('timeout');
    expect(() => operations.tasks.task('other', () => 1, { attempts: 0 })).toThrow('attempts');
  });

  test('says how often and how long it is tried, unless who hands it in does', async () => {
    const { operations, done } = board();
    const fails = (): never => {
      throw new Error('no');
    };
    operations.tasks.task('twice', fails, { attempts: 2 });
    operations.tasks.task('usual', fails);
    operations.tasks.task('hangs', (_input, { signal }) => once(signal, 'abort'), {
      timeout: '2s',
      attempts: 1,
    });
    expect(await done('twice')).toMatchObject({ state: 'failed', attempts: 2 });
    expect(await done('twice', null, { attempts: 1 })).toMatchObject({ attempts: 1 });
    expect(await done('usual')).toMatchObject({ attempts: 3 });
    expect((await done('hangs')).error?.message).toBe('internal error: no end within 2000 ms');
    expect((await done('hangs', null, { timeout: 700 })).error?.message).toContain('700 ms');
  });

  test('gets the value that was handed in', async () => {
    const { operations, done, call } = board();
    operations.tasks.task('echo', (input) => input);
    const value = { a: [1, 'x', null], b: { c: true } };
    expect((await done('echo', value)).result?.value()).toEqual(value);
    expect((await done('echo')).result?.value()).toBeNull();
    const { json } = await call('enqueue', '{"name":"echo","input": {"n":1.0} }');
    const { id } = json['result'] as { id: string };
    await vi.waitFor(async () =>
      expect((await call('task', { id })).json['result']).toMatchObject({ result: { n: 1 } }),
    );
  });
});

describe('to hand in a task', () => {
  test.each<[EnqueueOptions, string]>([
    [{ delay: 1, at: 1e12 }, '107 bad request: delay and at are two words for one thing'],
    [{ delay: 'soon' }, "107 bad request: delay is milliseconds, or a text such as '30s'"],
    [{ delay: -1 }, "107 bad request: delay is milliseconds, or a text such as '30s'"],
    [{ delay: '366d' }, '107 bad request: its time is more than 31536000000 ms off'],
    [{ at: 1_800_000_000 }, '107 bad request: at is milliseconds since 1970'],
    [{ at: 'tomorrow' }, '107 bad request: at is milliseconds since 1970'],
    [{ at: new Date('9999-01-01') }, '107 bad request: its time is more than'],
    [{ attempts: 0 }, '107 bad request: attempts are from 1 to 100'],
    [{ attempts: 101 }, '107 bad request: attempts are from 1 to 100'],
    [{ attempts: 1.5 }, '107 bad request: attempts are from 1 to 100'],
    [{ timeout: 0 }, '107 bad request: timeout is from 1 to 86400000 ms'],
    [{ timeout: '25h' }, '107 bad request: timeout is from 1 to 86400000 ms'],
    [{ notify: 'nowhere:x' }, '102 unknown channel'],
    [{ notify: 'a\u0000' }, '107 bad request: a channel name has'],
    [{ idempotencyKey: 'x'.repeat(256) }, '107 bad request: idempotency_key has more than 255'],
  ])('%j is refused: %s', async (options, words) => {
    const { operations } = board();
    operations.tasks.task('work', () => 1);
    expect(await refusal(operations.tasks.enqueue('work', null, options))).toContain(words);
  });

  test('takes a time in any form', async () => {
    const { operations, clock } = board();
    operations.tasks.task('work', () => 1);
    const inAMinute = clock.now() + 60_000;
    const forms: EnqueueOptions[] = [
      { delay: '1m' },
      { delay: 60_000 },
      { at: inAMinute },
      { at: new Date(inAMinute) },
      { at: new Date(inAMinute).toISOString() },
    ];
    for (const form of forms) {
      const task = await operations.tasks.find(await operations.tasks.enqueue('work', null, form));
      expect(task).toMatchObject({ state: 'delayed', dueAtMs: inAMinute });
    }
    const past = await operations.tasks.enqueue('work', null, { at: '2001-01-01T00:00:00Z' });
    expect((await operations.tasks.find(past)).dueAtMs).toBe(clock.now());
  });

  test('of an unknown name is refused with those that are known', async () => {
    const { operations } = board();
    expect(await refusal(operations.tasks.enqueue('resize'))).toBe(
      '114 unknown task: "resize" is none of publish, broadcast, call',
    );
    expect(await refusal(operations.tasks.enqueue('x'.repeat(500)))).toContain(
      `"${'x'.repeat(100)}" is`,
    );
  });

  test('with a key is the same task each time, and no other', async () => {
    const { operations } = board();
    operations.tasks.task('work', () => 1);
    operations.tasks.task('play', () => 1);
    const key = { idempotencyKey: 'k' };
    const id = await operations.tasks.enqueue('work', { a: 1 }, key);
    expect(await operations.tasks.enqueue('work', { a: 1 }, key)).toBe(id);
    expect(await refusal(operations.tasks.enqueue('work', { a: 2 }, key))).toContain(
      '113 conflict',
    );
    expect(await operations.tasks.enqueue('play', { a: 2 }, key)).not.toBe(id);
    expect(await operations.tasks.enqueue('work', { a: 1 })).not.toBe(id);
  });

  test('over HTTP is checked, and answered with a status', async () => {
    const { call, operations } = board();
    operations.tasks.task('work', () => 1);
    const said = async (name: string, body: unknown): Promise<unknown> => {
      const { status, json } = await call(name, body);
      return [status, (json['error'] as { message: string } | undefined)?.message];
    };
    expect(await said('enqueue', {})).toEqual([400, 'bad request: enqueue.name is missing']);
    expect(await said('enqueue', { name: 'work', delay: 'x' })).toEqual([
      400,
      "bad request: enqueue.delay must be milliseconds, or a text such as '500ms', '30s' or '5m'",
    ]);
    expect(await said('enqueue', { name: 'work', at: [] })).toEqual([
      400,
      'bad request: enqueue.at must be milliseconds since 1970, or an ISO text',
    ]);
    expect(await said('enqueue', { name: 'work', why: 1 })).toEqual([
      400,
      'bad request: enqueue has no field "why"',
    ]);
    expect((await call('enqueue', { name: 'play' })).status).toBe(404);
    expect(await said('task', { id: 'work.nothing' })).toEqual([
      404,
      'unknown task: "work.nothing" is not known, or not kept any more',
    ]);
    expect((await call('cancel_task', { id: 'x' })).status).toBe(404);
    expect(await said('task', {})).toEqual([400, 'bad request: task.id is missing']);
    expect((await call('enqueue', { name: 'work', input: 'x'.repeat(300_000) })).status).toBe(400);
  });

  test('goes in a batch, too', async () => {
    const { call, operations } = board();
    operations.tasks.task('work', () => 1);
    const { json } = await call('batch', {
      commands: [
        { enqueue: { name: 'work', input: { a: 1 }, delay: '1h', idempotency_key: 'b' } },
        { enqueue: { name: 'play' } },
      ],
    });
    const [first, second] = json['replies'] as Record<string, { id: string }>[];
    const id = first!['enqueue']!.id;
    expect(second).toMatchObject({ error: { code: 114 } });
    const answer = await call('batch', { commands: [{ task: { id } }, { cancel_task: { id } }] });
    expect(answer.json['replies']).toMatchObject([
      { task: { id, state: 'delayed' } },
      { cancel_task: { id, state: 'cancelled' } },
    ]);
  });

  test('is described in full', async () => {
    const { call, operations, clock } = board();
    operations.tasks.task('work', (_input, { progress }) => {
      progress({ done: 1 });
      throw new Refusal('badRequest', 'no');
    });
    const { json } = await call('enqueue', { name: 'work', timeout: '5s' });
    const { id } = json['result'] as { id: string };
    await vi.waitFor(async () =>
      expect((await call('task', { id })).json['result']).toEqual({
        id,
        name: 'work',
        state: 'failed',
        progress: { done: 1 },
        error: { code: 107, message: 'bad request: no' },
        attempts: 1,
        attempts_max: 3,
        enqueued_at: clock.now(),
        due_at: clock.now(),
        started_at: clock.now(),
        finished_at: clock.now(),
      }),
    );
  });
});

describe('the task publish', () => {
  test('publishes when it is time, once, and as it was written', async () => {
    const { operations, clock, kept, call } = board();
    const body =
      '{"name":"publish","input":{"channel":"news","data":{"n":1.0},"event":"said"},"delay":"10s"}';
    const { json } = await call('enqueue', body);
    const { id } = json['result'] as { id: string };
    clock.advance(9000);
    expect(await kept('news')).toEqual([]);
    clock.advance(2000);
    await vi.waitFor(async () => expect(await kept('news')).toEqual([{ n: 1 }]));
    const { publications, offset, epoch } = await operations.history('news', { limit: -1 });
    expect(publications[0]).toMatchObject({ event: 'said', data: new Json('{"n":1.0}') });
    expect((await call('task', { id })).json['result']).toMatchObject({
      result: { offset, epoch },
    });
    // As if it was run once more.
    const again = { idempotencyKey: `task:${id}`, event: 'said' };
    await operations.publish('news', new Json('{"n":1.0}'), again);
    expect(await kept('news')).toHaveLength(1);
  });

  test('of a program takes values and bytes', async () => {
    const { done, operations } = board();
    await done('publish', { channel: 'news', data: { a: 1 }, tags: { t: 'x' } });
    await done('publish', { channel: 'news', data: Uint8Array.of(1, 2, 255) });
    await done('publish', { channel: 'news', data: new Json('[1.0]') });
    const { publications } = await operations.history('news', { limit: -1 });
    expect(publications.map(({ data }) => data)).toEqual([
      new Json('{"a":1}'),
      Uint8Array.of(1, 2, 255),
      new Json('[1.0]'),
    ]);
    expect(publications[0]?.tags).toMatchObject({ t: 'x' });
  });

  test.each([
    [{ data: 1 }, '107 bad request: publish.channel is missing'],
    [{ channel: 'news' }, '107 bad request: publish.data is missing'],
    [{ channel: 'nowhere:x', data: 1 }, '102 unknown channel'],
    [{ channel: 'checked:x', data: 1 }, '107 bad request: data must be string'],
    [{ channel: 'news', data: 1, more: 1 }, '107 bad request: publish has no field "more"'],
    ['news', '107 bad request: publish must be an object'],
  ])('with %j is refused at once: %s', async (input, words) => {
    const { operations } = board();
    expect(await refusal(operations.tasks.enqueue('publish', input))).toBe(words);
    const asText = new Json(JSON.stringify(input));
    expect(await refusal(operations.tasks.enqueue('publish', asText))).toBe(words);
  });
});

describe('the task broadcast', () => {
  const names = (count: number, prefix = 'room'): string[] =>
    Array.from({ length: count }, (_, n) => `${prefix}${n}`);

  test('publishes to all its channels, and says what became of them', async () => {
    const { done, kept } = board();
    const channels = [...names(3), 'nowhere:x', 'checked:y'];
    const task = await done('broadcast', { channels, data: { hi: 1 } });
    expect(task.state).toBe('completed');
    expect(task.result?.value()).toEqual({
      channels: 5,
      published: 3,
      refused: 2,
      errors: [
        { channel: 'nowhere:x', code: 102, message: 'unknown channel' },
        { channel: 'checked:y', code: 107, message: 'bad request: data must be string' },
      ],
    });
    expect(task.progress?.value()).toMatchObject({ done: 5, total: 5 });
    for (const name of names(3)) expect(await kept(name)).toEqual([{ hi: 1 }]);
  });

  test('takes more channels than fit into its input, and leaves no list behind', async () => {
    const { done, kept, lists } = board();
    const channels = names(3500);
    const task = await done('broadcast', { channels, data: 1 });
    expect(task.result?.value()).toMatchObject({ channels: 3500, published: 3500, refused: 0 });
    for (const name of ['room0', 'room999', 'room1000', 'room3499']) {
      expect(await kept(name)).toEqual([1]);
    }
    expect(lists.size).toBe(0);
  });

  test('goes on where the attempt before it ended', async () => {
    let calls = 0;
    let isLate = (): void => {};
    const counting = (broker: MemoryBroker): Broker =>
      withPublish(broker, (...said) => {
        calls += 1;
        if (calls === 1300) setImmediate(() => isLate());
        return broker.publish(...said);
      });
    const { operations, clock, done, kept } = board({ broker: counting });
    isLate = () => clock.advance(10_000);
    await operations.tasks.putChannels('all', 1, names(700, 'b'));
    await operations.tasks.putChannels('all', 0, names(1200, 'a'));
    const task = await done('broadcast', { list: 'all', parts: 2, data: 1 }, { timeout: '10s' });
    expect(task).toMatchObject({ state: 'completed', attempts: 2 });
    expect(task.result?.value()).toMatchObject({ channels: 1900, published: 1900 });
    expect(calls).toBe(1900);
    for (const name of ['a0', 'a499', 'a500', 'a1199', 'b0', 'b99', 'b100', 'b699']) {
      expect(await kept(name)).toEqual([1]);
    }
  });

  test('tries again where it cannot publish for now', async () => {
    let refusals = 3;
    const published: string[] = [];
    const away = (broker: MemoryBroker): Broker =>
      withPublish(broker, (channel, ...said) => {
        if (channel === 'room1' && refusals > 0) {
          refusals -= 1;
          throw new Refusal('internal', 'try again');
        }
        published.push(channel);
        return broker.publish(channel, ...said);
      });
    const { done } = board({ broker: away });
    const task = await done('broadcast', { channels: names(3), data: 1 });
    expect(task).toMatchObject({ state: 'completed', attempts: 1 });
    expect(task.result?.value()).toMatchObject({ published: 3, refused: 0 });
    expect(refusals).toBe(0);
    expect(published).toEqual(['room0', 'room2', 'room1']);
  });

  test('is kept by its key from publishing twice, where others share the channels', async () => {
    const { operations, done, kept } = board({ isAlone: false });
    const task = await done('broadcast', { channels: names(3), data: 1 });
    const key = { idempotencyKey: `task:${task.id}` };
    await operations.broadcast(names(3), 1, key);
    expect(await kept('room2')).toEqual([1]);
    const twice = await done('broadcast', { channels: names(3), data: 1, once: false });
    await operations.broadcast(names(3), 1, { idempotencyKey: `task:${twice.id}` });
    expect(await kept('room2')).toEqual([1, 1, 1]);
  });

  test.each([
    [{ data: 1 }, 'broadcast.channels is missing'],
    [{ channels: [], data: 1 }, 'broadcast.channels is missing'],
    [{ channels: ['a'] }, 'broadcast.data is missing'],
    [{ channels: 'a', data: 1 }, 'broadcast.channels must be an array of names'],
    [{ channels: ['a', 1], data: 1 }, 'broadcast.channels must be an array of names'],
    [{ channels: ['a', ''], data: 1 }, 'channels[1]: bad request: a channel name has'],
    [{ channels: ['a', 'b\n'], data: 1 }, 'channels[1]: bad request: a channel name has'],
    [{ channels: ['a'], list: 'l', parts: 1, data: 1 }, 'either channels, or a list'],
    [{ channels: ['a'], parts: 1, data: 1 }, 'either channels, or a list'],
    [{ list: 'l', data: 1 }, 'either channels, or a list'],
    [{ list: 'l', parts: 2, data: 1 }, 'part 0 of the list "l" is missing'],
    [{ channels: ['a'], data: 1, idempotency_key: 'k' }, 'has no field "idempotency_key"'],
  ])('with %j is refused at once: %s', async (input, words) => {
    const { operations } = board();
    expect(await refusal(operations.tasks.enqueue('broadcast', input))).toContain(words);
  });

  test('that is refused takes its own list back, and leaves that of others', async () => {
    const { operations, lists } = board({ limits: { tasksWaiting: 1 } });
    await operations.tasks.putChannels('theirs', 0, names(2));
    const later = { delay: '1h' };
    await operations.tasks.enqueue('broadcast', { channels: ['a'], data: 1 }, later);
    expect(lists.size).toBe(1);
    const many = { channels: names(2000), data: 1 };
    expect(await refusal(operations.tasks.enqueue('broadcast', many, later))).toContain('111');
    const theirs = { list: 'theirs', parts: 1, data: 1 };
    expect(await refusal(operations.tasks.enqueue('broadcast', theirs, later))).toContain('111');
    expect(lists.size).toBe(1);
    expect(lists.read('theirs', 0)).toEqual(names(2));
  });

  test('with a key prepares one list, however often it is handed in', async () => {
    const { operations, lists } = board();
    const key = { idempotencyKey: 'k', delay: '1h' };
    const input = { channels: names(2000), data: 1 };
    const id = await operations.tasks.enqueue('broadcast', input, key);
    expect(await operations.tasks.enqueue('broadcast', input, key)).toBe(id);
    expect(lists.size).toBe(1);
    const other = { ...input, data: 2 };
    expect(await refusal(operations.tasks.enqueue('broadcast', other, key))).toContain('113');
    expect(lists.size).toBe(1);
    await operations.tasks.cancel(id);
    expect(lists.size).toBe(0);
  });

  test('lists are handed in over HTTP in parts, in any order and more than once', async () => {
    const { call, lists } = board();
    const put = async (part: number, channels: readonly string[]): Promise<unknown> =>
      (await call('broadcast_list', { list: 'crowd', part, channels })).json['result'];
    expect(await put(1, ['c', 'd', 'e'])).toEqual({ channels: 3 });
    expect(await put(0, ['a', 'b'])).toEqual({ channels: 5 });
    expect(await put(1, ['c', 'd'])).toEqual({ channels: 4 });
    expect(lists.size).toBe(1);
    expect(lists.read('crowd', 1)).toEqual(['c', 'd']);
    const wrong = await call('broadcast_list', { list: '~x', part: 0, channels: ['a'] });
    expect(wrong.status).toBe(400);
    const malformed = await call('broadcast_list', { list: 'x', part: 0, channels: ['a', '\n'] });
    expect(malformed.json['error']).toMatchObject({
      message: expect.stringContaining('channels[1]') as unknown,
    });
  });
});

describe('the task call', () => {
  /** A backend over real HTTP, and what it was asked. */
  async function backend(
    answer: (request: IncomingMessage, response: ServerResponse) => void,
  ): Promise<{ callee: Callee; asked: unknown[] }> {
    const server = createServer(answer);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => server.close().closeAllConnections());
    const { port } = server.address() as AddressInfo;
    const asked: unknown[] = [];
    return {
      asked,
      callee: {
        has: (endpoint) => endpoint === 'render',
        async call(endpoint, body, signal) {
          asked.push([endpoint, body]);
          const init = { method: 'POST', body: JSON.stringify(body), signal };
          const response = await fetch(`http://127.0.0.1:${port}/${endpoint}`, init);
          if (!response.ok) throw new Error(`the backend answered ${response.status}`);
          return response.json();
        },
      },
    };
  }

  test('asks the backend, keeps the answer and publishes it', async () => {
    const { callee, asked } = await backend((request, response) => {
      request.resume();
      response.end('{"url":"/x.png"}');
    });
    const { done, kept } = board({ callee });
    const input = { endpoint: 'render', body: { id: 7 }, channel: 'pictures' };
    const task = await done('call', input);
    expect(task.result?.value()).toEqual({ url: '/x.png' });
    expect(asked).toEqual([['render', { id: 7 }]]);
    expect(await kept('pictures')).toEqual([{ url: '/x.png' }]);
    const quiet = await done('call', { endpoint: 'render' });
    expect(quiet.result?.value()).toEqual({ url: '/x.png' });
  });

  test('is tried again when the backend fails', async () => {
    let times = 0;
    const { callee, asked } = await backend((_request, response) => {
      times += 1;
      response.statusCode = times < 3 ? 500 : 200;
      response.end('true');
    });
    const { done } = board({ callee });
    expect(await done('call', { endpoint: 'render' })).toMatchObject({ attempts: 3 });
    expect(asked).toHaveLength(3);
  });

  test('lets the backend go when its time is over', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { callee } = await backend((request) => request.on('close', () => resolve()));
    const { done } = board({ callee });
    const task = await done('call', { endpoint: 'render' }, { timeout: '1s', attempts: 1 });
    expect(task.error?.message).toContain('no end within 1000 ms');
    await promise;
  });

  test('is refused where there is nothing to call, and where nobody could hear', async () => {
    const { operations } = board();
    const input = { endpoint: 'render' };
    expect(await refusal(operations.tasks.enqueue('call', input))).toBe(
      '108 not available: no endpoints are configured to call',
    );
    const { callee } = await backend(() => {});
    const other = board({ callee });
    expect(await refusal(other.operations.tasks.enqueue('call', { endpoint: 'else' }))).toBe(
      '108 not available: no endpoint is called "else"',
    );
    const words = await refusal(
      other.operations.tasks.enqueue('call', { ...input, channel: 'nowhere:x' }),
    );
    expect(words).toBe('102 unknown channel');
    expect(await refusal(other.operations.tasks.enqueue('call', {}))).toContain(
      'call.endpoint is missing',
    );
  });
});
