import { readFileSync } from 'node:fs';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { EXAMPLE, fileSchema, stalePages } from '../../scripts/docs.ts';
import { compileSchema } from '../../src/channel/schema.ts';
import { readConfig } from '../../src/config/config.ts';
import { GROUPS } from '../../src/config/help.ts';
import type { ConfigInput, LimitsInput, NamespaceInput } from '../../src/config/input.ts';
import { LIMIT_NAMES } from '../../src/kernel/limits.ts';
import { envOf, flagOf } from '../../src/config/option.ts';
import { ALL_OPTIONS, ALL_RULE_OPTIONS } from '../../src/config/options.ts';
import { read } from './reading.ts';

describe('the documentation', () => {
  test('is what scripts/docs.ts writes', async () => {
    expect(await stalePages()).toEqual([]);
  });

  test('has every option with all its names, and every limit', () => {
    const page = readFileSync('docs/configuration.md', 'utf8');
    for (const { path } of ALL_OPTIONS) {
      for (const name of [path, envOf(path), flagOf(path)]) expect(page).toContain(`\`${name}\``);
    }
    for (const { path } of ALL_RULE_OPTIONS) expect(page).toContain(`\`${path}\``);
    const limits = readFileSync('docs/limits.md', 'utf8');
    for (const name of LIMIT_NAMES) {
      expect(limits).toContain(`\`limits.${name.replace(/Ms$/, '')}\``);
    }
  });

  test('has an example that can be used', () => {
    expect(readFileSync('docs/configuration.md', 'utf8')).toContain(EXAMPLE);
    const config = read({ file: EXAMPLE });
    expect([...config.namespaces.keys()]).toEqual(['default', 'chat', 'price', 'user']);
    expect(config.namespaces.get('chat')?.checkData?.({ text: 5 })).toBe('/text must be string');
  });
});

describe('the JSON Schema of the file', () => {
  const check = compileSchema(fileSchema());

  test.each([
    [{ port: 1, ping: { interval: '5s' }, namespaces: { chat: { recovery: true } } }, null],
    [{ limits: { messageBytes: '64KiB', mailboxBytes: 5 } }, null],
    [{ prot: 1 }, 'must NOT have additional properties'],
    [{ port: 'x' }, '/port must be integer'],
    [{ ping: { interval: '5 s' } }, '/ping/interval must match pattern "^[0-9]{1,9}(ms|s|m|h|d)$"'],
    [{ namespaces: { chat: { x: 1 } } }, '/namespaces/chat must NOT have additional properties'],
  ])('says of %j: %j', (tree, words) => {
    expect(check(tree)).toBe(words);
  });

  test('allows every default', () => {
    const written = [...ALL_OPTIONS, ...ALL_RULE_OPTIONS].flatMap((option) => [
      { name: option.path, schema: option.kind.schema, value: option.default },
      { name: `${option.path} with dev`, schema: option.kind.schema, value: option.dev },
    ]);
    const set = written.filter(({ value }) => value !== null);
    const allows = compileSchema({
      type: 'object',
      properties: Object.fromEntries(set.map(({ name, schema }) => [name, schema])),
    });
    expect(allows(Object.fromEntries(set.map(({ name, value }) => [name, value])))).toBeNull();
  });
});

