/** The SDK in a browser: the same scenarios, and what only a page has. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import type { Codec } from '../../src/client/codec.ts';
import { createGateway } from '../../src/gateway.ts';
import { chromiumDriver, HAS_CHROMIUM, launch, openPage } from './chromium.ts';
import type { Driver } from './drivers.ts';
import { Proxy } from './proxy.ts';
import { start, until } from './rig.ts';
import { backend, SCENARIOS } from './scenarios.ts';

/** What the page has. */
interface Global {
  readonly sluice: { readonly Client: typeof Client; readonly msgpack: Codec };
  readonly document: EventTarget;
}

describe.skipIf(!HAS_CHROMIUM)('in Chromium', () => {
  let browser: Browser;
  let driver: Driver;
  let page: Page;
  const errors: string[] = [];

  beforeAll(async () => {
    browser = await launch();
    // The page outlives the gateway that it came from.
    const gateway = createGateway({ dev: true, host: '127.0.0.1', port: 0 });
    const { port } = await gateway.start();
    page = await openPage(browser, `http://127.0.0.1:${port}`, errors);
    await gateway.close();
    driver = await chromiumDriver(page);
  }, 60_000);

  afterAll(() => browser.close());

  test.each(SCENARIOS)('$name', async (scenario) => {
    const messages: unknown[] = [];
    const { gateway, port } = await start({ hooks: backend(messages) });
    const proxy = await Proxy.to(port);
    await scenario.run({ driver, gateway, proxy, url: proxy.url, messages });
    await page.evaluate('actions.closeAll()');
    expect(errors).toEqual([]);
  });

  test('bytes are bytes with MessagePack', async () => {
    const { url } = await start();
    const got = await page.evaluate(async (to) => {
      const { sluice } = globalThis as unknown as Global;
      const one = new sluice.Client(to, { codec: sluice.msgpack });
      const channel = one.channel<Uint8Array>('kept:1');
      const reader = channel[Symbol.asyncIterator]();
      void one.connect();
      await channel.subscribe();
      await channel.publish(Uint8Array.of(0, 127, 128, 255));
      const { value } = await reader.next();
      one.close();
      return [
        value?.data instanceof Uint8Array,
        [...(value?.data ?? [])],
        (await reader.next()).done,
      ];
    }, url);
    expect(got).toEqual([true, [0, 127, 128, 255], true]);
    expect(errors).toEqual([]);
  });

  test('a page that loses its network knows at once, and comes back with it', async () => {
    const { gateway, url } = await start();
    const events: unknown[] = [];
    await page.exposeFunction('tell', (event: unknown) => void events.push(event));
    await page.evaluate(async (to) => {
      const { sluice, tell } = globalThis as unknown as Global & { tell: (event: unknown) => void };
      const one = new sluice.Client(to);
      one.on('connecting', ({ code }) => tell(`connecting ${code}`));
      one.on('connected', () => tell('connected'));
      const channel = one.channel('kept:1');
      channel.on('subscribed', ({ recovered }) => tell(`subscribed ${recovered}`));
      channel.on('publication', ({ data }) => tell(data));
      void one.connect();
      await channel.subscribe();
      Object.assign(globalThis, { one });
    }, url);
    await page.context().setOffline(true);
    await until('it is told', () => events.includes('connecting 12'));
    await gateway.publish('kept:1', 'missed');
    await page.context().setOffline(false);
    await until('it is back', () => events.includes('missed'));
    expect(events.filter((event) => event !== 'connecting 1006')).toEqual([
      'connecting 0',
      'connected',
      'subscribed false',
      'connecting 12',
      'connected',
      'subscribed true',
      'missed',
    ]);
    await page.evaluate('one.close()');
  });

  test('a page that is seen again asks whether the gateway is there', async () => {
    const { url } = await start();
    const sent: string[] = [];
    page.on('websocket', (socket) =>
      socket.on('framesent', ({ payload }) => void sent.push(String(payload))),
    );
    await page.evaluate(async (to) => {
      const { sluice, document } = globalThis as unknown as Global;
      const one = new sluice.Client(to);
      await one.connect();
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
      await one.rpc('nothing').catch(() => one.close());
    }, url);
    await until('it asks', () => sent.some((frame) => frame.includes('"ping":{}')));
  });

  test('what a listener throws is an error of the page', async () => {
    const { url } = await start();
    await page.evaluate(async (to) => {
      const { sluice } = globalThis as unknown as Global;
      const one = new sluice.Client(to);
      one.on('connected', () => {
        throw new Error('mine');
      });
      await one.connect();
      one.close();
    }, url);
    await until('it is told', () => errors.length > 0);
    expect(errors.splice(0)).toEqual(['Error: mine']);
  });

  test('a page that goes away leaves no connection', async () => {
    const { gateway, url } = await start();
    await page.evaluate(async (to) => {
      const { sluice } = globalThis as unknown as Global;
      await new sluice.Client(to).connect();
    }, url);
    expect(gateway.connections).toBe(1);
    await page.close();
    await until('the gateway knows', () => gateway.connections === 0);
  });
});
