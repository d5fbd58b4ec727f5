/** Endpoints against a real HTTP server: what is sent, what is kept to, and what goes wrong. */
import { setTimeout as later } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { EndpointSettings } from '../../src/hooks/endpoint.ts';
import type { AskReply } from '../../src/hooks/endpoints.ts';
import { Endpoints } from '../../src/hooks/endpoints.ts';
import { EndpointError } from '../../src/hooks/failure.ts';
import { verifySignature } from '../../src/hooks/signature.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { Json } from '../../src/kernel/data.ts';
import { ThrottledLog } from '../../src/kernel/log.ts';
import { Meters } from '../../src/kernel/meters.ts';
import { ManualClock } from '../support/clock.ts';
import { nowhere } from '../cli/sluice.ts';
import { KeptLog } from '../support/log.ts';
import { Backend, BAD, answering, saying, mute } from './backend.ts';

const QUICKLY = { timeout: 10_000, interval: 5 };

interface Rig {
  readonly endpoints: Endpoints;
  readonly meters: Meters;
  readonly log: KeptLog;
  readonly gauge: (name: string) => number;
  /** Outcomes that were counted, by name. */
  readonly outcomes: () => Readonly<Record<string, number>>;
}

type Given = Partial<EndpointSettings> & { readonly url: string };

function rig(given: Given, clock: Clock = systemClock, others: readonly Given[] = []): Rig {
  const meters = new Meters();
  const log = new KeptLog();
  const settings = [given, ...others].map((one) => ({
    name: 'default',
    timeoutMs: 5000,
    concurrency: 8,
    queue: 8,
    retries: 2,
    answerBytes: 100_000,
    headers: {},
    secret: null,
    ...one,
  }));
  const endpoints = new Endpoints(settings, {
    clock,
    random: () => 0,
    log,
    throttled: new ThrottledLog(log, () => clock.now()),
    version: 'test',
    meters,
  });
  onTestFinished(() => endpoints.close());
  const gauge = (name: string): number => {
    const found = [...meters.gauges()].find((one) => one.name === `endpoint_${name}`);
    return new Map(found?.read()).get('default') ?? -1;
  };
  const outcomes = (): Record<string, number> => {
    const found = [...meters.counters()].find(({ name }) => name === 'endpoint_outcomes');
    return Object.fromEntries(found?.values ?? []);
  };
  return { endpoints, meters, log, gauge, outcomes };
}

/** The kind of the failure, or what was answered. */
async function outcome(asked: Promise<unknown>): Promise<unknown> {
  try {
    return { answer: await asked };
  } catch (error) {
    if (error instanceof EndpointError) return error.kind;
    throw error;
  }
}

/** Nothing is left of any call. */
async function isIdle({ gauge }: Rig): Promise<void> {
  await vi.waitFor(() => expect([gauge('running'), gauge('waiting')]).toEqual([0, 0]), QUICKLY);
}

describe('a call', () => {
  test('is a POST of JSON, with the path and the headers of the endpoint', async () => {
    const backend = await Backend.start(answering({ pong: [1, 2] }));
    const headers = { 'x-key': 'k', 'user-agent': 'mine' };
    const { endpoints } = rig({ url: `${backend.url}/a%20b?c=d&e=%2F`, headers });
    expect(await endpoints.ask('default', { ping: 'é' })).toEqual({ pong: [1, 2] });
    expect(backend.heard).toMatchObject([
      {
        method: 'POST',
        path: '/hooks/a%20b?c=d&e=%2F',
        text: '{"ping":"é"}',
        headers: {
          host: `127.0.0.1:${backend.port}`,
          'content-type': 'application/json',
          'content-length': '13',
          accept: 'application/json',
          'x-key': 'k',
          'user-agent': 'mine',
        },
      },
    ]);
    expect(backend.heard[0]?.headers).not.toHaveProperty('x-sluice-signature');
  });

  test('is signed with the secret, at the time it is sent', async () => {
    const backend = await Backend.start();
    const clock = new ManualClock();
    const { endpoints } = rig({ url: backend.url, secret: 'the secret' }, clock);
    await endpoints.ask('default', { a: 1 });
    const [{ headers, text: body } = { headers: {}, text: '' }] = backend.heard;
    const options = { nowMs: clock.now(), toleranceMs: 1000 };
    expect(headers['user-agent']).toBe('sluice/test');
    expect(verifySignature({ headers, body }, 'the secret', options)).toBe(true);
    expect(verifySignature({ headers, body }, 'another', options)).toBe(false);
  });

  test('takes JSON as it was written, and gives any JSON value', async () => {
    const backend = await Backend.start(saying(' null '));
    const { endpoints } = rig({ url: backend.url });
    expect(await endpoints.ask('default', new Json('{"n":12345678901234567890}'))).toBeNull();
    expect(backend.heard[0]?.text).toBe('{"n":12345678901234567890}');
  });

  test('shares its connection with the next', async () => {
    const backend = await Backend.start();
    const { endpoints, gauge } = rig({ url: backend.url });
    for (let call = 0; call < 20; call += 1) await endpoints.ask('default', call);
    // The first is not free yet when the second call begins.
    expect(backend.connections).toBeLessThanOrEqual(2);
    expect(gauge('sockets')).toBe(backend.connections);
    await endpoints.close();
    await vi.waitFor(() => expect(backend.sockets).toBe(0), QUICKLY);
    expect(gauge('sockets')).toBe(0);
  });

  test('of an endpoint that is not there fails as that', async () => {
    const { endpoints } = rig({ url: await nowhere() });
    expect(await outcome(endpoints.ask('other', {}))).toBe('unknown');
  });
});

