/** What an SDK and the gateway do together, told once for all SDKs. */
import { expect } from 'vitest';
import { Disconnection } from '../../src/protocol/close.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import type { Gateway, GatewayOptions } from '../../src/gateway.ts';
import { token } from '../support/gateway.ts';
import type { Driver, Log } from './drivers.ts';
import type { Proxy } from './proxy.ts';
import { until } from './rig.ts';

interface World {
  readonly driver: Driver;
  readonly gateway: Gateway;
  /** What the clients of `url` go through. */
  readonly proxy: Proxy;
  readonly url: string;
  /** What the backend heard by `send`. */
  readonly messages: unknown[];
}

export interface Scenario {
  readonly name: string;
  readonly run: (world: World) => Promise<void>;
}

/** The backend of all scenarios. */
export function backend(messages: unknown[]): NonNullable<GatewayOptions['hooks']> {
  return {
    connect: ({ data }) => (data === undefined ? {} : { data: { echo: data } }),
    rpc({ method, data }) {
      if (method === 'echo') return data;
      if (method === 'refuse') throw new Refusal({ code: 444, message: 'no', temporary: false });
      if (method === 'leave') throw new Disconnection(closeOf(data));
      throw new Refusal('methodNotFound');
    },
    message: (data) => void messages.push(data),
    subscribe: ({ data }) => ({ data: { echo: data } }),
    publish: ({ data }) => ({ data: { changed: data } }),
  };
}

function closeOf(code: unknown): { readonly code: number; readonly reason: string } {
  return { code: Number(code), reason: 'asked for' };
}

async function heard(log: Log, ...entry: unknown[]): Promise<void> {
  const wanted = JSON.stringify(entry);
  await until(`${wanted} in ${JSON.stringify(log)}`, () =>
    log.some((one) => JSON.stringify(one) === wanted),
  );
}

function of(log: Log, name: string): unknown[][] {
  return log.filter(([one]) => one === name).map(([, ...rest]) => rest);
}

