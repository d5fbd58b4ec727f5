/** The routes of the API. */
import { describe, expect, test } from 'vitest';
import type { ApiAccess } from '../../src/api/http.ts';
import { apiRoutes } from '../../src/api/http.ts';
import { ApiKeys } from '../../src/auth/keys.ts';
import type { HttpResponse } from '../../src/server/edge.ts';
import { Router } from '../../src/server/router.ts';
import type { StageOptions } from './stage.ts';
import { stage } from './stage.ts';

interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

type Ask = (asked?: Asked) => Promise<HttpResponse>;

function routes(access: Partial<ApiAccess> = {}, options: StageOptions = {}): Ask {
  const { api } = stage(options);
  const keys = new ApiKeys(['one', 'two']);
  const router = new Router(apiRoutes(api, { keys, required: true, ...access }), {
    failed: (error) => {
      throw error;
    },
  });
  return ({ method = 'POST', path = '/api/info', headers = {}, body = '' } = {}) =>
    router.handle({
      method,
      path,
      query: '',
      headers: new Map(Object.entries(headers)),
      remoteAddress: '127.0.0.1',
      body: new TextEncoder().encode(body),
      signal: new AbortController().signal,
    });
}

const KEY = { 'x-api-key': 'two' };

describe('a request', () => {
  test('with a key is answered in JSON', async () => {
    const ask = routes();
    for (const headers of [KEY, { authorization: 'apikey one' }, { authorization: 'ApiKey two' }]) {
      const { status, headers: said, body } = await ask({ headers });
      expect(status).toBe(200);
      expect(said).toEqual({ 'content-type': 'application/json' });
      expect(JSON.parse(String(body))).toMatchObject({ result: { nodes: [{ uid: 'node-1' }] } });
    }
  });

  test('reaches the method in its path, whatever its content type', async () => {
    const answer = await routes()({
      path: '/api/publish',
      headers: { ...KEY, 'content-type': 'text/plain' },
      body: '{"channel":"room","data":1}',
    });
    expect(answer.body).toBe('{"result":{"offset":1,"epoch":"epoch1"}}');
    expect((await routes()({ path: '/api/nothing', headers: KEY })).status).toBe(404);
  });

  test.each([
    [{}, 'an API key is needed'],
    [{ authorization: 'Bearer one' }, 'an API key is needed'],
    [{ 'x-api-key': '' }, 'not known'],
    [{ 'x-api-key': 'three' }, 'not known'],
    [{ authorization: 'apikey three' }, 'not known'],
  ])('with %j is 401', async (headers, words) => {
    const answer = await routes()({ headers });
    expect(answer.status).toBe(401);
    expect(answer.headers).toMatchObject({ 'www-authenticate': 'apikey realm="sluice"' });
    expect(JSON.parse(String(answer.body))).toEqual({
      error: { code: 101, message: expect.stringContaining(words) },
    });
    expect(answer.body).not.toContain('three');
  });

  test('without a key does not learn which methods there are', async () => {
    expect((await routes()({ path: '/api/nothing' })).status).toBe(401);
  });

  test('is told when there are no keys', async () => {
    const answer = await routes({ keys: new ApiKeys([]) })({ headers: KEY });
    expect(answer.status).toBe(401);
    expect(answer.body).toContain('api.keys');
  });

  test('needs no key where none is required', async () => {
    const ask = routes({ keys: new ApiKeys([]), required: false });
    expect((await ask()).status).toBe(200);
  });

  test.each(['GET', 'PUT', 'DELETE', 'HEAD'])('by %s is 405', async (method) => {
    const answer = await routes()({ method, headers: KEY });
    expect(answer.status).toBe(405);
    expect(answer.headers).toMatchObject({ allow: 'POST' });
  });

  test('that is over a limit is told when to come back', async () => {
    const ask = routes({}, { limits: { streams: 0 } });
    const body = '{"channel":"room","data":1}';
    const answer = await ask({ path: '/api/publish', headers: KEY, body });
    expect(answer).toMatchObject({ status: 429, headers: { 'retry-after': '1' } });
  });
});

test('the document of the API needs no key', async () => {
  const answer = await routes()({ method: 'GET', path: '/api/openapi.json' });
  expect(answer.status).toBe(200);
  expect(JSON.parse(String(answer.body))).toMatchObject({
    openapi: '3.1.0',
    info: { version: '1.2.3' },
  });
  const posted = await routes()({ path: '/api/openapi.json', headers: KEY });
  expect(posted).toMatchObject({ status: 405, headers: { allow: 'GET' } });
});
