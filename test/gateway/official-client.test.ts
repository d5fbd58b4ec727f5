/** The official client of the protocol, unmodified, against a real gateway on both edges. */
import type { Centrifuge, PublicationContext, Subscription } from 'centrifuge';
import { describe, expect, test, vi } from 'vitest';
import { Refusal } from '../../src/kernel/errors.ts';
import type { EdgeName } from '../support/gateway.ts';
import { EDGES, earnest, next, officialClient, startGateway, token } from '../support/gateway.ts';

const CHANNEL = { history: { size: 100, ttl: '5m' }, recovery: true, presence: true } as const;

async function connected(client: Centrifuge): Promise<Centrifuge> {
  client.connect();
  await client.ready(5000);
  return client;
}

async function subscribed(subscription: Subscription): Promise<Subscription> {
  subscription.subscribe();
  await subscription.ready(5000);
  return subscription;
}

/** Cuts the connection under the client, as a lost network would. */
function cut(client: Centrifuge): void {
  const { _transport: transport } = client as unknown as {
    _transport: { _transport: { terminate(): void } };
  };
  transport._transport.terminate();
}

describe.each(EDGES)('over %s, the official client', (transport: EdgeName) => {
  test('connects without a token where anonymous clients are allowed', async () => {
    const { url } = await startGateway({ transport });
    const client = officialClient(url);
    client.connect();
    expect(await next<{ client: string }>(client, 'connected')).toMatchObject({
      client: expect.stringMatching(/^[0-9A-Za-z]{16}$/),
    });
  });

  test('is told 101 without a token where there must be one, and stops', async () => {
    const { url } = await startGateway(earnest({ transport }));
    const client = officialClient(url);
    client.connect();
    expect(await next(client, 'disconnected')).toMatchObject({ code: 101 });
  });

  test('connects with a token, and publishes under the user of it', async () => {
    const { url } = await startGateway(
      earnest({ transport, namespaces: { default: { subscribe: 'client', publish: 'client' } } }),
    );
    const jwt = await token({ sub: 'ada', info: { name: 'Ada' } });
    const client = await connected(officialClient(url, { token: jwt }));
    const subscription = await subscribed(client.newSubscription('news'));
    const publication = next<PublicationContext>(subscription, 'publication');
    await subscription.publish({ text: 'hello' });
    expect(await publication).toMatchObject({
      data: { text: 'hello' },
      info: { user: 'ada', connInfo: { name: 'Ada' } },
    });
  });

  test('is closed with 3500 for a token that is not to be believed, and stops', async () => {
    const { url } = await startGateway(earnest({ transport }));
    const client = officialClient(url, { token: 'no.token.atall' });
    client.connect();
    expect(await next(client, 'disconnected')).toMatchObject({ code: 3500 });
  });

  test('gets a new token when the first has expired, and connects with it', async () => {
    const { url } = await startGateway(earnest({ transport }));
    const expired = await token({ sub: 'ada', exp: 1 });
    const client = officialClient(url, { token: expired, getToken: () => token({ sub: 'ada' }) });
    await connected(client);
  });

  test('refreshes its token before it runs out, and stays connected', async () => {
    const { url } = await startGateway(
      earnest({ transport, expiry: { connectionGrace: '1s', subscriptionGrace: '1s' } }),
    );
    let refreshed = 0;
    const soon = (): number => Math.floor(Date.now() / 1000) + 2;
    const client = officialClient(url, {
      token: await token({ sub: 'ada', exp: soon() }),
      getToken() {
        refreshed += 1;
        return token({ sub: 'ada', exp: soon() });
      },
    });
    const lost = vi.fn<() => void>();
    await connected(client);
    client.on('connecting', lost);
    await vi.waitFor(() => expect(refreshed).toBeGreaterThanOrEqual(2), { timeout: 10_000 });
    expect(lost).not.toHaveBeenCalled();
  });

  test('recovers what was published while it was away, once and in order', async () => {
    const { url } = await startGateway({ transport });
    const reader = await connected(officialClient(url));
    const author = await connected(officialClient(url));
    const subscription = reader.newSubscription('feed', { recoverable: true });
    const got: unknown[] = [];
    subscription.on('publication', ({ data }) => got.push(data));
    await subscribed(subscription);
    await author.publish('feed', 1);
    await vi.waitFor(() => expect(got).toEqual([1]));
    const back = next<{ recovered: boolean; wasRecovering: boolean }>(subscription, 'subscribed');
    cut(reader);
    await author.publish('feed', 2);
    await author.publish('feed', 3);
    expect(await back).toMatchObject({ wasRecovering: true, recovered: true });
    await author.publish('feed', 4);
    await vi.waitFor(() => expect(got).toEqual([1, 2, 3, 4]));
  });

  test('is told that it did not recover when the history holds too little', async () => {
    const { url } = await startGateway({
      transport,
      namespaces: { default: { history: { size: 2, ttl: '5m' } } },
    });
    const reader = await connected(officialClient(url));
    const author = await connected(officialClient(url));
    const subscription = await subscribed(reader.newSubscription('feed', { recoverable: true }));
    const first = next(subscription, 'publication');
    await author.publish('feed', 0);
    await first;
    reader.disconnect();
    for (const data of [1, 2, 3]) await author.publish('feed', data);
    const back = next<{ recovered: boolean }>(subscription, 'subscribed');
    reader.connect();
    expect(await back).toMatchObject({ wasRecovering: true, recovered: false });
  });

  test('in a cache channel gets the latest publication at once', async () => {
    const { url } = await startGateway({
      transport,
      namespaces: { default: { recovery: 'cache' } },
    });
    const author = await connected(officialClient(url));
    await author.publish('state', { version: 1 });
    await author.publish('state', { version: 2 });
    const reader = await connected(officialClient(url));
    const subscription = reader.newSubscription('state', {
      since: { offset: 0, epoch: '' },
      recoverable: true,
    });
    const publication = next<PublicationContext>(subscription, 'publication');
    await subscribed(subscription);
    expect(await publication).toMatchObject({ data: { version: 2 }, offset: 2 });
  });

  test('reads history forwards, backwards and from a position', async () => {
    const { url } = await startGateway({ transport });
    const client = await connected(officialClient(url));
    const subscription = await subscribed(client.newSubscription('log'));
    for (const data of [1, 2, 3, 4]) await subscription.publish(data);
    const data = (result: { publications: { data: unknown }[] }): unknown[] =>
      result.publications.map((publication) => publication.data);
    const first = await subscription.history({ limit: 2 });
    expect(data(first)).toEqual([1, 2]);
    expect(first.offset).toBe(4);
    const { epoch } = first;
    expect(data(await subscription.history({ limit: -1, since: { offset: 2, epoch } }))).toEqual([
      3, 4,
    ]);
    expect(data(await subscription.history({ limit: 3, reverse: true }))).toEqual([4, 3, 2]);
    expect(data(await subscription.history({ limit: 0 }))).toEqual([]);
    await expect(
      subscription.history({ limit: 1, since: { offset: 1, epoch: 'other' } }),
    ).rejects.toMatchObject({ code: 112 });
  });

  test('sees presence, its stats, joins and leaves', async () => {
    const { url } = await startGateway({ transport });
    const watcher = await connected(officialClient(url));
    const room = watcher.newSubscription('room', { joinLeave: true });
    await subscribed(room);
    const other = await connected(officialClient(url));
    const id = (await new Promise<string>((resolve) => {
      room.on('join', ({ info }) => resolve(info.client));
      other.newSubscription('room').subscribe();
    })) satisfies string;
    expect(Object.keys((await room.presence()).clients)).toContain(id);
    expect(await room.presenceStats()).toEqual({ numClients: 2, numUsers: 1 });
    const leave = next<{ info: { client: string } }>(room, 'leave');
    other.disconnect();
    expect((await leave).info.client).toBe(id);
    expect(await room.presenceStats()).toMatchObject({ numClients: 1 });
  });

  test('calls the application, and hears its answers and refusals', async () => {
    const { url } = await startGateway({
      transport,
      hooks: {
        rpc({ method, data }) {
          if (method === 'double') return Number(data) * 2;
          throw new Refusal({ code: 404, message: 'no such thing', temporary: false });
        },
      },
    });
    const client = await connected(officialClient(url));
    expect(await client.rpc('double', 21)).toEqual({ data: 42 });
    await expect(client.rpc('triple', 1)).rejects.toMatchObject({ code: 404 });
  });

  test('is told 108 for an rpc that nobody answers', async () => {
    const { url } = await startGateway({ transport });
    const client = await connected(officialClient(url));
    await expect(client.rpc('anything', {})).rejects.toMatchObject({ code: 108 });
  });

  test('sends messages to the application', async () => {
    const heard = vi.fn<(data: unknown) => void>();
    const { url } = await startGateway({ transport, hooks: { message: (data) => heard(data) } });
    const client = await connected(officialClient(url));
    await client.send({ note: 'psst' });
    await vi.waitFor(() => expect(heard).toHaveBeenCalledWith({ note: 'psst' }));
  });

  test('is subscribed by its token, recovers there too, and hears of it', async () => {
    const { url } = await startGateway(
      earnest({ transport, namespaces: { default: { ...CHANNEL, publish: 'client' } } }),
    );
    const jwt = await token({ sub: 'ada', channels: ['inbox'], subs: { alerts: { data: 'hi' } } });
    const reader = officialClient(url, { token: jwt });
    const subs: Record<string, unknown> = {};
    reader.on('subscribed', (context) => {
      subs[context.channel] = context.data;
    });
    const got: unknown[] = [];
    reader.on('publication', ({ data }) => got.push(data));
    await connected(reader);
    expect(subs).toEqual({ inbox: undefined, alerts: 'hi' });
    const author = await connected(officialClient(url, { token: await token({ sub: 'bob' }) }));
    await author.publish('inbox', 'one');
    await vi.waitFor(() => expect(got).toEqual(['one']));
    const back = next<{ recovered: boolean }>(reader, 'subscribed');
    cut(reader);
    await author.publish('inbox', 'two');
    expect(await back).toMatchObject({ recovered: true });
    await vi.waitFor(() => expect(got).toEqual(['one', 'two']));
  });

  test('takes deltas, and sees each publication whole', async () => {
    const { url } = await startGateway({ transport });
    const reader = await connected(officialClient(url));
    const author = await connected(officialClient(url));
    const subscription = reader.newSubscription('document', { delta: 'fossil', recoverable: true });
    const frames: string[] = [];
    const transportOf = reader as unknown as {
      _transport: { _transport: { on(event: string, on: (data: Buffer) => void): void } };
    };
    transportOf._transport._transport.on('message', (data) => frames.push(data.toString()));
    const got: unknown[] = [];
    subscription.on('publication', ({ data }) => got.push(data));
    await subscribed(subscription);
    const text = 'the same words again and again, hardly changed, '.repeat(10);
    const sent = [1, 2, 3, 4].map((count) => ({ text: `${text} – ${count} ☃` }));
    for (const data of sent) await author.publish('document', data);
    await vi.waitFor(() => expect(got).toEqual(sent));
    expect(frames.filter((frame) => frame.includes('"delta":true')).length).toBeGreaterThan(1);
    const back = next(subscription, 'subscribed');
    cut(reader);
    const more = { text: `${text} – 5` };
    await author.publish('document', more);
    await back;
    await author.publish('document', { ...more, last: true });
    await vi.waitFor(() => expect(got).toEqual([...sent, more, { ...more, last: true }]));
  });

  test('survives quick loops of subscribe and unsubscribe', async () => {
    const { url } = await startGateway({ transport });
    const client = await connected(officialClient(url));
    const subscription = client.newSubscription('loop');
    const errors: unknown[] = [];
    subscription.on('error', (context) => errors.push(context.error));
    for (let round = 0; round < 100; round += 1) {
      subscription.subscribe();
      if (round % 3 === 0) await subscription.ready(5000);
      subscription.unsubscribe();
    }
    await subscribed(subscription);
    const publication = next(subscription, 'publication');
    await subscription.publish('still here');
    expect(await publication).toMatchObject({ data: 'still here' });
    expect(errors).toEqual([]);
  });

  test('survives quick loops of connect and disconnect', async () => {
    const { url, gateway } = await startGateway({ transport });
    const client = officialClient(url);
    client.newSubscription('loop').subscribe();
    for (let round = 0; round < 50; round += 1) {
      client.connect();
      if (round % 3 === 0) await client.ready(5000);
      client.disconnect();
    }
    await connected(client);
    await vi.waitFor(() => expect(gateway.connections).toBe(1));
  });

  test('answers the pings of the server', async () => {
    const { url } = await startGateway({ transport, ping: { interval: '2s', timeout: '1s' } });
    const client = await connected(officialClient(url));
    const lost = vi.fn<() => void>();
    client.on('connecting', lost);
    const pings = vi.fn<() => void>();
    const inner = client as unknown as {
      _transport: { _transport: { on(event: string, on: (data: Buffer) => void): void } };
    };
    inner._transport._transport.on('message', (data) => {
      if (data.toString() === '{}') pings();
    });
    await vi.waitFor(() => expect(pings.mock.calls.length).toBeGreaterThanOrEqual(2), {
      timeout: 8000,
    });
    expect(lost).not.toHaveBeenCalled();
  });
});