describe('a backend that', () => {
  test.each(Object.entries(BAD))('%s', async (name, { behaves, kind }) => {
    const backend = await Backend.start(behaves);
    const bad = rig({ url: backend.url, timeoutMs: 200, retries: 0 });
    // Of what is well-formed JSON only its reader can tell that it is malformed.
    const isJson = /shape|nobody|nested/.test(name);
    const beganAtMs = Date.now();
    const seen = await outcome(bad.endpoints.ask('default', {}));
    expect(seen).toEqual(isJson ? { answer: expect.anything() } : kind);
    expect(Date.now() - beganAtMs).toBeLessThan(2000);
    await isIdle(bad);
    if (isJson) return;
    expect(bad.outcomes()).toEqual({ [kind]: 1 });
    expect(bad.log.lines).toMatchObject([
      {
        level: 'warn',
        fields: { endpoint: 'default', failure: kind },
        message: 'the backend failed',
      },
    ]);
    // What is said of the answer holds no part of it.
    expect(JSON.stringify(bad.log.lines)).not.toMatch(/result|html|SSH/);
    // The next is answered, if it can be.
    backend.behaves = answering('good');
    expect(await bad.endpoints.ask('default', {})).toBe('good');
  });

  test('refuses connections', async () => {
    const refusing = rig({ url: await nowhere(), retries: 0 });
    expect(await outcome(refusing.endpoints.ask('default', {}))).toBe('unreachable');
    expect(refusing.log.lines[0]?.fields['reason']).toMatch(
      /^endpoint default: no connection could be made: connect ECONNREFUSED 127\.0\.0\.1:\d+$/,
    );
  });

  test('leads elsewhere is not followed', async () => {
    const elsewhere = await Backend.start();
    for (const status of [301, 302, 303, 307, 308]) {
      const backend = await Backend.start((_request, response) => {
        response.writeHead(status, { location: elsewhere.url });
        response.end();
      });
      const { endpoints } = rig({ url: backend.url });
      expect(await outcome(endpoints.ask('default', {}))).toBe('redirect');
      expect(backend.heard).toHaveLength(1);
    }
    expect(elsewhere.connections).toBe(0);
  });

  test('answers as much as is allowed, and one byte more', async () => {
    const backend = await Backend.start((request, response) => {
      response.end(JSON.stringify('x'.repeat(Number(request.text) - 2)));
    });
    const { endpoints } = rig({ url: backend.url, answerBytes: 1000 });
    expect(await endpoints.ask('default', 1000)).toHaveLength(998);
    expect(await outcome(endpoints.ask('default', 1001))).toBe('too_large');
  });

  test('answers before it has heard all', async () => {
    const backend = await Backend.start(answering('early'));
    const { endpoints } = rig({ url: backend.url });
    expect(await endpoints.ask('default', 'x'.repeat(100_000))).toBe('early');
  });
});

