/**
 * Backends that behave badly, each over a real HTTP server, with the official client: it hears the
 * documented error in time, nothing piles up, and what does not need the backend goes on.
 */
import type { Centrifuge } from 'centrifuge';
import { describe, expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { Bystander } from '../support/bystander.ts';
import { ManualClock } from '../support/clock.ts';
import { next, officialClient, startGateway } from '../support/gateway.ts';
import { meter } from '../support/http.ts';
import { KeptLog } from '../support/log.ts';
import { nowhere } from '../cli/sluice.ts';
import { answering, Backend, BAD, resulting } from './backend.ts';
import type { Scene } from './rig.ts';
import { ASKED, isIdle, QUICKLY, scene } from './rig.ts';

const TIMEOUT_MS = 200;
/** Until the client knows; the machine may be busy. */
const IN_TIME_MS = 5000;

const TEMPORARY = { code: 100, message: 'internal error' };

/** Only who calls a method or comes to `asked` needs the backend. */
const OPTIONS: GatewayOptions = {
  namespaces: { ...ASKED, default: {} },
  hooks: { connect: false },
};

function bad(url: string, retries = 0): GatewayOptions {
  return {
    ...OPTIONS,
    endpoints: { default: { url, timeout: `${TIMEOUT_MS}ms`, retries, answerBytes: 100_000 } },
    hooks: { rpc: true },
  };
}

async function connected(url: string): Promise<Centrifuge> {
  const client = officialClient(url);
  client.connect();
  await client.ready();
  return client;
}

/** What three kinds of commands come to. */
async function commands(client: Centrifuge): Promise<unknown[]> {
  const subscription = client.newSubscription('asked:room');
  const subscribing = next<{ error: unknown }>(subscription, 'error');
  subscription.subscribe();
  const failed = (error: unknown): unknown => error;
  const outcomes = await Promise.all([
    client.rpc('any', {}).catch(failed),
    client.publish('asked:room', {}).catch(failed),
    subscribing.then(({ error }) => error),
  ]);
  subscription.unsubscribe();
  client.removeSubscription(subscription);
  return outcomes;
}

async function expectFailures(client: Centrifuge): Promise<void> {
  const beganAtMs = Date.now();
  const outcomes = await commands(client);
  expect(Date.now() - beganAtMs).toBeLessThan(IN_TIME_MS);
  for (const outcome of outcomes) expect(outcome).toMatchObject(TEMPORARY);
}

describe.each(Object.entries(BAD))('a backend that %s', (_name, { behaves, kind }) => {
  test('costs a client its command, and nobody else anything', async () => {
    const backend = await Backend.start(behaves);
    const log = new KeptLog();
    const running = await startGateway({ logger: log, ...bad(backend.url) });
    const bystander = await Bystander.watch(running);
    await expectFailures(await connected(running.url));
    const scened: Scene = {
      ...running,
      backend,
      log,
      seen: async (name, label = 'default') => (await meter(running.http, name)).get(label) ?? 0,
    };
    await isIdle(scened);
    expect(await scened.seen('endpoint_outcomes', kind)).toBe(3);
    expect(await scened.seen('endpoint_sockets')).toBeLessThanOrEqual(3);
    expect(log.of('error')).toEqual([]);
    for (const { fields } of log.of('warn')) {
      expect(fields).toMatchObject({ endpoint: 'default', failure: kind });
    }
    await bystander.isServed();
    // It is asked again as soon as it is good.
    backend.behaves = resulting(() => ({ data: 'good' }));
    const client = await connected(running.url);
    expect(await client.rpc('any', {})).toEqual({ data: 'good' });
  });
});

test('a backend that redirects to another host does not lead there', async () => {
  const elsewhere = await Backend.start(answering({ result: { data: 'stolen' } }));
  const backend = await Backend.start((_request, response) => {
    response.writeHead(307, { location: elsewhere.url });
    response.end();
  });
  const { url } = await startGateway(bad(backend.url));
  await expectFailures(await connected(url));
  expect(elsewhere.connections).toBe(0);
});

test('a backend that refuses connections is asked again, and then given up', async () => {
  const { url, http } = await startGateway(bad(await nowhere(), 1));
  await expectFailures(await connected(url));
  expect((await meter(http, 'endpoint_outcomes')).get('unreachable')).toBe(3);
  expect((await meter(http, 'endpoint_retries')).get('default')).toBe(3);
});

describe('a client that connects', () => {
  test('tries until the backend is back', async () => {
    const backend = await Backend.start(resulting(() => ({ user: 'ann', data: 'hello' })));
    await backend.stop();
    const log = new KeptLog();
    const { url, http } = await startGateway({
      logger: log,
      endpoints: { default: { timeout: `${TIMEOUT_MS}ms`, retries: 0 } },
      hooks: { url: backend.url },
    });
    const client = officialClient(url);
    const connecting = next<{ code: number }>(client, 'connecting');
    const failed = next<{ error: unknown }>(client, 'error');
    client.connect();
    await connecting;
    expect((await failed).error).toMatchObject({ code: 100 });
    // By now the breaker is open.
    await vi.waitFor(
      async () => expect((await meter(http, 'endpoint_breaker')).get('default')).toBe(2),
      QUICKLY,
    );
    await backend.listen();
    await client.ready(15_000);
    expect((await meter(http, 'endpoint_breaker')).get('default')).toBe(0);
    const messages = log.lines.map(({ message }) => message);
    expect(messages).toContain('the backend is left alone for a while');
    expect(messages).toContain('the backend answers again');
  });

  test('is closed in time where it is told to go', async () => {
    const { url } = await scene(answering({ disconnect: { code: 4501, reason: 'banned' } }));
    const client = officialClient(url);
    const gone = next<unknown>(client, 'disconnected');
    client.connect();
    expect(await gone).toEqual({ code: 4501, reason: 'banned' });
  });
});

describe('the circuit breaker', () => {
  test('opens, tries after the pause, and closes', async () => {
    const clock = new ManualClock();
    const backend = await Backend.start(BAD['closes without a word']!.behaves);
    const { url, http } = await startGateway({ ...bad(backend.url), clock });
    const client = await connected(url);
    const rpc = (): Promise<unknown> => client.rpc('any', {}).catch((error: unknown) => error);
    const state = async (): Promise<unknown> =>
      (await meter(http, 'endpoint_breaker')).get('default');
    for (let call = 0; call < 5; call += 1) expect(await rpc()).toMatchObject(TEMPORARY);
    expect(await state()).toBe(2);
    const calls = await Promise.all(Array.from({ length: 100 }, rpc));
    for (const call of calls) expect(call).toMatchObject(TEMPORARY);
    expect(backend.heard).toHaveLength(5);
    clock.advance(1000);
    expect(await rpc()).toMatchObject(TEMPORARY);
    expect(await state()).toBe(2);
    expect(backend.heard).toHaveLength(6);
    backend.behaves = resulting(() => ({ data: 'back' }));
    clock.advance(2000);
    expect(await rpc()).toEqual({ data: 'back' });
    expect(await state()).toBe(0);
    expect((await meter(http, 'endpoint_outcomes')).get('open')).toBe(100);
  });
});

test('a refresh is asked for again while the backend is away', async () => {
  const clock = new ManualClock();
  const expiresAt = (): number => Math.floor(clock.now() / 1000) + 60;
  const backend = await Backend.start(resulting(() => ({ user: 'ann', expire_at: expiresAt() })));
  const { url, http } = await startGateway({
    clock,
    ping: { interval: '1d' },
    // What passes here is not the time of a call.
    endpoints: { default: { url: backend.url, retries: 0, timeout: '1h' } },
    hooks: { connect: true, refresh: true },
  });
  const client = await connected(url);
  const failures = async (): Promise<number> =>
    (await meter(http, 'endpoint_outcomes')).get('status') ?? 0;
  backend.behaves = BAD['answers 500']!.behaves;
  clock.advance(60_250);
  await vi.waitFor(async () => expect(await failures()).toBe(1), QUICKLY);
  clock.advance(5250);
  await vi.waitFor(async () => expect(await failures()).toBe(2), QUICKLY);
  expect(client.state).toBe('connected');
  backend.behaves = resulting(() => ({ expire_at: expiresAt() }));
  clock.advance(5250);
  await vi.waitFor(() => expect(backend.heard).toHaveLength(4), QUICKLY);
  expect(client.state).toBe('connected');
});

test('a slow hook delays only its own lane', async () => {
  const release: (() => void)[] = [];
  const { url } = await scene(
    (request, response) => {
      const answer = (): void =>
        answering({ result: { data: request.body['hook'] } })(request, response) as void;
      if (request.body['channel'] === 'asked:quick' || request.body['method'] === 'quick') answer();
      else release.push(answer);
    },
    { ...OPTIONS, namespaces: ASKED, hooks: { connect: false, rpc: true } },
  );
  const client = await connected(url);
  const order: string[] = [];
  const slow = client.newSubscription('asked:slow');
  const subscribed = next(slow, 'subscribed').then(() => order.push('slow'));
  slow.subscribe();
  const behind = client.publish('asked:slow', 1).then(() => order.push('behind slow'));
  await vi.waitFor(() => expect(release).toHaveLength(1), QUICKLY);
  // Another channel, a call, a plain channel and a ping: none of them waits.
  const quick = client.newSubscription('asked:quick');
  const both = next(quick, 'subscribed');
  quick.subscribe();
  await both;
  await client.publish('asked:quick', 1);
  expect(await client.rpc('quick', {})).toEqual({ data: 'rpc' });
  await client.publish('plain', 1);
  expect(order).toEqual([]);
  release[0]?.();
  await subscribed;
  await vi.waitFor(() => expect(release).toHaveLength(2), QUICKLY);
  release[1]?.();
  await behind;
  expect(order).toEqual(['slow', 'behind slow']);
});

test('a crowd that comes while the backend is silent leaves nothing behind', async () => {
  const backend = await Backend.start(() => {});
  const log = new KeptLog();
  const running = await startGateway({
    logger: log,
    ...OPTIONS,
    endpoints: {
      default: { url: backend.url, timeout: '300ms', concurrency: 4, queue: 20, retries: 0 },
    },
    hooks: { rpc: true },
  });
  const client = await connected(running.url);
  const calls = Array.from({ length: 100 }, () =>
    client.rpc('any', {}).catch((error: unknown) => error),
  );
  for (const outcome of await Promise.all(calls)) expect(outcome).toMatchObject(TEMPORARY);
  const seen: Scene['seen'] = async (name, label = 'default') =>
    (await meter(running.http, name)).get(label) ?? 0;
  await isIdle({ ...running, backend, log, seen });
  expect(backend.heard.length).toBeLessThanOrEqual(12);
  expect(await seen('endpoint_sockets')).toBeLessThanOrEqual(4);
  // A hundred failures are a handful of lines.
  expect(log.of('warn').length).toBeLessThan(10);
  expect(log.of('error')).toEqual([]);
});
