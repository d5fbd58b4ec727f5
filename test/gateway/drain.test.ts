/** How a gateway is drained: over real sockets, by a clock of the test's own. */
import { describe, expect, test, vi } from 'vitest';
import type { GatewayOptions, Route } from '../../src/gateway.ts';
import { json } from '../../src/gateway.ts';
import { ManualClock } from '../support/clock.ts';
import type { Running } from '../support/gateway.ts';
import { EDGES, startGateway } from '../support/gateway.ts';
import { ask } from '../support/http.ts';
import { Peer, refusedUpgrade } from '../support/peer.ts';

const QUICKLY = { timeout: 10_000, interval: 5 };
const SHUTDOWN = { code: 3001, reason: 'shutdown' };

interface Draining extends Running {
  readonly clock: ManualClock;
  /** Whether it is over. */
  readonly isDone: () => boolean;
  /** Begins it. */
  readonly begin: () => void;
}

/** One whose drain takes 5 s, and then 9 s. */
async function gateway(options: GatewayOptions): Promise<Draining> {
  const clock = new ManualClock();
  const drain = { delay: '5s', timeout: '9s' };
  const running = await startGateway({ ...options, clock, drain });
  let done = false;
  const begin = (): void => {
    void running.gateway.drain().then(() => (done = true));
  };
  return { ...running, clock, begin, isDone: () => done };
}

/** As it is told over HTTP, and to the program. */
async function readiness({ http, gateway: asked }: Running): Promise<unknown> {
  const { status, body } = await ask(`${http}/ready`);
  expect(JSON.parse(body)).toEqual({ status: asked.status });
  return [status, JSON.parse(body)];
}

async function endsOf(peers: readonly Peer[], count: number): Promise<void> {
  const ended = (): number => peers.filter(({ ending }) => ending !== null).length;
  await vi.waitFor(() => expect(ended()).toBe(count), QUICKLY);
}