describe('the time limit', () => {
  test('is for a call with all waiting and all attempts', async () => {
    const backend = await Backend.start(mute);
    const clock = new ManualClock();
    const waiting = rig({ url: backend.url, concurrency: 1, timeoutMs: 1000 }, clock);
    const first = outcome(waiting.endpoints.ask('default', 1));
    const second = outcome(waiting.endpoints.ask('default', 2));
    await vi.waitFor(() => expect(backend.heard).toHaveLength(1), QUICKLY);
    expect([waiting.gauge('running'), waiting.gauge('waiting')]).toEqual([1, 1]);
    clock.advance(999);
    expect([waiting.gauge('running'), waiting.gauge('waiting')]).toEqual([1, 1]);
    clock.advance(1);
    expect(await Promise.all([first, second])).toEqual(['timeout', 'timeout']);
    await isIdle(waiting);
    expect(clock.pending).toBe(0);
    // The second never got there.
    expect(backend.heard).toHaveLength(1);
    await vi.waitFor(() => expect(backend.abandoned).toBe(1), QUICKLY);
  });

  test('leaves no alarm behind', async () => {
    const backend = await Backend.start();
    const clock = new ManualClock();
    const { endpoints } = rig({ url: backend.url }, clock);
    await endpoints.ask('default', {});
    expect(clock.pending).toBe(0);
  });
});

describe('the limit of calls at once', () => {
  test('lets others wait, so many and in order, and refuses the rest', async () => {
    const release: (() => void)[] = [];
    const backend = await Backend.start((request, response) => {
      release.push(() => response.end(request.text));
    });
    const limited = rig({ url: backend.url, concurrency: 2, queue: 3 });
    const asked = Array.from({ length: 6 }, (_, n) => outcome(limited.endpoints.ask('default', n)));
    expect(await asked[5]).toBe('busy');
    await vi.waitFor(() => expect(release).toHaveLength(2), QUICKLY);
    expect([limited.gauge('running'), limited.gauge('waiting')]).toEqual([2, 3]);
    for (let answered = 0; answered < 5; answered += 1) {
      await vi.waitFor(() => expect(release.length).toBeGreaterThan(answered), QUICKLY);
      release[answered]?.();
    }
    expect(await Promise.all(asked.slice(0, 5))).toEqual(
      [0, 1, 2, 3, 4].map((answer) => ({ answer })),
    );
    expect(backend.heard.map(({ text }) => text)).toEqual(['0', '1', '2', '3', '4']);
    expect(backend.connections).toBe(2);
    await isIdle(limited);
    expect(limited.outcomes()).toEqual({ answered: 5, busy: 1 });
  });
});

describe('who gives up', () => {
  test('while waiting is gone at once, and makes room', async () => {
    const backend = await Backend.start(mute);
    const limited = rig({ url: backend.url, concurrency: 1 });
    const [first, second] = [new AbortController(), new AbortController()];
    const reason = new Error('no patience');
    const running = limited.endpoints.ask('default', 1, { signal: first.signal });
    const waiting = limited.endpoints.ask('default', 2, { signal: second.signal });
    await vi.waitFor(() => expect(backend.heard).toHaveLength(1), QUICKLY);
    second.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    expect([limited.gauge('running'), limited.gauge('waiting')]).toEqual([1, 0]);
    first.abort(reason);
    await expect(running).rejects.toBe(reason);
    await isIdle(limited);
    // Its connection went with it.
    await vi.waitFor(() => expect(backend.abandoned).toBe(1), QUICKLY);
    expect(limited.outcomes()).toEqual({ abandoned: 2 });
    expect(limited.log.lines).toEqual([]);
  });

  test('before is not even sent', async () => {
    const backend = await Backend.start();
    const { endpoints } = rig({ url: backend.url });
    const signal = AbortSignal.abort(new Error('too late'));
    await expect(endpoints.ask('default', {}, { signal })).rejects.toThrow('too late');
    expect(backend.connections).toBe(0);
  });
});

