/** Networks that break in every way, between real clients and a real gateway. */
import { describe, expect, test } from 'vitest';
import type { Channel } from '../../src/client/channel.ts';
import type { Client } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/options.ts';
import { msgpack } from '../../src/client/msgpack.ts';
import type { Gateway } from '../../src/gateway.ts';
import { Json } from '../../src/kernel/data.ts';
import { Proxy } from './proxy.ts';
import { client, pause, start, until, WebSocket } from './rig.ts';
import { failure, listen } from './stage.ts';

/** The numbers that a subscriber gets, and 'gap' where it is told of one. */
function collect(channel: Channel<number>): (number | 'gap')[] {
  const got: (number | 'gap')[] = [];
  channel.on('publication', ({ data }) => got.push(data));
  channel.on('gap', () => got.push('gap'));
  return got;
}

interface Publisher {
  /** Tells the last number. */
  stop(): Promise<number>;
}

/** Publishes 1, 2, 3, … until it is stopped. */
function publisher(gateway: Gateway, channel: string): Publisher {
  const stopped = new AbortController();
  const done = (async () => {
    let last = 0;
    while (!stopped.signal.aborted) {
      last += 1;
      await gateway.publish(channel, last);
      if (last % 3 === 0) await pause(1);
    }
    return last;
  })();
  return {
    stop() {
      stopped.abort();
      return done;
    },
  };
}

function numbers(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1);
}

