/** A gateway tells a backend by HTTP, which is well, slow, down, or out of order. */
import { expect, test, vi } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import { verifySignature } from '../../src/gateway.ts';
import type { Running } from '../support/gateway.ts';
import { startGateway } from '../support/gateway.ts';
import { meter } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import type { Answer } from './backend.ts';
import { HttpBackend, isSigned, taken } from './backend.ts';
import { wordsOf } from './view.ts';

const SOON = { timeout: 10_000, interval: 10 };
const QUICK: NonNullable<GatewayOptions['events']> = { batchDelay: '5ms', vacateDelay: '0s' };

function telling(url: string, events: GatewayOptions['events'] = {}): Promise<Running> {
  return startGateway({ events: { url, ...QUICK, ...events } });
}

async function counted(running: Running, name: string, label = ''): Promise<number> {
  return (await meter(running.http, name)).get(label) ?? 0;
}

/** Comes, and goes; some of them stay. */
async function churn(running: Running, count: number): Promise<Peer[]> {
  const staying: Peer[] = [];
  for (let n = 0; n < count; n += 1) {
    const peer = await Peer.connected(running.url);
    await peer.subscribe(`room ${n % 3}`);
    if (n % 2 === 0) staying.push(peer);
    else if (n % 4 === 1) await peer.leave();
    else peer.cut();
  }
  return staying;
}

/** The backend knows who is there, and was told nothing that does not add up. */
async function settled(backend: HttpBackend, running: Running, staying: number): Promise<void> {
  await vi.waitFor(async () => {
    expect(running.gateway.connections).toBe(staying);
    expect(await counted(running, 'events_waiting')).toBe(0);
    expect(backend.view.connections.size).toBe(staying);
  }, SOON);
  expect(backend.view.faults).toEqual([]);
}

function clientOf(peer: Peer): string {
  const { connect } = peer.heard[0] as { readonly connect: { readonly client: string } };
  return connect.client;
}

test('the lives of connections arrive in their order, signed, with the reasons of their ends', async () => {
  const backend = await HttpBackend.start();
  const running = await startGateway({
    events: { url: backend.url, secret: 'between us', source: 'main', ...QUICK },
    hooks: { connect: () => ({ user: 'ann', channels: ['own'] }) },
  });
  const peer = await Peer.connected(running.url);
  await peer.subscribe('room');
  await peer.subscribe('news');
  await peer.ask({ unsubscribe: { channel: 'news' } });
  await running.gateway.unsubscribe('ann', 'room');
  await peer.leave();
  await settled(backend, running, 0);
  const { events } = backend.view;
  expect(events.map((event) => wordsOf(event).replace(clientOf(peer), 'c'))).toEqual([
    'reset',
    'connected c',
    'subscribed c own',
    'channel_occupied own',
    'subscribed c room',
    'channel_occupied room',
    'subscribed c news',
    'channel_occupied news',
    'unsubscribed c news',
    'channel_vacated news',
    'unsubscribed c room',
    'channel_vacated room',
    'unsubscribed c own',
    'channel_vacated own',
    'disconnected c',
  ]);
  const codes = events.flatMap((event) => ('code' in event ? [[event.code, event.reason]] : []));
  expect(codes).toEqual([
    [0, 'unsubscribe called'],
    [2000, 'server unsubscribe'],
    [1, 'disconnect called'],
    [1000, ''],
  ]);
  const gateways = new Set(events.flatMap((event) => ('gateway' in event ? [event.gateway] : [])));
  const { nodes } = await running.gateway.info();
  expect([...gateways]).toEqual(nodes.map(({ uid }) => uid));
  for (const posted of backend.posts) {
    expect(posted).toMatchObject({ method: 'POST', path: '/events?from=sluice' });
    expect(posted.headers['content-type']).toBe('application/json');
    expect(posted.headers['user-agent']).toMatch(/^sluice\/\d/);
    expect(isSigned(posted, 'between us')).toBe(true);
    expect(isSigned(posted, 'another')).toBe(false);
    expect(JSON.parse(posted.body)).toMatchObject({ source: 'main', dropped: 0 });
  }
});

test('an endpoint of the configuration gives its URL, its headers and its secret', async () => {
  const backend = await HttpBackend.start();
  await startGateway({
    endpoints: { log: { url: backend.url, headers: { 'x-key': 'ours' }, secret: 'its own' } },
    events: { endpoint: 'log', ...QUICK },
  });
  await vi.waitFor(() => expect(backend.view.resets).toBe(1), SOON);
  const [posted] = backend.posts;
  expect(posted?.headers['x-key']).toBe('ours');
  expect(isSigned(posted!, 'its own')).toBe(true);
  expect(verifySignature(posted!, 'its own')).toBe(true);
});

test('every way to end a connection is told with its code', async () => {
  const backend = await HttpBackend.start();
  const running = await startGateway({
    events: { url: backend.url, ...QUICK },
    hooks: { connect: ({ data }) => ({ user: String(data) }) },
  });
  const connected = (user: string): Promise<Peer> =>
    Peer.connected(running.url, { connect: { data: user } });
  const users = ['cut', 'bad', 'ended'];
  const [cut, bad] = await Promise.all(users.map(connected));
  // One that never connected is none of them.
  const silent = await Peer.open(running.url);
  cut!.cut();
  bad!.say({ id: 7, connect: {} });
  await running.gateway.disconnect('ended', { code: 4321, reason: 'because' });
  silent.cut();
  await settled(backend, running, 0);
  const ends = backend.view.events.flatMap((event) =>
    event.type === 'disconnected' ? [[event.user, event.code, event.reason] as const] : [],
  );
  expect(new Map(ends.map(([user, ...why]) => [user, why]))).toEqual(
    new Map([
      ['cut', [1006, '']],
      ['bad', [3501, 'bad request']],
      ['ended', [4321, 'because']],
    ]),
  );
});