describe('another attempt', () => {
  const dead = (attempts: number) => {
    let left = attempts;
    return (_request: unknown, response: Parameters<typeof mute>[1]) => {
      left -= 1;
      if (left >= 0) response.socket?.destroy();
      else response.end('"at last"');
    };
  };

  test('is made when no connection could be made, whatever is asked', async () => {
    const backend = await Backend.start(answering('at last'));
    await backend.stop();
    const clock = new ManualClock();
    const { endpoints, meters } = rig({ url: backend.url }, clock);
    const asked = endpoints.ask('default', {});
    await vi.waitFor(() => expect(meters.count('endpoint_retries', 'default')).toBe(1), QUICKLY);
    await backend.listen();
    // After 25 ms at the least: half of 50 is by chance.
    clock.advance(24);
    await later(20);
    expect(backend.connections).toBe(0);
    clock.advance(1);
    expect(await asked).toBe('at last');
    expect(clock.pending).toBe(0);
  });

  test('of what may be repeated is made when the connection broke', async () => {
    const backend = await Backend.start(dead(2));
    const { endpoints, meters } = rig({ url: backend.url });
    expect(await endpoints.ask('default', {}, { repeatable: true })).toBe('at last');
    expect(backend.heard).toHaveLength(3);
    expect(meters.count('endpoint_retries', 'default')).toBe(2);
  });

  test('of what may be repeated is made so often, and not more', async () => {
    const backend = await Backend.start(dead(100));
    const { endpoints } = rig({ url: backend.url });
    expect(await outcome(endpoints.ask('default', {}, { repeatable: true }))).toBe('broken');
    expect(backend.heard).toHaveLength(3);
  });

  test('of anything else is not made when the backend may have had it', async () => {
    const backend = await Backend.start(dead(1));
    const { endpoints } = rig({ url: backend.url });
    expect(await outcome(endpoints.ask('default', {}))).toBe('broken');
    expect(backend.heard).toHaveLength(1);
  });

  test.each([
    'closes in the middle of its answer',
    'answers 500',
    'answers 503',
    'answers with HTML',
  ])('is not made when it %s', async (name) => {
    const backend = await Backend.start(BAD[name]!.behaves);
    const { endpoints } = rig({ url: backend.url });
    expect(await outcome(endpoints.ask('default', {}, { repeatable: true }))).toBe(BAD[name]!.kind);
    expect(backend.heard).toHaveLength(1);
  });

  test('ends with the time', async () => {
    const clock = new ManualClock();
    const { endpoints, meters } = rig({ url: await nowhere(), timeoutMs: 20 }, clock);
    const asked = outcome(endpoints.ask('default', {}));
    await vi.waitFor(() => expect(meters.count('endpoint_retries', 'default')).toBe(1), QUICKLY);
    clock.advance(20);
    expect(await asked).toBe('timeout');
    expect(clock.pending).toBe(0);
  });
});

describe('the circuit breaker', () => {
  test('opens, tries, and closes', async () => {
    const backend = await Backend.start(BAD['answers 503']!.behaves);
    const clock = new ManualClock();
    const broken = rig({ url: backend.url, retries: 0 }, clock);
    const ask = (): Promise<unknown> => outcome(broken.endpoints.ask('default', {}));
    for (let call = 0; call < 5; call += 1) expect(await ask()).toBe('unavailable');
    expect(broken.gauge('breaker')).toBe(2);
    for (let call = 0; call < 100; call += 1) expect(await ask()).toBe('open');
    expect(backend.heard).toHaveLength(5);
    // Half of a second, as chance is 0 here.
    clock.advance(500);
    expect(await ask()).toBe('unavailable');
    expect(await ask()).toBe('open');
    expect(backend.heard).toHaveLength(6);
    clock.advance(1000);
    const release: (() => void)[] = [];
    backend.behaves = (_request, response) => {
      release.push(() => response.end('"back"'));
    };
    const probe = ask();
    await vi.waitFor(() => expect(release).toHaveLength(1), QUICKLY);
    expect(broken.gauge('breaker')).toBe(1);
    expect(await ask()).toBe('open');
    release[0]?.();
    expect(await probe).toEqual({ answer: 'back' });
    expect(broken.gauge('breaker')).toBe(0);
    backend.behaves = answering('fine');
    expect(await ask()).toEqual({ answer: 'fine' });
    const said = broken.log.lines.map(({ level, message }) => `${level} ${message}`);
    // Of a hundred calls that were refused there is no line.
    expect(said.filter((line) => !line.endsWith('failed'))).toEqual([
      'warn the backend is left alone for a while',
      'warn the backend is left alone for a while',
      'info the backend answers again',
    ]);
    expect(said.length).toBeLessThan(12);
    await isIdle(broken);
  });

  test('empties the queue when it opens', async () => {
    const backend = await Backend.start(mute);
    const clock = new ManualClock();
    const url = backend.url;
    const broken = rig({ url, concurrency: 5, queue: 100, timeoutMs: 1000, retries: 0 }, clock);
    const first = Array.from({ length: 5 }, () => outcome(broken.endpoints.ask('default', {})));
    await vi.waitFor(() => expect(backend.heard).toHaveLength(5), QUICKLY);
    clock.advance(500);
    const rest = Array.from({ length: 50 }, () => outcome(broken.endpoints.ask('default', {})));
    clock.advance(500);
    expect(new Set(await Promise.all(first))).toEqual(new Set(['timeout']));
    expect(new Set(await Promise.all(rest))).toEqual(new Set(['open']));
    await isIdle(broken);
  });

  test('does not open for answers that are whole, however bad they are', async () => {
    const backend = await Backend.start();
    const { endpoints, gauge } = rig({ url: backend.url });
    for (const name of ['answers 500', 'answers 404', 'answers with HTML', 'answers too much']) {
      backend.behaves = BAD[name]!.behaves;
      for (let call = 0; call < 10; call += 1) {
        expect(await outcome(endpoints.ask('default', {}))).toBe(BAD[name]!.kind);
      }
      expect(gauge('breaker')).toBe(0);
    }
  });

  test('is of one endpoint alone, also where two have one URL', async () => {
    const backend = await Backend.start(BAD['answers 503']!.behaves);
    const { url } = backend;
    const { endpoints } = rig({ url, retries: 0 }, systemClock, [
      { name: 'other', url, retries: 0 },
    ]);
    for (let call = 0; call < 6; call += 1) await outcome(endpoints.ask('default', {}));
    expect(await outcome(endpoints.ask('default', {}))).toBe('open');
    backend.behaves = answering('fine');
    expect(await endpoints.ask('other', {})).toBe('fine');
  });
});