function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1000) + seconds;
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'resolved',
    (error: unknown) => (error as { code: number }).code,
  );
}

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'connect carries data there and back',
    async run({ driver, url }) {
      const one = driver.client(url, { data: { from: 'client' } });
      one.connect();
      await heard(one.log, 'connected', { echo: { from: 'client' } });
    },
  },
  {
    name: 'publications go both ways, in one order',
    async run({ driver, gateway, url }) {
      const [a, b] = [driver.client(url), driver.client(url)];
      const [left, right] = [a.channel('kept:1'), b.channel('kept:1')];
      for (const one of [a, b]) one.connect();
      for (const one of [left, right]) one.subscribe();
      await Promise.all([left, right].map((one) => heard(one.log, 'subscribed', false)));
      await left.publish({ n: 1 });
      await right.publish([2, 'zwölf', null, true, 1.5]);
      await gateway.publish('kept:1', 'three');
      await Promise.all([left, right].map((one) => heard(one.log, 'pub', 'three', 3)));
      const all = [
        [{ n: 1 }, 1],
        [[2, 'zwölf', null, true, 1.5], 2],
        ['three', 3],
      ];
      expect(of(left.log, 'pub')).toEqual(all);
      expect(of(right.log, 'pub')).toEqual(all);
    },
  },
  {
    name: 'a channel without history delivers, too',
    async run({ driver, gateway, url }) {
      const one = driver.client(url);
      const channel = one.channel('plain:1');
      one.connect();
      channel.subscribe();
      await heard(channel.log, 'subscribed', false);
      await gateway.publish('plain:1', 'x');
      await heard(channel.log, 'pub', 'x', 0);
      expect(await codeOf(channel.history(1))).toBe(108);
    },
  },
  {
    name: 'history is read forwards and backwards',
    async run({ driver, gateway, url }) {
      const one = driver.client(url);
      const channel = one.channel('kept:1');
      one.connect();
      channel.subscribe();
      await heard(channel.log, 'subscribed', false);
      for (const n of [1, 2, 3]) await gateway.publish('kept:1', n);
      const all = await channel.history(10);
      expect(all.data).toEqual([1, 2, 3]);
      expect(all.position).toMatchObject({ offset: 3 });
      expect((await channel.history(2, true)).data).toEqual([3, 2]);
      expect((await channel.history(0)).data).toEqual([]);
    },
  },
  {
    name: 'presence, joins and leaves tell who is there',
    async run({ driver, url }) {
      const [ann, bob] = await Promise.all(
        ['ann', 'bob'].map(async (sub) =>
          driver.client(url, { token: await token({ sub, info: { name: sub } }) }),
        ),
      );
      if (ann === undefined || bob === undefined) return;
      const here = ann.channel('kept:1', { joinLeave: true });
      ann.connect();
      here.subscribe();
      await heard(here.log, 'join', 'ann');
      bob.connect();
      bob.channel('kept:1').subscribe();
      await heard(here.log, 'join', 'bob');
      const there = await here.presence();
      expect(there.toSorted((a, b) => a.user.localeCompare(b.user))).toEqual([
        { user: 'ann', info: { name: 'ann' } },
        { user: 'bob', info: { name: 'bob' } },
      ]);
      expect(await here.presenceStats()).toEqual([2, 2]);
      bob.close();
      await heard(here.log, 'leave', 'bob');
    },
  },
  {
    name: 'the backend is asked, told, and may refuse',
    async run({ driver, url, messages }) {
      const one = driver.client(url);
      one.connect();
      await until('it is connected', () => of(one.log, 'connected').length === 1);
      expect(await one.rpc('echo', { a: [1] })).toEqual({ a: [1] });
      expect(await codeOf(one.rpc('refuse', null))).toBe(444);
      expect(await codeOf(one.rpc('unknown', null))).toBe(104);
      await one.send({ typing: true });
      await until('the backend heard', () => messages.length === 1);
      expect(messages).toEqual([{ typing: true }]);
    },
  },
  {
    name: 'the backend changes what is published',
    async run({ driver, url }) {
      const one = driver.client(url);
      const channel = one.channel('asked:1');
      one.connect();
      channel.subscribe();
      await heard(channel.log, 'subscribed', false);
      await channel.publish(1);
      await heard(channel.log, 'pub', { changed: 1 }, 1);
    },
  },
  {
    name: 'what is refused for good is not tried again',
    async run({ driver, url }) {
      const one = driver.client(url);
      const [closed, unknown, mine] = ['closed:1', 'nowhere:1', 'mine:1'].map((name) =>
        one.channel(name),
      );
      one.connect();
      for (const channel of [closed, unknown, mine]) channel?.subscribe();
      await heard(closed?.log ?? [], 'unsubscribed', 103);
      await heard(unknown?.log ?? [], 'unsubscribed', 102);
      await heard(mine?.log ?? [], 'unsubscribed', 103);
      expect(await codeOf(closed?.publish(1) ?? Promise.resolve())).not.toBe('resolved');
    },
  },
  {
    name: 'a cut is healed: what was missed comes, in order',
    async run({ driver, gateway, url, proxy }) {
      const one = driver.client(url);
      const channel = one.channel('kept:1');
      one.connect();
      channel.subscribe();
      await heard(channel.log, 'subscribed', false);
      await gateway.publish('kept:1', 1);
      await heard(channel.log, 'pub', 1, 1);
      proxy.next('refused');
      proxy.cut();
      for (const n of [2, 3, 4]) await gateway.publish('kept:1', n);
      proxy.next('open');
      await heard(channel.log, 'subscribed', true);
      await gateway.publish('kept:1', 5);
      await heard(channel.log, 'pub', 5, 5);
      expect(of(channel.log, 'pub').map(([data]) => data)).toEqual([1, 2, 3, 4, 5]);
    },
  },
  {
    name: 'where too much was missed, that is told',
    async run({ driver, gateway, url, proxy }) {
      const one = driver.client(url);
      const channel = one.channel('short:1');
      one.connect();
      channel.subscribe();
      await heard(channel.log, 'subscribed', false);
      proxy.next('refused');
      proxy.cut();
      for (const n of [1, 2, 3, 4, 5]) await gateway.publish('short:1', n);
      proxy.next('open');
      await until('it is back', () => of(channel.log, 'subscribed').length === 2);
      await gateway.publish('short:1', 6);
      await heard(channel.log, 'pub', 6, 6);
      expect(of(channel.log, 'subscribed')).toEqual([[false], [false]]);
      expect(of(channel.log, 'pub')).toEqual([[6, 6]]);
    },
  },
  {
    name: 'where the latest is kept, it comes after a cut',
    async run({ driver, gateway, url, proxy }) {
      const one = driver.client(url);
      const channel = one.channel('latest:1');
      one.connect();
      channel.subscribe();
      await heard(channel.log, 'subscribed', false);
      await gateway.publish('latest:1', 1);
      await heard(channel.log, 'pub', 1, 1);
      proxy.next('refused');
      proxy.cut();
      for (const n of [2, 3]) await gateway.publish('latest:1', n);
      proxy.next('open');
      await heard(channel.log, 'subscribed', true);
      await heard(channel.log, 'pub', 3, 3);
      expect(of(channel.log, 'pub').map(([data]) => data)).toEqual([1, 3]);
    },
  },
  {
    name: 'unsubscribing and subscribing again continues',
    async run({ driver, gateway, url }) {
      const one = driver.client(url);
      const channel = one.channel('kept:1');
      one.connect();
      channel.subscribe();
      await heard(channel.log, 'subscribed', false);
      for (let n = 0; n < 10; n += 1) {
        channel.unsubscribe();
        channel.subscribe();
      }
      await heard(channel.log, 'subscribed', true);
      channel.unsubscribe();
      await heard(channel.log, 'unsubscribed', 0);
      await gateway.publish('kept:1', 1);
      channel.subscribe();
      await heard(channel.log, 'pub', 1, 1);
    },
  },
  {
    name: 'the server ends a subscription',
    async run({ driver, gateway, url }) {
      const one = driver.client(url, { token: await token({ sub: 'ann' }) });
      const channel = one.channel('kept:1');
      one.connect();
      channel.subscribe();
      await heard(channel.log, 'subscribed', false);
      await gateway.unsubscribe('ann', 'kept:1');
      await heard(channel.log, 'unsubscribed', 2000);
    },
  },
  {
    name: 'the server subscribes a connection, and it continues after a cut',
    async run({ driver, gateway, url, proxy }) {
      const one = driver.client(url, { token: await token({ sub: 'ann', channels: ['kept:s'] }) });
      one.connect();
      await heard(one.log, 'subscribed', 'kept:s', false);
      await gateway.publish('kept:s', 1);
      await heard(one.log, 'pub', 'kept:s', 1, 1);
      await gateway.subscribe('ann', 'plain:s');
      await until('it is told', () => of(one.log, 'subscribed').length === 2);
      await gateway.publish('plain:s', 'x');
      await until('it is delivered', () => of(one.log, 'pub').length === 2);
      await gateway.unsubscribe('ann', 'plain:s');
      await heard(one.log, 'unsubscribed', 'plain:s');
      proxy.next('refused');
      proxy.cut();
      await gateway.publish('kept:s', 2);
      proxy.next('open');
      await heard(one.log, 'subscribed', 'kept:s', true);
      await heard(one.log, 'pub', 'kept:s', 2, 2);
    },
  },
  {
    name: 'the server closes, and the code says whether to come back',
    async run({ driver, gateway, url }) {
      for (const code of [3000, 3008, 3012, 4000]) {
        const one = driver.client(url);
        one.connect();
        await until('it is connected', () => of(one.log, 'connected').length === 1);
        await codeOf(one.rpc('leave', code));
        await heard(one.log, 'connecting', code);
        await until('it is back', () => of(one.log, 'connected').length === 2);
      }
      for (const code of [3500, 3503, 3509, 4500]) {
        const one = driver.client(url);
        one.connect();
        await until('it is connected', () => of(one.log, 'connected').length === 1);
        expect(await codeOf(one.rpc('leave', code))).not.toBe('resolved');
        await heard(one.log, 'disconnected', code);
      }
      const ann = driver.client(url, { token: await token({ sub: 'ann' }) });
      ann.connect();
      await until('it is connected', () => of(ann.log, 'connected').length === 1);
      await gateway.disconnect('ann');
      await heard(ann.log, 'disconnected', 3503);
    },
  },
  {
    name: 'a token that is none ends it',
    async run({ driver, url }) {
      const one = driver.client(url, { token: 'nonsense' });
      one.connect();
      await heard(one.log, 'disconnected', 3500);
    },
  },
  {
    name: 'a token that has run out is replaced',
    async run({ driver, url }) {
      const old = await token({ sub: 'ann', exp: inSeconds(-10) });
      let asked = 0;
      const getToken = (): Promise<string> => {
        asked += 1;
        return token({ sub: 'ann', exp: inSeconds(60) });
      };
      const one = driver.client(url, { token: old, getToken });
      one.connect();
      await until('it is connected', () => of(one.log, 'connected').length === 1);
      expect(asked).toBe(1);
    },
  },
  {
    name: 'tokens are renewed while connected',
    async run({ driver, url }) {
      const asked: string[] = [];
      const getToken = (): Promise<string> => {
        asked.push('connection');
        return token({ sub: 'ann', exp: inSeconds(2) });
      };
      const getChannelToken = (): Promise<string> => {
        asked.push('subscription');
        return token({ sub: 'ann', channel: 'mine:1', exp: inSeconds(2) });
      };
      const one = driver.client(url, { getToken });
      const channel = one.channel('mine:1', { getToken: getChannelToken });
      one.connect();
      channel.subscribe();
      await heard(channel.log, 'subscribed', false);
      const count = (kind: string): number => asked.filter((name) => name === kind).length;
      await until('both were renewed', () => count('connection') > 1 && count('subscription') > 1);
      expect(of(one.log, 'connected')).toHaveLength(1);
      expect(of(channel.log, 'subscribed')).toHaveLength(1);
      expect(of(channel.log, 'unsubscribed')).toEqual([]);
    },
  },
  {
    name: 'a subscription token opens its channel, and no other',
    async run({ driver, url }) {
      const one = driver.client(url, { token: await token({ sub: 'ann' }) });
      const right = await token({ sub: 'ann', channel: 'mine:1' });
      const mine = one.channel('mine:1', { token: right });
      const other = one.channel('mine:2', { token: right });
      one.connect();
      mine.subscribe();
      other.subscribe();
      await heard(mine.log, 'subscribed', false);
      await heard(other.log, 'unsubscribed', 103);
    },
  },
  {
    name: 'differences make the same publications',
    async run({ driver, gateway, url, proxy }) {
      const one = driver.client(url);
      const channel = one.channel('kept:1', { delta: true });
      one.connect();
      channel.subscribe();
      await heard(channel.log, 'subscribed', false);
      const text = 'the same long text in every publication, only the number differs: ';
      const data = Array.from({ length: 20 }, (_, n) => ({ text, n, umlaut: 'ü'.repeat(n) }));
      for (const [index, next] of data.entries()) {
        if (index === 10) {
          await until('half is there', () => of(channel.log, 'pub').length === 10);
          proxy.next('refused');
          proxy.cut();
        }
        await gateway.publish('kept:1', next, { delta: true });
        if (index === 15) proxy.next('open');
      }
      await until('all is there', () => of(channel.log, 'pub').length === data.length);
      expect(of(channel.log, 'pub').map(([got]) => got)).toEqual(data);
    },
  },
];
