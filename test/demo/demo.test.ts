/** The demo page in the installed Chromium: two people on one gateway. */
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Gateway } from '../../src/gateway.ts';
import { createGateway } from '../../src/gateway.ts';
import { startGateway } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';
import { buildPage, launch } from './browser.ts';

let browser: Browser;
/** A gateway and two people on it, for all tests that leave them as they were. */
let gateway: Gateway;
let http: string;
let ada: Person;
let grace: Person;
/** What the pages of a test complained of: errors, warnings, violations of the policy. */
const complaints: string[] = [];

beforeAll(async () => {
  await buildPage();
  browser = await launch();
  gateway = createGateway({ dev: true, host: '127.0.0.1', port: 0 });
  http = `http://127.0.0.1:${(await gateway.start()).port}`;
  [ada, grace] = await Promise.all([open(http, 'Ada'), open(http, 'Grace')]);
  await grace.people.filter({ hasText: 'Ada' }).waitFor();
  await ada.people.filter({ hasText: 'Grace' }).waitFor();
});
afterAll(async () => {
  await browser?.close();
  await gateway?.close();
});

afterEach(() => {
  expect(complaints.splice(0)).toEqual([]);
});

interface Person {
  readonly page: Page;
  readonly text: Locator;
  readonly name: Locator;
  readonly people: Locator;
  readonly messages: Locator;
  says(text: string): Promise<void>;
  said(): Promise<string[]>;
  offsets(): Promise<number[]>;
}

/** Somebody who leaves after the test. */
async function enter(
  url: string,
  name: string,
  options?: BrowserContextOptions,
  prepare?: (page: Page) => Promise<void>,
): Promise<Person> {
  const person = await open(url, name, options, prepare);
  onTestFinished(() => person.page.context().close());
  return person;
}

/** Motion takes time, of which the tests have little. */
const QUIET: BrowserContextOptions = {
  viewport: { width: 1280, height: 900 },
  reducedMotion: 'reduce',
};

