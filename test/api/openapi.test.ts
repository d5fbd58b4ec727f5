/** The document of the API. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { STATUSES } from '../../src/api/statuses.ts';
import { stage } from './stage.ts';

type Node = { readonly [name: string]: Node };

const { api, call, connect } = stage({ hooks: { rpc: () => 1 } });
const document = JSON.parse(JSON.stringify(api.openapi())) as Node;
const schemas = document['components']!['schemas']!;

function refs(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([name, value]) =>
    name === '$ref' ? [String(value)] : refs(value),
  );
}

function at(pointer: string): unknown {
  let node: unknown = document;
  for (const part of pointer.slice(2).split('/')) node = (node as Node | undefined)?.[part];
  return node;
}

/** Checks with the document itself: all schemas of it are JSON Schema 2020-12. */
const ajv = new Ajv2020({ strict: true, formats: { 'date-time': true } });
ajv.addSchema({ $id: 'api', components: document['components'] }, undefined, false, false);
ajv.addKeyword('components');
const validate = (schema: string, value: unknown): unknown => {
  const check = ajv.getSchema(`api#/components/schemas/${schema}`);
  return check?.(value) === true ? null : (check?.errors ?? 'no schema');
};

describe('the document', () => {
  test('has a path for each method', () => {
    expect(Object.keys(document['paths']!)).toMatchInlineSnapshot(`
      [
        "/api/publish",
        "/api/broadcast",
        "/api/subscribe",
        "/api/unsubscribe",
        "/api/disconnect",
        "/api/refresh",
        "/api/presence",
        "/api/presence_stats",
        "/api/history",
        "/api/history_remove",
        "/api/archive",
        "/api/channels",
        "/api/info",
        "/api/rpc",
        "/api/enqueue",
        "/api/task",
        "/api/cancel_task",
        "/api/broadcast_list",
        "/api/batch",
      ]
    `);
  });

  test('has a schema for each request and result, and every error', () => {
    for (const path of Object.values(document['paths']!)) {
      const { post } = path as { post: Node };
      const responses = post['responses']!;
      const statuses = new Set([200, 413, 500, ...Object.values(STATUSES)]);
      expect(Object.keys(responses).map(Number)).toEqual([...statuses].toSorted((a, b) => a - b));
      const request = post['requestBody']!['content']!['application/json']!['schema'];
      for (const pointer of refs(request)) expect(at(pointer)).toMatchObject({ type: 'object' });
      expect(refs(request)).toHaveLength(1);
      const result = responses['200']!['content']!['application/json']!['schema']!;
      expect(result).toBeDefined();
    }
  });

  test('has everything that it points at', () => {
    const pointers = new Set(refs(document));
    expect(pointers.size).toBeGreaterThan(30);
    for (const pointer of pointers) expect(at(pointer), pointer).toBeTypeOf('object');
  });

  test('says how to show a key', () => {
    expect(document['openapi']).toBe('3.1.0');
    expect(document['security']).toEqual([{ key: [] }, { authorization: [] }]);
    expect(document['components']!['securitySchemes']).toMatchObject({
      key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
      authorization: { type: 'apiKey', in: 'header', name: 'Authorization' },
    });
  });

  test('describes each field of each request', () => {
    for (const [name, schema] of Object.entries(schemas)) {
      if (!name.endsWith('Request')) continue;
      expect(schema['additionalProperties']).toBe(false);
      for (const [field, about] of Object.entries(schema['properties']!)) {
        expect(about['description'], `${name}.${field}`).toBeTypeOf('string');
      }
    }
  });

  test('is made once', () => {
    expect(api.openapi()).toBe(api.openapi());
  });
});

describe('requests and answers', () => {
  connect('ann', 'c1');

  const requests: readonly (readonly [method: string, schema: string, request: unknown])[] = [
    [
      'publish',
      'Publish',
      {
        channel: 'room',
        data: [1],
        skip_history: false,
        tags: { a: 'b' },
        event: 'e',
        idempotency_key: 'k',
        delta: true,
        version: 1,
        version_epoch: 'v',
      },
    ],
    ['publish', 'Publish', { channel: 'plain:a', b64data: 'AQ==' }],
    ['broadcast', 'Broadcast', { channels: ['room', 'nowhere:x'], data: 1 }],
    [
      'subscribe',
      'Subscribe',
      {
        user: 'ann',
        channel: 'room',
        info: {},
        recover_since: { offset: 1, epoch: 'e' },
        override: { presence: { value: true } },
      },
    ],
    ['presence', 'Presence', { channel: 'room' }],
    ['presence_stats', 'PresenceStats', { channel: 'room' }],
    ['history', 'History', { channel: 'room', limit: -1, since: { offset: 0 }, reverse: true }],
    ['channels', 'Channels', { pattern: '*' }],
    ['info', 'Info', {}],
    ['rpc', 'Rpc', { method: 'm', data: 1 }],
    ['batch', 'Batch', { commands: [{ info: {} }, { history: { channel: 'x:y' } }] }],
    ['unsubscribe', 'Unsubscribe', { user: 'ann', channel: 'room' }],
    ['history_remove', 'HistoryRemove', { channel: 'room' }],
    ['refresh', 'Refresh', { user: 'ann', expire_at: 1, expired: false }],
    [
      'disconnect',
      'Disconnect',
      { user: 'ann', whitelist: ['c'], disconnect: { code: 4000, reason: '' } },
    ],
  ];

  test.each(requests)('of %s are as the document says', async (method, schema, request) => {
    expect(validate(`${schema}Request`, request)).toBeNull();
    const { status, json } = await call(method, request);
    expect(status).toBe(200);
    expect(validate(`${schema}Result`, method === 'batch' ? json : json.result)).toBeNull();
  });

  test.each([
    ['Publish', { data: 1 }],
    ['Publish', { channel: 'a', data: 1, chanel: 'b' }],
    ['Publish', { channel: 'a', data: 1, tags: { a: 1 } }],
    ['Batch', { commands: [{}] }],
    ['Batch', { commands: [{ batch: { commands: [] } }] }],
  ])('%s of %j are as wrong as the document says', (schema, request) => {
    expect(validate(`${schema}Request`, request)).not.toBeNull();
  });
});
