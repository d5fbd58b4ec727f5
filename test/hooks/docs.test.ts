/** `docs/hooks.md` against what happens: its requests are sent, its answers do what it says, its programs run. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { BREAKER } from '../../src/hooks/breaker.ts';
import { FAILURES } from '../../src/hooks/failure.ts';
import type { HookReply, HookRequest } from '../../src/hooks/wire.ts';
import { readOpen } from '../config/reading.ts';
import { earnest, startGateway, token } from '../support/gateway.ts';
import type { Message } from '../support/peer.ts';
import { Peer } from '../support/peer.ts';
import { freePort } from '../support/redis.ts';
import { answering } from './backend.ts';
import type { Behaviour } from './backend.ts';
import { QUICKLY, scene } from './rig.ts';

const PAGE = readFileSync(new URL('../../docs/hooks.md', import.meta.url), 'utf8');

/** The JSON after each mark such as `<!-- request: connect -->`. */
function examples(mark: string): ReadonlyMap<string, string> {
  const pattern = new RegExp(`<!-- ${mark}: (\\w+) -->\\n\\n\`\`\`json\\n([^]*?)\`\`\``, 'g');
  return new Map([...PAGE.matchAll(pattern)].map(([, name = '', text = '']) => [name, text]));
}

function blocks(language: string): readonly string[] {
  const pattern = new RegExp(`\`\`\`${language}\\n([^]*?)\`\`\``, 'g');
  return [...PAGE.matchAll(pattern)].map(([, text = '']) => text);
}

const REQUESTS = examples('request');
const ANSWERS = examples('answer');
const HOOKS = ['connect', 'refresh', 'subscribe', 'publish', 'rpc'] as const;

const requestOf = (hook: string): HookRequest =>
  JSON.parse(REQUESTS.get(hook) ?? '') as HookRequest;
const answerOf = (name: string): unknown => JSON.parse(ANSWERS.get(name) ?? '');

const CHAT = {
  chat: {
    hooks: { subscribe: true, publish: true },
    presence: true,
    presenceAccess: 'client',
    joinLeave: true,
    history: { size: 10, ttl: '1m' },
  },
  default: {},
} as const;

/** Answers `by` hook, and lets pass what is not said. */
function answers(by: Readonly<Record<string, unknown>>): Behaviour {
  return (request, response) =>
    answering(by[String(request.body['hook'])] ?? {})(request, response);
}

test('every hook has a request and an answer in it', () => {
  expect([...REQUESTS.keys()]).toEqual([...HOOKS]);
  expect([...ANSWERS.keys()].toSorted()).toEqual([...HOOKS, 'error', 'disconnect'].toSorted());
});

test('the requests in it are those that are sent, to the member', async () => {
  const { url, backend } = await scene(
    answers({
      connect: { result: { expire_at: Math.floor(Date.now() / 1000) } },
      refresh: { result: { expire_at: 0 } },
    }),
    { ...earnest({ namespaces: CHAT }) },
  );
  const asked = requestOf('connect') as HookRequest & { hook: 'connect' };
  const { cookie, 'user-agent': agent } = asked.headers;
  const peer = await Peer.open(url, { headers: { cookie: cookie!, 'user-agent': agent! } });
  const { name, version, data } = asked;
  await peer.ask({ connect: { name, version, data, headers: asked.emulated_headers } });
  const jwt = await token({ sub: 'ann', info: { name: 'Ann' }, meta: { tenant: 1 } });
  const ann = await Peer.connected(url, { connect: { token: jwt } });
  const said = (hook: string): Message => requestOf(hook) as unknown as Message;
  await ann.subscribe('chat:ann', { data: said('subscribe')['data'] });
  await ann.publish('chat:ann', said('publish')['data']);
  const { method, data: argument } = said('rpc');
  await ann.ask({ rpc: { method, data: argument } });
  const heard = (): Message[] => backend.heard.map(({ body }) => body);
  await vi.waitFor(() => {
    expect(heard().filter(({ hook, user }) => hook === 'refresh' && user === 'ann')).toHaveLength(
      1,
    );
  }, QUICKLY);
  for (const hook of HOOKS) {
    const told = said(hook);
    const sent = heard().find((one) => one['hook'] === hook && one['user'] === told['user']);
    expect(sent).toEqual({ ...told, client: expect.any(String) });
    // And in this order, as somebody will read them side by side.
    expect(Object.keys(sent!)).toEqual(Object.keys(told));
  }
});