/** From 0 to below 1, the same numbers each time. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

async function subscribe(url: string, name: string, options: ClientOptions = {}) {
  const one = client(url, options);
  const channel = one.channel<number>(name);
  const got = collect(channel);
  void one.connect();
  await channel.subscribe();
  return { one, channel, got };
}

describe('fifty cuts, while somebody publishes', () => {
  const cases: { edge: 'uws' | 'ws'; kind: string; options: ClientOptions }[] = [
    { edge: 'uws', kind: 'JSON over the WebSocket of Node', options: {} },
    { edge: 'ws', kind: 'MessagePack over ws', options: { codec: msgpack, WebSocket } },
  ];

  test.each(cases)('on $edge with $kind: nothing is missing, nothing comes twice', async (one) => {
    const { gateway, port } = await start({
      transport: one.edge,
      limits: { framesPerSecond: 0, commandsPerSecond: 0, historyPublications: 1_000_000 },
      namespaces: { kept: { ...KEPT_LONG } },
    });
    const proxy = await Proxy.to(port);
    const random = dice(7);
    const { channel, got } = await subscribe(proxy.url, 'kept:1', { ...one.options, random });
    const recovered: boolean[] = [];
    channel.on('subscribed', (event) => recovered.push(event.recovered));
    const publishing = publisher(gateway, 'kept:1');
    for (let cut = 0; cut < 50; cut += 1) {
      // Anywhere: before the connect is answered, amid what is recovered, or while it is quiet.
      const before = proxy.connections;
      await pause(random() * 20);
      proxy.cut();
      await until('the client is back at the proxy', () => proxy.connections > before);
    }
    const last = await publishing.stop();
    await until('all was delivered', () => got.at(-1) === last);
    expect(got).toEqual(numbers(last));
    expect(recovered.every(Boolean)).toBe(true);
  });
});

const KEPT_LONG = {
  subscribe: 'anonymous',
  recovery: true,
  history: { size: 1_000_000, ttl: '5m' },
} as const;

describe('a history that is too short', () => {
  test('is told of, and what comes then is complete', async () => {
    const { gateway, port } = await start();
    const proxy = await Proxy.to(port);
    const { got } = await subscribe(proxy.url, 'short:1');
    await gateway.publish('short:1', 1);
    await until('the first is there', () => got.length === 1);
    proxy.next('refused');
    proxy.cut();
    for (const number of [2, 3, 4, 5, 6]) await gateway.publish('short:1', number);
    proxy.next('open');
    await until('it is told', () => got.includes('gap'));
    await gateway.publish('short:1', 7);
    await until('the last is there', () => got.includes(7));
    expect(got).toEqual([1, 'gap', 7]);
  });

  test('where nothing is recovered, it is told whether something was missed', async () => {
    const { gateway, port } = await start();
    const proxy = await Proxy.to(port);
    const { channel, got } = await subscribe(proxy.url, 'told:1');
    const subscribed = listen(channel, 'subscribed');
    await gateway.publish('told:1', 1);
    await until('the first is there', () => got.length === 1);
    proxy.cut();
    await until('it is back', () => subscribed.length === 1);
    proxy.next('refused');
    proxy.cut();
    await gateway.publish('told:1', 2);
    proxy.next('open');
    await until('it is told', () => got.includes('gap'));
    await gateway.publish('told:1', 3);
    await until('the last is there', () => got.includes(3));
    expect(got).toEqual([1, 'gap', 3]);
  });

  test('where only the latest is kept, that one comes', async () => {
    const { gateway, port } = await start();
    const proxy = await Proxy.to(port);
    const { got } = await subscribe(proxy.url, 'latest:1');
    await gateway.publish('latest:1', 1);
    await until('the first is there', () => got.length === 1);
    proxy.next('refused');
    proxy.cut();
    for (const number of [2, 3, 4]) await gateway.publish('latest:1', number);
    proxy.next('open');
    await until('the latest is there', () => got.includes(4));
    await gateway.publish('latest:1', 5);
    await until('the last is there', () => got.includes(5));
    expect(got).toEqual([1, 4, 5]);
  });
});

describe('a gateway that is started anew', () => {
  test('and has lost its streams: the gap is told, and the client is there again', async () => {
    const first = await start();
    const proxy = await Proxy.to(first.port);
    const { one, channel, got } = await subscribe(proxy.url, 'kept:1');
    const heard = listen(one, 'connecting');
    await first.gateway.publish('kept:1', 1);
    await until('the first is there', () => got.length === 1);
    proxy.next('refused');
    await first.gateway.close();
    await until('it was told', () => heard.length > 0);
    expect(heard[0]).toEqual(['connecting', { code: 3001, reason: 'shutdown' }]);
    const second = await start();
    proxy.target = second.port;
    proxy.next('open');
    await until('it is back', () => channel.state === 'subscribed');
    await second.gateway.publish('kept:1', 2);
    await until('the second is there', () => got.includes(2));
    expect(got).toEqual([1, 'gap', 2]);
  });
});

describe('a cut during', () => {
  test('connect: it is tried again', async () => {
    let asked = 0;
    const { port } = await start({
      hooks: {
        async connect() {
          asked += 1;
          if (asked === 1) {
            proxy.cut();
            await new Promise(() => undefined);
          }
        },
      },
    });
    const proxy = await Proxy.to(port);
    const one = client(proxy.url);
    await one.connect();
    expect(asked).toBe(2);
  });

  test('the opening of the socket: it is tried again', async () => {
    const { port } = await start();
    const proxy = await Proxy.to(port);
    proxy.next('refused');
    const one = client(proxy.url);
    const connecting = one.connect();
    await until('it has tried', () => proxy.connections >= 3);
    proxy.next('open');
    await connecting;
  });

  test('subscribe: it is tried again', async () => {
    let asked = 0;
    const { port } = await start({
      hooks: {
        async subscribe() {
          asked += 1;
          if (asked === 1) {
            proxy.cut();
            await new Promise(() => undefined);
          }
        },
      },
    });
    const proxy = await Proxy.to(port);
    const one = client(proxy.url);
    await one.connect();
    await one.channel('asked:1').subscribe();
    expect(asked).toBe(2);
  });

  test('publish: it rejects, and is not sent again', async () => {
    let asked = 0;
    const { gateway, port } = await start({
      hooks: {
        publish() {
          asked += 1;
          proxy.cut();
        },
      },
    });
    const proxy = await Proxy.to(port);
    const one = client(proxy.url, { offline: 'queue' });
    await one.connect();
    const error = await failure(one.publish('asked:1', 'once'));
    expect(error).toMatchObject({ name: 'SluiceError', code: 2, temporary: true });
    await one.rpc('nothing').catch(() => undefined);
    const { publications } = await gateway.history('asked:1', { limit: -1 });
    expect(publications).toHaveLength(1);
    expect(asked).toBe(1);
  });

  test('a publication that is too large is no reason to stay away', async () => {
    const { url } = await start();
    const { one, channel, got } = await subscribe(url, 'kept:1');
    const huge = failure(one.publish('kept:1', 'x'.repeat(70_000)));
    expect(await huge).toMatchObject({ code: 2, temporary: false });
    await one.connect();
    await channel.publish(1);
    await until('it is there', () => got.length === 1);
  });

  test('many publications: what resolved is there once, what rejected at most once', async () => {
    const { gateway, port } = await start();
    const proxy = await Proxy.to(port);
    const random = dice(11);
    const one = client(proxy.url, { offline: 'queue', random });
    await one.connect();
    const resolved: number[] = [];
    const lost: number[] = [];
    for (let number = 1; lost.length < 20; number += 1) {
      const publishing = one.publish('kept:1', number).then(
        () => resolved.push(number),
        () => lost.push(number),
      );
      if (random() < 0.2) {
        if (random() < 0.5) await new Promise(setImmediate);
        proxy.cut();
      }
      await publishing;
    }
    const { publications } = await gateway.history('kept:1', { limit: -1 });
    const there = publications.map(({ data }) => (data instanceof Json ? data.value() : data));
    expect(new Set(there).size).toBe(there.length);
    for (const number of resolved) expect(there).toContain(number);
    expect(resolved.length).toBeGreaterThan(20);
  });
});

describe('a network that is silent', () => {
  test('is noticed by its pings, and left', async () => {
    const { gateway, port } = await start({ ping: { interval: '1s', timeout: '900ms' } });
    const proxy = await Proxy.to(port);
    const { one, channel, got } = await subscribe(proxy.url, 'kept:1', { maxPingDelayMs: 100 });
    const heard = listen(one, 'connecting');
    proxy.stall();
    await gateway.publish('kept:1', 1);
    await until('it was noticed', () => heard.length > 0);
    expect(heard[0]).toEqual(['connecting', { code: 11, reason: 'no ping' }]);
    await until('it is back', () => channel.state === 'subscribed');
    await until('nothing is missing', () => got.length === 1);
    // The old connection comes to life again, and is nothing to the client.
    proxy.resume();
    await gateway.publish('kept:1', 2);
    await until('the second is there', () => got.length >= 2);
    expect(got).toEqual([1, 2]);
  });

  test('is noticed by a call, before a ping is due', async () => {
    const { port } = await start();
    const proxy = await Proxy.to(port);
    const { one } = await subscribe(proxy.url, 'kept:1', { timeoutMs: 100 });
    const heard = listen(one, 'connecting');
    proxy.stall();
    expect(await failure(one.publish('kept:1', 1))).toMatchObject({ code: 1 });
    await until('it was noticed', () => heard.length > 0);
    await until('it is back', () => one.state === 'connected');
  });

  test('a socket that is never opened is given up', async () => {
    const { port } = await start();
    const proxy = await Proxy.to(port);
    proxy.next('stalled');
    const one = client(proxy.url, { timeoutMs: 100 });
    const connecting = one.connect();
    await until('it was given up twice', () => proxy.connections >= 3);
    proxy.next('open');
    await connecting;
  });
});

describe('subscribing and unsubscribing in quick turns', () => {
  test('ends as asked, and loses nothing', async () => {
    const { gateway, url } = await start({
      namespaces: { kept: { ...KEPT_LONG, presence: true, presenceAccess: 'anonymous' } },
    });
    const { channel, got } = await subscribe(url, 'kept:1');
    const publishing = publisher(gateway, 'kept:1');
    for (let turn = 0; turn < 100; turn += 1) {
      channel.unsubscribe();
      const subscribing = channel.subscribe();
      subscribing.catch(() => undefined);
      if (turn % 3 === 0) await new Promise(setImmediate);
      if (turn % 7 === 0) await subscribing;
    }
    await channel.subscribe();
    const last = await publishing.stop();
    await until('all was delivered', () => got.at(-1) === last);
    expect(got).toEqual(numbers(last));
    channel.unsubscribe();
    const other = client(url);
    await other.connect();
    await expect.poll(async () => other.channel('kept:1').presence()).toEqual([]);
  });
});

describe('two clients of one process', () => {
  test('talk to each other, and one ends without the other', async () => {
    const { url } = await start();
    const a = await subscribe(url, 'kept:1');
    const b = await subscribe(url, 'kept:1', { codec: msgpack });
    await a.channel.publish(1);
    await b.channel.publish(2);
    await until('both are there', () => a.got.length === 2 && b.got.length === 2);
    expect(b.got).toEqual(a.got);
    a.one.close();
    await b.channel.publish(3);
    await until('the third is there', () => b.got.length === 3);
    expect(a.got).toHaveLength(2);
  });
});

async function pendingOf(one: Client): Promise<unknown[]> {
  const channel = one.channel('asked:1');
  return [
    one.rpc('never'),
    one.channel('asked:2').subscribe(),
    channel.publish(1),
    channel.history(),
    channel.presence(),
  ].map(failure);
}

test('close, while the gateway answers nothing, settles every promise', async () => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const { gateway, url } = await start({ hooks: { rpc: never, subscribe: never, publish: never } });
  const one = client(url);
  await one.connect();
  const pending = pendingOf(one);
  await new Promise(setImmediate);
  one.close();
  for (const error of await Promise.all(await pending)) {
    expect(error).toMatchObject({ name: 'SluiceError', temporary: false });
  }
  await until('the gateway knows', () => gateway.connections === 0);
});