describe.each(EDGES)('over %s, a gateway that is drained', (transport) => {
  test('is not ready at once, serves on, and lets its clients go one after the other', async () => {
    const draining = await gateway({ transport });
    const { url, http, clock, begin, isDone } = draining;
    const peers = [await Peer.connected(url), await Peer.connected(url)];
    for (const peer of peers) await peer.subscribe('news');
    expect(await readiness(draining)).toEqual([200, { status: 'ready' }]);

    begin();
    expect(await readiness(draining)).toEqual([503, { status: 'draining' }]);
    expect((await ask(`${http}/health`)).status).toBe(200);
    // Load balancers need not know yet.
    const late = await Peer.connected(url);
    await late.subscribe('news');
    await late.publish('news', 'before');

    clock.advance(5000);
    await endsOf(peers, 1);
    expect(await peers[0]!.ended()).toEqual(SHUTDOWN);
    expect(await refusedUpgrade(url)).toMatchObject({ status: 503 });
    expect(await readiness(draining)).toEqual([503, { status: 'draining' }]);
    await peers[1]!.publish('news', 'meanwhile');
    await late.until(() => late.data('news').length === 2, 'the publication');

    clock.advance(2990);
    await peers[1]!.ask({ ping: {} });
    clock.advance(20);
    await endsOf(peers, 2);
    await late.publish('news', 'last');
    expect(late.data('news')).toEqual(['before', 'meanwhile', 'last']);
    expect(isDone()).toBe(false);
    clock.advance(3000);
    expect(await late.ended()).toEqual(SHUTDOWN);
    await vi.waitFor(() => expect(isDone()).toBe(true), QUICKLY);
    expect(draining.gateway.status).toBe('closing');
    await expect(ask(`${http}/health`)).rejects.toThrow('ECONNREFUSED');
  });

  test('closes also who is not connected yet, and whose connect is being answered', async () => {
    const connect = vi.fn<() => Promise<never>>(() => new Promise(() => {}));
    const { url, clock, begin } = await gateway({ transport, hooks: { connect } });
    const silent = await Peer.open(url);
    const connecting = await Peer.open(url);
    connecting.command({ connect: {} });
    await vi.waitFor(() => expect(connect).toHaveBeenCalledOnce(), QUICKLY);
    begin();
    clock.advance(5000);
    await endsOf([silent, connecting], 1);
    clock.advance(4500);
    for (const peer of [silent, connecting]) expect(await peer.ended()).toEqual(SHUTDOWN);
  });

  test('lets the requests under way be answered, and takes no other', async () => {
    const { promise: told, resolve: tell } = Promise.withResolvers<string>();
    const asked = vi.fn<() => void>();
    const waits: Route = {
      method: 'GET',
      path: '/waits',
      async handle() {
        asked();
        return json(200, await told);
      },
    };
    const { http, clock, begin, isDone } = await gateway({ transport, routes: [waits] });
    const answer = ask(`${http}/waits`);
    await vi.waitFor(() => expect(asked).toHaveBeenCalledOnce(), QUICKLY);
    begin();
    clock.advance(5000);
    await vi.waitFor(() => expect(ask(`${http}/health`)).rejects.toThrow('ECONNREFUSED'), QUICKLY);
    clock.advance(8000);
    expect(isDone()).toBe(false);
    tell('done');
    expect(await answer).toMatchObject({ status: 200, body: '"done"' });
    await vi.waitFor(() => expect(isDone()).toBe(true), QUICKLY);
    expect(clock.pending).toBe(0);
  });

  test('cuts a request off when its time is over', async () => {
    const signals: AbortSignal[] = [];
    const waits: Route = {
      method: 'GET',
      path: '/waits',
      handle({ signal }) {
        signals.push(signal);
        return new Promise(() => {});
      },
    };
    const { http, clock, begin, isDone } = await gateway({ transport, routes: [waits] });
    const answer = ask(`${http}/waits`).catch((error: unknown) => error);
    await vi.waitFor(() => expect(signals).toHaveLength(1), QUICKLY);
    begin();
    clock.advance(5000);
    await vi.waitFor(() => expect(ask(`${http}/health`)).rejects.toThrow('ECONNREFUSED'), QUICKLY);
    clock.advance(8990);
    expect(signals[0]?.aborted).toBe(false);
    clock.advance(10);
    expect(await answer).toBeInstanceOf(Error);
    expect(signals[0]?.aborted).toBe(true);
    await vi.waitFor(() => expect(isDone()).toBe(true), QUICKLY);
  });

  test('is closed at once when it is told so meanwhile', async () => {
    const { gateway: draining, url, clock, begin, isDone } = await gateway({ transport });
    const peers = [await Peer.connected(url), await Peer.connected(url), await Peer.connected(url)];
    begin();
    clock.advance(5000);
    await endsOf(peers, 1);
    await draining.close();
    for (const peer of peers) expect(await peer.ended()).toEqual(SHUTDOWN);
    await vi.waitFor(() => expect(isDone()).toBe(true), QUICKLY);
    expect(clock.pending).toBe(0);
  });

  test('is drained once, however often it is told, and not after it was closed', async () => {
    const { gateway: draining, clock } = await gateway({ transport });
    expect(draining.drain()).toBe(draining.drain());
    await draining.close();
    await draining.drain();
    expect(clock.pending).toBe(0);
    const { gateway: closed } = await gateway({ transport });
    await closed.close();
    await closed.drain();
  });

  test('tells 3001 also who has much to read yet', async () => {
    const { gateway: running, url } = await startGateway({
      transport,
      limits: { outboxBytes: '32MiB' },
    });
    const slow = await Peer.connected(url);
    await slow.subscribe('news');
    slow.socket.pause();
    const chunk = 'x'.repeat(500_000);
    for (let sent = 0; sent < 40; sent += 1) await running.publish('news', `${sent}${chunk}`);
    const closed = running.drain();
    // Whoever has not begun to read by now is told all the same.
    setTimeout(() => slow.socket.resume(), 300);
    await closed;
    expect(await slow.ended()).toEqual(SHUTDOWN);
    expect(slow.data('news').map((data) => Number.parseInt(String(data), 10))).toEqual(
      Array.from({ length: 40 }, (_, index) => index),
    );
  });
});