async function open(
  url: string,
  name: string,
  options: BrowserContextOptions = {},
  prepare: (page: Page) => Promise<void> = () => Promise.resolve(),
): Promise<Person> {
  const context = await browser.newContext({ ...QUIET, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(8000);
  page.on('pageerror', (error) => complaints.push(`${name}: ${error}`));
  page.on('console', (message) => {
    if (message.type() !== 'log') complaints.push(`${name}: ${message.text()}`);
  });
  await prepare(page);
  await page.goto(`${url}/`);
  const person: Person = {
    page,
    text: page.getByLabel('Message', { exact: true }),
    name: page.getByLabel('you are'),
    people: page.getByRole('list', { name: 'here' }).getByRole('listitem'),
    messages: page.getByRole('log').locator('.message'),
    async says(text) {
      await person.text.fill(text);
      await person.text.press('Enter');
    },
    said: () => person.messages.locator('.said').allTextContents(),
    async offsets() {
      const texts = await person.messages.locator('.offset').allTextContents();
      return texts.map((text) => Number(text.replace('missed · ', '')));
    },
  };
  await page.getByText('connected', { exact: true }).waitFor();
  await person.people.filter({ hasText: 'you' }).waitFor();
  await person.name.fill(name);
  await person.name.blur();
  return person;
}

const PHONE = { viewport: { width: 390, height: 720 }, hasTouch: true, isMobile: true };

/** Nothing is wider than the screen of this phone, nor than that of a small one. */
async function expectToFit(page: Page): Promise<void> {
  for (const width of [PHONE.viewport.width, 320]) {
    await page.setViewportSize({ width, height: 720 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width);
  }
}

/** What becomes so, also on a machine that has much else to do. */
function soon<T>(read: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(read, { timeout: 8000 });
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

test('what one says the other sees, and whoever comes later', async () => {
  await ada.says('Is anybody there?');
  await grace.messages.filter({ hasText: 'Is anybody there?' }).waitFor();
  await grace.says('Here I am.');
  await ada.messages.filter({ hasText: 'Here I am.' }).waitFor();
  const talk = ['Is anybody there?', 'Here I am.'];
  expect(await ada.said()).toEqual(talk);
  expect(await grace.said()).toEqual(talk);
  expect(await ada.messages.locator('.who').allTextContents()).toEqual(['Ada', 'Grace']);
  const alan = await enter(http, 'Alan');
  await alan.messages.nth(1).waitFor();
  expect(await alan.said()).toEqual(talk);
  // Only what comes from now on is read out.
  await soon(() => alan.page.getByRole('log').getAttribute('aria-live')).toBe('polite');
});

test('who is here, by their names, until they leave', async () => {
  await soon(() => ada.people.allTextContents()).toEqual(['Ada you', 'Grace']);
  await soon(() => grace.people.allTextContents()).toEqual(['Grace you', 'Ada']);
  await grace.name.fill('Hopper');
  await grace.name.press('Enter');
  await soon(() => ada.people.allTextContents()).toEqual(['Ada you', 'Hopper']);
  // Whoever comes hears the names that were given before.
  const alan = await enter(http, 'Alan');
  await soon(async () => (await alan.people.allTextContents()).toSorted()).toEqual([
    'Ada',
    'Alan you',
    'Hopper',
  ]);
  await alan.page.close();
  await soon(() => ada.people.allTextContents()).toEqual(['Ada you', 'Hopper']);
  await grace.name.fill('Grace');
  await grace.name.press('Enter');
  await soon(() => ada.people.allTextContents()).toEqual(['Ada you', 'Grace']);
});

test('who comes in the frame that says who is here is seen', async () => {
  const own = await startGateway();
  const asked = Promise.withResolvers<void>();
  let held: string | null = null;
  let late = '';
  const alan = await enter(own.http, 'Alan', {}, (page) =>
    page.routeWebSocket(/connection/, (route) => {
      route.connectToServer().onMessage((message) => {
        const text = String(message);
        if (late === '' && held === null && text.includes('"presence":{')) {
          held = text;
          asked.resolve();
        } else if (held !== null && late !== '' && text.includes('"join"')) {
          route.send(`${held}\n${text}`);
          held = null;
        } else {
          route.send(message);
        }
      });
    }),
  );
  await asked.promise;
  const peer = await Peer.open(own.url);
  const { connect } = await peer.ask({ connect: {} });
  late = (connect as { readonly client: string }).client;
  await peer.subscribe('chat');
  await alan.people.filter({ hasText: late.slice(0, 4) }).waitFor();
});

test('typing is seen while it lasts', async () => {
  await grace.text.pressSequentially('Well');
  await ada.page.getByText('Grace is typing…').waitFor();
  expect(await ada.page.locator('.types').textContent()).toBe('Grace');
  await grace.text.press('Enter');
  await ada.page.getByText('Grace is typing…').waitFor({ state: 'detached' });
  await ada.messages.filter({ hasText: 'Well' }).waitFor();
});

test('a cursor points at the same thing on the other page, however that looks', async () => {
  const alan = await enter(http, 'Alan', { viewport: { width: 390, height: 844 } });
  await soon(() => alan.people.count()).toBe(3);
  const cursor = alan.page.locator('.cursor').filter({ hasText: 'Grace' });
  await grace.page.getByRole('heading', { name: 'Cut the socket' }).hover();
  await cursor.waitFor();
  const inside = async (place: string): Promise<boolean> => {
    const part = await alan.page.locator(`[data-place="${place}"]`).boundingBox();
    const at = await cursor.boundingBox();
    if (part === null || at === null) return false;
    const isAcross = at.x >= part.x - 1 && at.x <= part.x + part.width + 1;
    return isAcross && at.y >= part.y - 1 && at.y <= part.y + part.height + 1;
  };
  await soon(() => inside('cut')).toBe(true);
  await grace.page.getByRole('heading', { name: 'On the wire' }).hover();
  await soon(() => inside('wire')).toBe(true);
  await alan.page.getByRole('heading', { name: 'Cut the socket' }).hover();
  const alans = grace.page.locator('.cursor').filter({ hasText: 'Alan' });
  await alans.waitFor();
  await alan.page.close();
  await alans.waitFor({ state: 'detached' });
});

test('after a cut nothing is missing and nothing comes twice', async () => {
  await ada.says('before');
  await grace.messages.filter({ hasText: 'before' }).waitFor();
  const [last = 0] = (await grace.offsets()).slice(-1);
  await ada.page.getByRole('button', { name: 'Cut the socket' }).click();
  await ada.page.getByText('cut off, coming back').waitFor();
  for (let number = 1; number <= 9; number += 1) await grace.says(`missed ${number}`);
  // What is written meanwhile waits, and is sent.
  await ada.says('from the one who was away');
  await ada.page.getByText('on its way').waitFor();
  await ada.page.getByRole('log').getByText('recovered: true').waitFor();
  await grace.says('after');
  await ada.messages.filter({ hasText: /^Grace?after/ }).waitFor();
  await grace.messages.filter({ hasText: 'from the one who was away' }).waitFor();
  // Three are from the page itself.
  const offsets = upTo(last + 9 + 3 + 1 + 1);
  await soon(() => ada.offsets()).toEqual(offsets);
  await soon(() => grace.offsets()).toEqual(offsets);
  const said = await grace.said();
  expect(await ada.said()).toEqual(said);
  const ninth = said.filter((text) => text === 'missed 9');
  expect(ninth).toHaveLength(1);
  expect(await ada.page.locator('.missed').count()).toBe(9 + 3);
  expect(await ada.page.locator('.waiting').count()).toBe(0);
  await ada.page.getByText('12 missed, recovered: true').waitFor();
  await ada.page.getByText('the socket is closed: 1006 cut by hand').waitFor();
  await soon(() => grace.people.allTextContents()).toEqual(['Grace you', 'Ada']);
});

test('what the gateway no longer holds is told', async () => {
  const small = await startGateway({ namespaces: { default: { history: { size: 2 } } } });
  const alan = await enter(small.http, 'Alan', PHONE);
  await alan.says('before');
  await alan.messages.filter({ hasText: 'before' }).waitFor();
  await alan.page.getByRole('button', { name: 'Cut the socket' }).tap();
  await alan.page.getByRole('log').getByText('recovered: false').waitFor();
  await expectToFit(alan.page);
});

test('the command on the page publishes into the room', async () => {
  const command = (await ada.page.getByLabel('Command').textContent()) ?? '';
  const [, url = '', body = ''] = /^curl (\S+) \\\n {2}-d '(.*)'$/.exec(command) ?? [];
  // As curl does.
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await fetch(url, { method: 'POST', headers, body });
  expect(answer.status).toBe(200);
  for (const { messages } of [ada, grace]) {
    const hello = messages.filter({ hasText: 'hello' });
    await hello.waitFor();
    expect(await hello.locator('.who').allTextContents()).toEqual(['API']);
  }
  await ada.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await ada.page.getByRole('button', { name: 'Copy the command' }).click();
  await ada.page.getByText('copied', { exact: true }).waitFor();
  expect(await ada.page.evaluate('navigator.clipboard.readText()')).toBe(command);
});

test('whatever is published is shown as text', async () => {
  const hostile = await startGateway();
  const alan = await enter(hostile.http, 'Alan');
  const markup = '<img src=x onerror="document.title = 1"><script>document.title = 2</script>';
  await hostile.gateway.publish('chat', { text: markup, name: '<b>bold</b>' });
  await hostile.gateway.publish('chat', [1, { deep: null }]);
  await hostile.gateway.publish('chat', null);
  await hostile.gateway.publish('chat', { text: 7, name: {}, key: [] });
  await hostile.gateway.publish('chat-signals', {
    kind: 'cursor',
    place: '"]',
    x: 'left',
    y: 1e99,
  });
  await hostile.gateway.publish('chat-signals', 'hello');
  await alan.messages.nth(3).waitFor();
  expect(await alan.said()).toEqual([
    markup,
    '[1,{"deep":null}]',
    'null',
    '{"text":7,"name":{},"key":[]}',
  ]);
  expect(await alan.messages.locator('.who').first().textContent()).toBe('<b>bold</b>');
  expect(await alan.page.locator('ol img, ol b').count()).toBe(0);
  expect(await alan.page.title()).toBe('Sluice: the demo');
});

test('the frames on the wire, both ways', async () => {
  const frames = ada.page.getByRole('list', { name: 'Frames' });
  const sent = frames.locator('.sent:not(.chatter)');
  const connect = 'connect, subscribe chat, subscribe chat-signals';
  await sent.filter({ hasText: connect }).first().waitFor();
  await frames.locator('.received').filter({ hasText: 'connect done' }).first().waitFor();
  await grace.says('Look at this frame.');
  const frame = frames.locator('.received').filter({ hasText: 'Look at this frame.' });
  await frame.locator('summary').click();
  await frame.locator('pre').getByText('"text": "Look at this frame."').waitFor();
  // Signals are many, and only shown to whoever asks.
  const chatter = frames.locator('.chatter').first();
  expect(await chatter.isVisible()).toBe(false);
  await ada.page.getByLabel('pings and signals too').check();
  await soon(() => frames.locator('.chatter').last().isVisible()).toBe(true);
  await ada.page.getByRole('button', { name: 'Pause' }).click();
  const rows = await frames.locator('> li').count();
  await grace.says('Nobody sees this frame.');
  await ada.messages.filter({ hasText: 'Nobody sees' }).waitFor();
  expect(await frames.locator('> li').count()).toBe(rows);
  await ada.page.getByRole('button', { name: 'Pause' }).click();
});

/** What has the focus, as people would call it. */
const FOCUSED = `(() => {
  const { id, tagName, textContent } = document.activeElement;
  return id || (tagName === 'SUMMARY' ? 'summary' : textContent.trim());
})()`;

test('all of it can be done from the keyboard', async () => {
  const { keyboard } = ada.page;
  await ada.page.reload();
  await ada.page.getByText('connected', { exact: true }).waitFor();
  await ada.page.getByRole('list', { name: 'Frames' }).locator('summary').first().waitFor();
  const order: unknown[] = [];
  const outlines = new Set<unknown>();
  while (order.at(-1) !== 'cut' && order.length < 60) {
    await keyboard.press('Tab');
    order.push(await ada.page.evaluate(FOCUSED));
    outlines.add(await ada.page.evaluate('getComputedStyle(document.activeElement).outlineStyle'));
  }
  expect(order.filter((name) => name !== 'summary')).toEqual([
    'Skip to the message',
    'messages',
    'name',
    'text',
    'Send',
    'frames',
    'chatter',
    'pause',
    'Open a second tab',
    expect.stringContaining('curl'),
    'copy',
    'cut',
  ]);
  // Wherever the focus is, it can be seen.
  expect(outlines).toEqual(new Set(['solid']));
  await keyboard.press('Enter');
  await ada.page.getByText('cut off, coming back').waitFor();
  expect(await ada.page.evaluate(FOCUSED)).toBe('cut');
  await ada.page.reload();
  await ada.page.getByText('connected', { exact: true }).waitFor();
  await keyboard.press('Tab');
  await keyboard.press('Enter');
  expect(await ada.page.evaluate(FOCUSED)).toBe('text');
  await keyboard.type('Without a mouse.');
  await keyboard.press('Enter');
  await grace.messages.filter({ hasText: 'Without a mouse.' }).waitFor();
  expect(await ada.page.evaluate(FOCUSED)).toBe('text');
  // It is still the same person after all that loading.
  await soon(() => grace.people.allTextContents()).toEqual(['Grace you', 'Ada']);
});

test('on a phone nothing is wider than the screen', async () => {
  const own = await startGateway();
  const alan = await enter(own.http, 'W'.repeat(24), PHONE);
  await alan.says('Donaudampfschifffahrtsgesellschaft'.repeat(5));
  await alan.messages.first().waitFor();
  await alan.page.getByRole('list', { name: 'Frames' }).locator('summary').first().tap();
  await expectToFit(alan.page);
  const send = await alan.page.getByRole('button', { name: 'Send' }).boundingBox();
  expect(send?.width).toBeGreaterThan(40);
});

test('it keeps to what the system asks for: dark, and without motion', async () => {
  const alan = await enter(http, 'Alan', { colorScheme: 'dark', reducedMotion: 'no-preference' });
  await soon(() => grace.people.count()).toBe(3);
  const background = 'getComputedStyle(document.body).backgroundColor';
  expect(await alan.page.evaluate(background)).toBe('rgb(16, 19, 21)');
  expect(await grace.page.evaluate(background)).toBe('rgb(246, 246, 242)');
  const duration = `getComputedStyle(document.querySelector('.cursor')).transitionDuration`;
  await grace.page.mouse.move(300, 300);
  for (const [{ page }, lasts] of [
    [alan, '0.09s'],
    [ada, '0s'],
  ] as const) {
    await page.locator('.cursor').first().waitFor();
    expect(await page.evaluate(duration)).toBe(lasts);
  }
});
