/** What docs/archive.md says, held against what is there. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { createGateway } from '../../src/gateway.ts';
import { archive as method } from '../../src/api/methods/archive.ts';
import { parse } from '../config/reading.ts';
import { LIMITS } from '../../src/kernel/limits.ts';
import { api } from '../support/http.ts';
import { PostgresServer } from '../support/postgres.ts';
import { archived, archivedOn } from './gateways.ts';

const PAGE = readFileSync('docs/archive.md', 'utf8');

function blocks(language: string): string[] {
  const fenced = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm');
  return [...PAGE.matchAll(fenced)].map(([, text = '']) => text);
}

/** What stands in the first column of the table with this head. */
function firstColumn(head: string): string[] {
  const table = new RegExp(`^\\| ${head} .*\n\\|.*\n((?:\\|.*\n)+)`, 'm').exec(PAGE)?.[1] ?? '';
  return table
    .trim()
    .split('\n')
    .flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([\w.]+)`/g)].map(([, name = '']) => name),
    );
}

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.shared();
});
afterAll(() => server.dispose());

test('the example is a configuration', () => {
  const [yaml = ''] = blocks('yaml');
  const config = parse(parseYaml(yaml) as Parameters<typeof parse>[0]);
  expect(config.archive?.retentionMs).toBe(90 * 86_400_000);
  expect(config.namespaces.get('chat')).toMatchObject({ archive: true, historySize: 100 });
});

test('the call and the query are answered as it says', async () => {
  const running = await archivedOn(server.url);
  const { url, http, gateway } = running;
  await gateway.publish('chat:1', { text: 'hello' });
  await gateway.publish('chat:1', { text: 'again' });
  await archived(running, 'chat:1');
  const [, path = '', body = ''] = /curl \S+?(\/api\/\w+) -d '(.*)'/.exec(PAGE) ?? [];
  expect(path).toBe('/api/archive');
  const asked = { ...(JSON.parse(body) as object), from_time: 0, limit: 1 };
  const { status, answer } = await api(http, 'archive', asked);
  expect(status).toBe(200);
  const shown = JSON.parse(blocks('json')[0] ?? '') as { result: { publications: object[] } };
  const { publications, cursor } = answer['result'] as { publications: object[]; cursor: string };
  expect(Object.keys(publications[0] ?? {}).toSorted()).toEqual(
    Object.keys(shown.result.publications[0] ?? {}).toSorted(),
  );
  expect(cursor).toMatch(/^[\w-]+$/);
  // So does the document of the API.
  const document = (await (await fetch(`${http}/api/openapi.json`)).json()) as {
    components: object;
  };
  const ajv = new Ajv2020({ formats: { 'date-time': true } });
  ajv.addKeyword('components');
  ajv.addSchema({ $id: 'api', components: document.components }, undefined, false, false);
  const check = (schema: string, value: unknown): boolean =>
    ajv.validate({ $ref: `api#/components/schemas/${schema}` }, value);
  expect(check('ArchiveRequest', JSON.parse(body))).toBe(true);
  expect(check('ArchiveRequest', { ...asked, from_time: 'today' })).toBe(false);
  expect([check('ArchiveResult', answer['result']), ajv.errors]).toEqual([true, null]);
  const rows = await server.query(blocks('sql')[0] ?? '');
  expect(rows).toMatchObject([{ offset: '1', text: 'hello' }, { text: 'again' }]);
  expect(url).toBeDefined();
});

test('the fields are those of the method', () => {
  expect(method.request.safeParse({ channel: 'a', limt: 1 }).success).toBe(false);
  const fields = firstColumn('Field').filter((name) => !name.startsWith('limits.'));
  const values: Record<string, unknown> = { channel: 'a', epoch: 'e', cursor: 'c', reverse: true };
  for (const name of fields) {
    const value = values[name] ?? 1;
    expect([name, method.request.safeParse({ channel: 'a', [name]: value }).success]).toEqual([
      name,
      true,
    ]);
  }
  expect(fields.toSorted()).toEqual(
    Object.keys((method.request as unknown as { shape: object }).shape).toSorted(),
  );
});

test('the meters, outcomes and limits are those that there are', async () => {
  const { http } = await archivedOn(server.url);
  const text = await (await fetch(`${http}/metrics`)).text();
  const meters = new Set(
    [...text.matchAll(/^# TYPE (sluice_archive\w*)/gm)].map(([, name]) => name),
  );
  expect(new Set(firstColumn('Meter'))).toEqual(meters);
  const sources = ['archive', 'writer', 'upkeep'].map((file) =>
    readFileSync(`src/archive/${file}.ts`, 'utf8'),
  );
  const counted = sources.flatMap((source) =>
    [...source.matchAll(/\bcount\('(\w+)'/g)].map(([, name = '']) => name),
  );
  expect(firstColumn('Outcome').toSorted()).toEqual([...new Set(counted)].toSorted());
  for (const [, name = ''] of PAGE.matchAll(/`limits\.(\w+)`/g))
    expect(LIMITS).toHaveProperty(name);
  expect(PAGE).toContain(`(${LIMITS.archivePublications.default.toLocaleString('en')})`);
});

test('the library has what it names', () => {
  const gateway = createGateway({ dev: true, port: 0 });
  expect(PAGE).toContain('gateway.archive(channel, options)');
  expect(gateway.archive).toBeTypeOf('function');
  return gateway.close();
});