describe('the answers in it do what it says:', () => {
  test('those that allow', async () => {
    const { url, log } = await scene(
      answers(Object.fromEntries(HOOKS.map((hook) => [hook, answerOf(hook)]))),
      earnest({ namespaces: CHAT }),
    );
    const peer = await Peer.open(url);
    const { connect } = await peer.ask({ connect: {} });
    expect(connect).toMatchObject({
      data: { motd: 'hello' },
      subs: { news: {}, 'chat:ann': { data: { topic: 'tea' } } },
    });
    const { presence } = await peer.ask({ presence: { channel: 'chat:ann' } });
    expect(presence).toEqual({ presence: {} });
    expect(await peer.subscribe('chat:other')).toMatchObject({ data: { topic: 'tea' } });
    await peer.publish('chat:other', { text: ' hello ' });
    await peer.until(() => peer.publications('chat:other').length === 1, 'the publication');
    expect(peer.publications('chat:other')[0]).toMatchObject({
      data: { text: 'hello' },
      tags: { lang: 'en' },
    });
    expect(peer.publications('chat:other')[0]).not.toHaveProperty('offset');
    expect(await peer.ask({ rpc: { method: 'sum' } })).toMatchObject({ rpc: { data: { sum: 3 } } });
    expect(log.of('warn')).toEqual([]);
  });

  test('the one of a refresh', async () => {
    const expired = { result: { user: 'ann', expire_at: Math.floor(Date.now() / 1000) } };
    const { url, backend, log } = await scene(
      answers({ connect: expired, refresh: answerOf('refresh') }),
    );
    const peer = await Peer.connected(url);
    await vi.waitFor(() => expect(backend.asked()).toEqual(['connect', 'refresh']), QUICKLY);
    await peer.ask({ ping: {} });
    expect(peer.ending).toBeNull();
    expect(log.of('warn')).toEqual([]);
  });

  test('the one that refuses', async () => {
    const { url } = await scene(answers({ rpc: answerOf('error') }));
    const peer = await Peer.connected(url);
    expect((await peer.ask({ rpc: { method: 'any' } })).error).toEqual({
      code: 403,
      message: 'not your room',
    });
  });

  test('the one that disconnects', async () => {
    const { url } = await scene(answers({ rpc: answerOf('disconnect') }));
    const peer = await Peer.connected(url);
    peer.command({ rpc: { method: 'any' } });
    expect(await peer.ended()).toEqual({ code: 4501, reason: 'banned' });
  });

  test('and are of the types that the library has', () => {
    const typed: { [Hook in (typeof HOOKS)[number]]: HookReply<Hook> } = {
      connect: {
        result: {
          user: 'ann',
          info: { name: 'Ann' },
          meta: { tenant: 1 },
          data: { motd: 'hello' },
          expire_at: 4102444800,
          channels: ['news'],
          subs: {
            'chat:ann': {
              info: { role: 'host' },
              data: { topic: 'tea' },
              override: { presence: { value: false } },
            },
          },
        },
      },
      refresh: { result: { expire_at: 4102444800, info: { name: 'Ann' } } },
      subscribe: {
        result: {
          info: { role: 'host' },
          data: { topic: 'tea' },
          override: { force_push_join_leave: { value: true } },
          expire_at: 4102444800,
        },
      },
      publish: { result: { data: { text: 'hello' }, tags: { lang: 'en' }, skip_history: true } },
      rpc: { result: { data: { sum: 3 } } },
    };
    for (const hook of HOOKS) expect(answerOf(hook)).toEqual(typed[hook]);
  });
});

test('every failure is in its table, and nothing else', () => {
  const rows = [...PAGE.matchAll(/^\| `(\w+)` +\| (.+?) +\| (yes|no) +\|$/gm)];
  const told = rows.map(([, kind, means, counts]) => [
    kind,
    { means, isAbsence: counts === 'yes' },
  ]);
  expect(Object.fromEntries(told)).toEqual(FAILURES);
  expect(BREAKER).toEqual({ failures: 5, pauseMs: 1000, pauseMsMax: 30_000 });
});

test('its configurations can be used', () => {
  const files = blocks('yaml');
  expect(files).toHaveLength(4);
  for (const file of files) expect(readOpen({ file }).endpoints.has('default')).toBe(true);
});

test('its backend runs, and asks for a signature', async () => {
  const [program = ''] = blocks('js');
  const folder = mkdtempSync(join(tmpdir(), 'sluice-hooks-'));
  const signature = new URL('../../src/hooks/signature.ts', import.meta.url).href;
  const file = join(folder, 'backend.mjs');
  writeFileSync(file, program.replace("'sluice/signature'", `'${signature}'`));
  const port = await freePort();
  const env = { PATH: process.env['PATH'], HOOKS_SECRET: 'shared', PORT: String(port) };
  const child = spawn(process.execPath, [file], { env, stdio: 'inherit' });
  onTestFinished(async () => {
    const ended = once(child, 'exit');
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });
  const url = `http://127.0.0.1:${port}/`;
  await vi.waitFor(async () => {
    expect((await fetch(url, { method: 'POST', body: '{"hook":"rpc"}' })).status).toBe(401);
  }, QUICKLY);
  const gateway = await startGateway({
    hooks: { url, secret: 'shared' },
    namespaces: { chat: { hooks: { subscribe: true, publish: true } } },
  });
  const nobody = await Peer.open(gateway.url);
  expect((await nobody.ask({ connect: {} })).error).toMatchObject({ code: 401 });
  const ann = await Peer.open(gateway.url, { headers: { cookie: 'user=ann' } });
  expect((await ann.ask({ connect: {} })).error).toBeUndefined();
  await ann.subscribe('chat:ann');
  await expect(ann.subscribe('chat:bob')).rejects.toThrow('not your room');
  await ann.publish('chat:ann', { text: ' hello ' });
  await ann.until(() => ann.data('chat:ann').length === 1, 'the publication');
  expect(ann.data('chat:ann')).toEqual([{ text: 'hello' }]);
  expect(await ann.ask({ rpc: { method: 'add', data: [1, 2] } })).toMatchObject({
    rpc: { data: { method: 'add', sum: 3 } },
  });
  const stranger = await startGateway({ hooks: { url, secret: 'another' } });
  const refused = await Peer.open(stranger.url, { headers: { cookie: 'user=ann' } });
  expect((await refused.ask({ connect: {} })).error?.code).toBe(100);
});