describe('--help', () => {
  const reading = readConfig({ argv: ['--help'], env: { SLUICE_X: '1' } });
  const help = reading.config === null ? reading.print : '';

  test('names every flag, whatever else is wrong', () => {
    for (const { path } of ALL_OPTIONS)
      expect(help).toMatch(new RegExp(`^  ${flagOf(path)} `, 'm'));
    for (const flag of ['--config', '--help', '--version']) expect(help).toContain(flag);
    for (const { title } of GROUPS) expect(help).toContain(`\n${title}:\n`);
  });

  test('fits 100 columns', () => {
    for (const line of help.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  test('can be had as -h, too', () => {
    expect(readConfig({ argv: ['--port', 'x', '-h'], env: {} })).toEqual(reading);
  });
});

test('--version tells the version of the package', () => {
  const about = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  for (const flag of ['--version', '-v']) {
    expect(readConfig({ argv: [flag], env: {} })).toEqual({
      config: null,
      print: `sluice ${about.version}\n`,
    });
  }
});

describe('the table of options', () => {
  test('gives every option names of its own', () => {
    const names = ALL_OPTIONS.flatMap(({ path }) => [path, envOf(path), flagOf(path)]);
    expect(new Set(names).size).toBe(names.length);
    expect(envOf('tokens.hmacPreviousSecretValidUntil')).toBe(
      'SLUICE_TOKENS_HMAC_PREVIOUS_SECRET_VALID_UNTIL',
    );
    expect(flagOf('tokens.hmacSecret')).toBe('--tokens-hmac-secret');
  });

  test('puts every option in one group', () => {
    for (const { path } of ALL_OPTIONS) {
      const root = path.split('.')[0] ?? '';
      expect(GROUPS.filter(({ roots }) => roots.includes(root))).toHaveLength(1);
    }
  });

  test('has the options of ConfigInput and no other', () => {
    // The record does not compile when a key is missing or too much.
    const tree: KeysOf<ConfigInput> = {
      host: null,
      port: null,
      internal: { host: null, port: null },
      workers: null,
      drain: { delay: null, timeout: null },
      transport: null,
      dev: null,
      log: { level: null },
      origins: null,
      anonymous: null,
      tokens: {
        hmacSecret: null,
        hmacPreviousSecret: null,
        hmacPreviousSecretValidUntil: null,
        rsaPublicKey: null,
        ecdsaPublicKey: null,
        eddsaPublicKey: null,
        jwksUrl: null,
        audience: null,
        issuer: null,
        userIdClaim: null,
      },
      redis: {
        url: null,
        prefix: null,
        tls: { caFile: null, certFile: null, keyFile: null, serverName: null, insecure: null },
      },
      archive: {
        url: null,
        retention: null,
        delay: null,
        pool: { min: null, max: null },
        statementTimeout: null,
      },
      api: { keys: null },
      endpoints: null,
      hooks: {
        url: null,
        secret: null,
        connect: null,
        refresh: null,
        rpc: null,
        headers: null,
        cache: { connect: null, subscribe: null },
      },
      tasks: {
        concurrency: null,
        attempts: null,
        timeout: null,
        backoff: null,
        keep: null,
        drain: null,
      },
      events: {
        url: null,
        endpoint: null,
        secret: null,
        types: null,
        source: null,
        batchSize: null,
        batchDelay: null,
        timeout: null,
        giveUp: null,
        vacateDelay: null,
      },
      ping: { interval: null, timeout: null },
      expiry: { connectionGrace: null, subscriptionGrace: null },
      personal: { enabled: null, namespace: null },
      limits: null,
      namespaces: null,
    };
    const paths = ALL_OPTIONS.map(({ path }) => path.replace(/^limits\..*/, 'limits'));
    expect(leavesOf(tree).toSorted()).toEqual([...new Set(paths)].toSorted());
  });

  test('has the rules of NamespaceInput and no other', () => {
    const tree: KeysOf<NamespaceInput> = {
      history: { size: null, ttl: null },
      recovery: null,
      positioned: null,
      presence: null,
      joinLeave: null,
      subscribe: null,
      publish: null,
      presenceAccess: null,
      historyAccess: null,
      slowConsumer: null,
      delta: null,
      hooks: { subscribe: null, publish: null },
      schema: null,
      maxSubscribers: null,
      archive: null,
    };
    const paths = ALL_RULE_OPTIONS.map(({ path }) => path);
    expect(leavesOf(tree).toSorted()).toEqual(paths.toSorted());
  });

  test('writes limits in the library as in the file', () => {
    expectTypeOf<LimitsInput['connectTimeout']>().toEqualTypeOf<string | undefined>();
    expectTypeOf<LimitsInput['messageBytes']>().toEqualTypeOf<number | string | undefined>();
    expectTypeOf<LimitsInput['connections']>().toEqualTypeOf<number | undefined>();
  });
});

/** Null at each leaf of an input, at all of which there must be one. */
type KeysOf<Input> = {
  [Key in keyof Required<Input>]: Key extends
    | 'limits'
    | 'namespaces'
    | 'endpoints'
    | 'rpc'
    | 'schema'
    ? null
    : Required<Input>[Key] extends string | number | boolean | null | readonly unknown[]
      ? null
      : KeysOf<Required<Input>[Key]>;
};

function leavesOf(tree: object, path = ''): string[] {
  return Object.entries(tree).flatMap(([key, under]: [string, object | null]) =>
    under === null ? [`${path}${key}`] : leavesOf(under, `${path}${key}.`),
  );
}