test('only what is wanted is told', async () => {
  const backend = await HttpBackend.start();
  const running = await telling(backend.url, { types: ['connected', 'channel_vacated'] });
  await churn(running, 4);
  await vi.waitFor(() => {
    const types = backend.view.events.map(({ type }) => type);
    expect(types.filter((type) => type === 'connected')).toHaveLength(4);
    expect(types.filter((type) => type === 'channel_vacated')).toHaveLength(1);
    expect(new Set(types)).toEqual(new Set(['reset', 'connected', 'channel_vacated']));
  }, SOON);
});

test('a backend that is down hears everything when it is up', async () => {
  const backend = await HttpBackend.start();
  await backend.stop();
  const running = await telling(backend.url);
  const staying = await churn(running, 12);
  await vi.waitFor(async () => {
    expect(await counted(running, 'events_failures', 'unreachable')).toBeGreaterThan(2);
  }, SOON);
  expect(await counted(running, 'events_waiting')).toBeGreaterThan(30);
  expect(await counted(running, 'events_oldest_seconds')).toBeGreaterThan(0);
  await backend.listen();
  await settled(backend, running, staying.length);
  expect(backend.view.doubles).toBe(0);
  expect(backend.view.dropped).toBe(0);
  await vi.waitFor(async () => {
    expect(await counted(running, 'events_delivered')).toBe(backend.view.events.length);
    expect(await counted(running, 'events_waiting')).toBe(0);
  }, SOON);
  expect(await counted(running, 'events_oldest_seconds')).toBe(0);
});

const BAD_ANSWERS: Readonly<Record<string, Answer>> = {
  'answers with an error': (response) => void response.writeHead(500).end('oh no'),
  'has too much to do': (response) => void response.writeHead(503, { 'retry-after': '0' }).end(),
  'wants less of it': (response) => void response.writeHead(429).end(),
  'hangs up': (response) => void response.destroy(),
  'never answers': () => {},
  'leads elsewhere': (response) => void response.writeHead(307, { location: '/other' }).end(),
  'does not know the path': (response) => void response.writeHead(404).end(),
};

test.each(Object.entries(BAD_ANSWERS))('a backend that %s is asked again', async (_, bad) => {
  const backend = await HttpBackend.start();
  let well = false;
  backend.answer = (response, posted) => (well ? taken(response, posted) : bad(response, posted));
  const running = await telling(backend.url, { timeout: '200ms' });
  const staying = await churn(running, 6);
  await vi.waitFor(async () => {
    expect(await counted(running, 'events_failures', 'failed')).toBeGreaterThanOrEqual(2);
  }, SOON);
  well = true;
  await settled(backend, running, staying.length);
  expect(backend.view.dropped).toBe(0);
  expect(backend.posts.every(({ path }) => path === '/events?from=sluice')).toBe(true);
});

test('a backend that takes what it did not answer hears it twice, and can tell', async () => {
  const backend = await HttpBackend.start();
  let bad = true;
  backend.answer = (response, { body }) => {
    if (!bad) return void response.writeHead(200).end();
    bad = false;
    backend.view.take(JSON.parse(body));
    response.destroy();
  };
  const running = await telling(backend.url);
  const staying = await churn(running, 4);
  await settled(backend, running, staying.length);
  expect(backend.view.doubles).toBeGreaterThan(0);
});

const GOOD_ANSWERS: Readonly<Record<string, Answer>> = {
  'is much too long': (response) => void response.writeHead(201).end('x'.repeat(5_000_000)),
  'is only the half of one'(response) {
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half of i', () => response.destroy());
  },
  'never ends': (response) => void response.writeHead(202).write('and so on'),
};

test.each(Object.entries(GOOD_ANSWERS))('an answer that %s is as good as any', async (_, good) => {
  const backend = await HttpBackend.start();
  backend.answer = good;
  const running = await telling(backend.url);
  const staying = await churn(running, 1);
  await settled(backend, running, staying.length);
  expect(await counted(running, 'events_failures', 'failed')).toBe(0);
  expect(backend.view.doubles).toBe(0);
});

test('what the backend refuses is dropped, and told, and the rest arrives', async () => {
  const backend = await HttpBackend.start();
  backend.answer = (response, posted) => {
    if (!posted.body.includes('"user":"poison"')) return taken(response, posted);
    response.writeHead(422).end();
  };
  const running = await startGateway({
    events: { url: backend.url, types: ['connected'], ...QUICK },
    hooks: { connect: ({ data }) => ({ user: String(data) }) },
  });
  for (const user of ['a', 'b', 'poison', 'c']) {
    await Peer.connected(running.url, { connect: { data: user } });
  }
  await vi.waitFor(() => expect(backend.view.connections.size).toBe(3), SOON);
  expect(backend.view.dropped).toBe(1);
  expect(await counted(running, 'events_dropped', 'refused')).toBe(1);
});

test('a gateway that closes tells the end of everyone before it is closed', async () => {
  const backend = await HttpBackend.start();
  const running = await telling(backend.url, { batchDelay: '10s' });
  await churn(running, 10);
  await running.gateway.close();
  expect(backend.view.connections.size).toBe(0);
  const ends = backend.view.events.filter((event) => event.type === 'disconnected');
  expect(ends).toHaveLength(10);
  expect(ends.at(-1)).toMatchObject({ code: 3001, reason: 'shutdown' });
  expect(backend.view.faults).toEqual([]);
});
