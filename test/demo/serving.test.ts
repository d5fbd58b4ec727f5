/** How the demo page is served: where, to whom, and with which headers. */
import { pathToFileURL } from 'node:url';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { HttpRequest } from '../../src/server/edge.ts';
import { demoRoutes } from '../../src/server/demo.ts';
import { json, Router } from '../../src/server/router.ts';
import { API_KEY, earnest, EDGES, startGateway } from '../support/gateway.ts';
import { buildPage } from './browser.ts';

beforeAll(buildPage);

function get(path: string, headers: Readonly<Record<string, string>> = {}): HttpRequest {
  return {
    method: 'GET',
    path,
    query: '',
    headers: new Map(Object.entries(headers)),
    remoteAddress: '127.0.0.1',
    body: new Uint8Array(),
    signal: new AbortController().signal,
  };
}

function routed(directory?: URL): Router {
  const routes = demoRoutes({ port: null, needsKey: false }, directory);
  return new Router(routes, {
    failed: (error) => {
      throw error;
    },
  });
}

describe.each(EDGES)('on the edge %s', (transport) => {
  test('everything of the page is there, and says what it is', async () => {
    const { http } = await startGateway({ transport });
    const page = await fetch(`${http}/`);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    const html = await page.text();
    const linked = [...html.matchAll(/(?:src|href)="(demo\/[^"]+)"/g)].map((match) => match[1]);
    expect(linked).toHaveLength(3);
    for (const path of linked) {
      const file = await fetch(`${http}/${path}`);
      expect(file.status).toBe(200);
      expect(file.headers.get('x-content-type-options')).toBe('nosniff');
      expect(file.headers.get('content-type')).toMatch(/^(text\/(javascript|css)|image\/svg)/);
      expect((await file.arrayBuffer()).byteLength).toBeGreaterThan(0);
    }
  });

  test('who has it already hears 304', async () => {
    const { http } = await startGateway({ transport });
    const first = await fetch(`${http}/demo/demo.js`);
    await first.arrayBuffer();
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[\w-]+"$/);
    expect(first.headers.get('cache-control')).toBe('no-cache');
    const again = await fetch(`${http}/demo/demo.js`, { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
    const changed = await fetch(`${http}/demo/demo.js`, { headers: { 'if-none-match': '"old"' } });
    expect(changed.status).toBe(200);
    await changed.arrayBuffer();
  });

  test('HEAD tells the length, and nothing else but GET is taken', async () => {
    const { http } = await startGateway({ transport });
    const head = await fetch(`${http}/`, { method: 'HEAD' });
    expect(head.status).toBe(200);
    expect(Number(head.headers.get('content-length'))).toBeGreaterThan(1000);
    const post = await fetch(`${http}/`, { method: 'POST', body: 'x' });
    expect(post.status).toBe(405);
    await post.text();
  });
});

test('its policy lets it load from here and connect to here, and no more', async () => {
  const { http, port } = await startGateway();
  const { headers } = await fetch(`${http}/`);
  const policy = new Map(
    (headers.get('content-security-policy') ?? '').split('; ').map((directive) => {
      const [name = '', ...sources] = directive.split(' ');
      return [name, sources.join(' ')];
    }),
  );
  expect(Object.fromEntries(policy)).toEqual({
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': "'self'",
    'connect-src': `'self' ws://127.0.0.1:${port} wss://127.0.0.1:${port}`,
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    'require-trusted-types-for': "'script'",
    'trusted-types': "'none'",
  });
  expect(headers.get('referrer-policy')).toBe('no-referrer');
});

test.each(['evil.example; script-src *', 'a b', '', "x' *", '[::1', 'a\tb'])(
  'the host %j adds nothing to the policy',
  async (host) => {
    const { headers } = await routed().handle(get('/', { host }));
    expect(headers['content-security-policy']).toContain("connect-src 'self';");
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/);
  },
);

test('without --dev there is no such page', async () => {
  const { http } = await startGateway(earnest());
  for (const path of ['/', '/demo/demo.js']) {
    const { status } = await fetch(http + path);
    expect(status).toBe(404);
  }
});

test('a program may have a page of its own there', async () => {
  const routes = [{ method: 'GET', path: '/', handle: () => json(200, 'mine') }] as const;
  const { http } = await startGateway({ routes });
  expect(await (await fetch(`${http}/`)).json()).toBe('mine');
});

test('it knows where the API is, and whether it wants a key', async () => {
  const near = await startGateway();
  const html = await (await fetch(`${near.http}/`)).text();
  expect(html).toContain('<meta name="sluice-api-port" content=""');
  expect(html).toContain('<meta name="sluice-api-key" content=""');
  const far = await startGateway({
    api: { keys: [API_KEY] },
    internal: { host: '127.0.0.1', port: 0 },
  });
  const { internalPort } = await far.gateway.start();
  const told = await (await fetch(`${far.http}/`)).text();
  expect(told).toContain(`<meta name="sluice-api-port" content="${internalPort}"`);
  expect(told).toContain('<meta name="sluice-api-key" content="needed"');
  expect(told).not.toContain(API_KEY);
});

test('when nobody has built it, it says how', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'sluice-demo-'));
  onTestFinished(() => rm(empty, { recursive: true }));
  const answer = await routed(pathToFileURL(`${empty}/`)).handle(get('/'));
  expect(answer.status).toBe(503);
  expect(answer.body).toBe(
    'The demo page is not built: run `node scripts/build-demo.ts`, then load it again.\n',
  );
});
