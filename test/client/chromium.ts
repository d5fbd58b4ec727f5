/** A page in a headless Chromium, and our SDK in it behind the face of the scenarios. */
import { existsSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { chromium } from 'playwright-core';
import type { Client } from '../../src/client/client.ts';
import type { Delta } from '../../src/client/options.ts';
import { bundleOfAll } from './bundle.ts';
import type { ConnectOptions, DrivenChannel, DrivenClient, Driver } from './drivers.ts';

/** Where a Chromium is; another place can be told by `CHROMIUM_PATH`. */
const EXECUTABLE = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';

export const HAS_CHROMIUM = existsSync(EXECUTABLE);

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] });
}

/** A page of `http` with the SDK as `sluice`; what it throws and nobody catches goes to `errors`. */
export async function openPage(browser: Browser, http: string, errors: string[]): Promise<Page> {
  const page = await browser.newPage();
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(`${http}/health`);
  await page.addScriptTag({ type: 'module', content: await bundleOfAll() });
  return page;
}

type Entry = [string, ...unknown[]];

/** Runs in the page: keeps clients and channels by number, and tells what happens. */
function control(): void {
  const { sluice, heard, ask } = globalThis as unknown as {
    sluice: { Client: typeof Client; fossil: Delta };
    heard: (id: number, entry: Entry) => void;
    ask: (id: number) => Promise<string>;
  };
  const objects: unknown[] = [];
  const delays = { minReconnectDelayMs: 10, maxReconnectDelayMs: 50 };
  const actions = {
    client(id: number, url: string, options: object, asks: boolean) {
      const getToken = asks ? { getToken: () => ask(id) } : {};
      const one = new sluice.Client(url, { ...delays, ...options, ...getToken });
      one.on('connecting', ({ code }) => heard(id, ['connecting', code]));
      one.on('connected', ({ data }) => heard(id, ['connected', data]));
      one.on('disconnected', ({ code }) => heard(id, ['disconnected', code]));
      one.on('subscribed', (sub) => heard(id, ['subscribed', sub.channel, sub.recovered]));
      one.on('unsubscribed', (sub) => heard(id, ['unsubscribed', sub.channel]));
      one.on('publication', (pub) => heard(id, ['pub', pub.channel, pub.data, pub.offset]));
      objects[id] = one;
    },
    channel(id: number, of: number, name: string, options: { delta?: boolean; asks: boolean }) {
      const { delta, asks, ...rest } = options;
      const getToken = asks ? { getToken: () => ask(id) } : {};
      const format = delta === true ? { delta: sluice.fossil } : {};
      const one = objects[of] as Client;
      const channel = one.channel(name, { ...rest, ...getToken, ...format });
      channel.on('subscribing', ({ code }) => heard(id, ['subscribing', code]));
      channel.on('subscribed', ({ recovered }) => heard(id, ['subscribed', recovered]));
      channel.on('unsubscribed', ({ code }) => heard(id, ['unsubscribed', code]));
      channel.on('publication', ({ data, offset }) => heard(id, ['pub', data, offset]));
      channel.on('join', ({ info }) => heard(id, ['join', info.user]));
      channel.on('leave', ({ info }) => heard(id, ['leave', info.user]));
      objects[id] = channel;
    },
    /** Errors keep their code on the way out of the page. */
    async call(id: number, method: string, args: unknown[]) {
      const object = objects[id] as Record<string, (...args: unknown[]) => Promise<unknown>>;
      try {
        return { value: await object[method]?.(...args) };
      } catch (error) {
        const { code, message } = error as { code: number; message: string };
        return { code, message };
      }
    },
    closeAll() {
      for (const object of objects as (Client | undefined)[]) object?.close();
    },
    /** Without waiting. */
    tell(id: number, method: string) {
      const object = objects[id] as Record<string, () => Promise<unknown> | undefined>;
      void object[method]?.()?.catch(() => undefined);
    },
  };
  Object.assign(globalThis, { actions });
}

/** The clients are in the page; they are told what to do in the order of the calls here. */
export async function chromiumDriver(page: Page): Promise<Driver> {
  const logs: Entry[][] = [];
  const getters: ((() => Promise<string>) | undefined)[] = [];
  await page.exposeFunction('heard', (id: number, entry: Entry) => void logs[id]?.push(entry));
  await page.exposeFunction('ask', (id: number) => getters[id]?.());
  await page.evaluate(control);

  const act = (name: string, ...args: unknown[]): Promise<unknown> =>
    page.evaluate(
      ([action, rest]) => {
        const { actions } = globalThis as unknown as {
          actions: Record<string, (...args: readonly unknown[]) => unknown>;
        };
        return actions[action]?.(...rest);
      },
      [name, args] as const,
    );
  const call = async (id: number, method: string, ...args: unknown[]): Promise<unknown> => {
    const result = (await act('call', id, method, args)) as { code?: number; value?: unknown };
    if (result.code !== undefined) throw Object.assign(new Error(method), result);
    return result.value;
  };
  const make = (getToken: (() => Promise<string>) | undefined): number => {
    getters.push(getToken);
    return logs.push([]) - 1;
  };

  function channel(of: number, name: string, options: ConnectOptions): DrivenChannel {
    const { getToken, ...rest } = options;
    const id = make(getToken);
    void act('channel', id, of, name, { ...rest, asks: getToken !== undefined });
    return {
      log: logs[id] ?? [],
      subscribe: () => void act('tell', id, 'subscribe'),
      unsubscribe: () => void act('tell', id, 'unsubscribe'),
      publish: (data) => call(id, 'publish', data),
      async history(limit, reverse = false) {
        const { publications, position } = (await call(id, 'history', { limit, reverse })) as {
          publications: { data: unknown }[];
          position: { offset: number; epoch: string };
        };
        return { data: publications.map(({ data }) => data), position };
      },
      async presence() {
        const infos = (await call(id, 'presence')) as { user: string; connInfo: unknown }[];
        return infos.map(({ user, connInfo }) => ({ user, info: connInfo }));
      },
      async presenceStats() {
        const stats = (await call(id, 'presenceStats')) as { clients: number; users: number };
        return [stats.clients, stats.users];
      },
    };
  }

  return {
    name: 'ours, in Chromium',
    client(url, { getToken, ...rest } = {}): DrivenClient {
      const id = make(getToken);
      void act('client', id, url, rest, getToken !== undefined);
      return {
        log: logs[id] ?? [],
        connect: () => void act('tell', id, 'connect'),
        close: () => void act('tell', id, 'close'),
        channel: (name, options = {}) => channel(id, name, options),
        rpc: (method, data) => call(id, 'rpc', method, data),
        send: (data) => call(id, 'send', data),
      };
    },
  };
}