describe('many at once', () => {
  const wordsOf = (replies: readonly AskReply[]): unknown[] =>
    replies.map((reply) => ('answer' in reply ? reply.answer : reply.failure.kind));

  test('each have their answer or their failure, in order', async () => {
    const good = await Backend.start((request, response) => {
      // The first is the slowest.
      setTimeout(() => response.end(request.text), 50 - 10 * Number(request.text));
    });
    const bad = await Backend.start(BAD['answers 500']!.behaves);
    const { endpoints } = rig({ url: good.url }, systemClock, [
      { name: 'bad', url: bad.url },
      { name: 'gone', url: await nowhere(), retries: 0 },
    ]);
    const replies = await endpoints.askAll([
      { endpoint: 'default', body: 0 },
      { endpoint: 'bad', body: 1 },
      { endpoint: 'default', body: 2 },
      { endpoint: 'gone', body: 3 },
      { endpoint: 'nobody', body: 4 },
      { endpoint: 'default', body: 5 },
    ]);
    expect(wordsOf(replies)).toEqual([0, 'status', 2, 'unreachable', 'unknown', 5]);
    expect(await endpoints.askAll([])).toEqual([]);
  });

  test('are never more than the endpoint allows, and none is refused for it', async () => {
    let [running, most] = [0, 0];
    const backend = await Backend.start(async (request, response) => {
      running += 1;
      most = Math.max(most, running);
      await later(1);
      running -= 1;
      response.end(request.text);
    });
    const many = rig({ url: backend.url, concurrency: 4, queue: 2 });
    const requests = Array.from({ length: 200 }, (_, body) => ({ endpoint: 'default', body }));
    const replies = await many.endpoints.askAll(requests);
    expect(wordsOf(replies)).toEqual(requests.map(({ body }) => body));
    expect(most).toBe(4);
    expect(backend.connections).toBe(4);
    await isIdle(many);
  });

  test('are given up together', async () => {
    const backend = await Backend.start(mute);
    const many = rig({ url: backend.url, concurrency: 2 });
    const controller = new AbortController();
    const requests = Array.from({ length: 50 }, (_, body) => ({ endpoint: 'default', body }));
    const asked = many.endpoints.askAll(requests, { signal: controller.signal });
    await vi.waitFor(() => expect(backend.heard).toHaveLength(2), QUICKLY);
    controller.abort(new Error('enough'));
    await expect(asked).rejects.toThrow('enough');
    await isIdle(many);
    expect(backend.heard).toHaveLength(2);
  });
});

describe('closing', () => {
  test('ends what runs and what waits, and sends nothing more', async () => {
    const backend = await Backend.start(mute);
    const closing = rig({ url: backend.url, concurrency: 1 });
    const asked = [1, 2].map((body) => outcome(closing.endpoints.ask('default', body)));
    await vi.waitFor(() => expect(backend.heard).toHaveLength(1), QUICKLY);
    await closing.endpoints.close();
    expect(await Promise.all(asked)).toEqual(['closed', 'closed']);
    expect(await outcome(closing.endpoints.ask('default', 3))).toBe('closed');
    await vi.waitFor(() => expect(backend.sockets).toBe(0), QUICKLY);
    expect(backend.heard).toHaveLength(1);
    await closing.endpoints.close();
    await isIdle(closing);
  });
});
