import { describe, expect, test } from 'vitest';
import { redacted } from '../../src/config/config.ts';
import { envOf, flagOf } from '../../src/config/option.ts';
import { ALL_OPTIONS } from '../../src/config/options.ts';
import { parse, problemsOf, read } from './reading.ts';

const LEAK = 's3cr3t';

/** All problems of a reading, in one text. */
function told(given: Parameters<typeof read>[0]): string {
  return problemsOf(() => read(given)).join('\n');
}

describe('a secret is never told', () => {
  const secrets = ALL_OPTIONS.filter(({ kind }) => kind.secret);

  test('there are secrets', () => {
    expect(secrets.map(({ path }) => path)).toEqual([
      'tokens.hmacSecret',
      'tokens.hmacPreviousSecret',
      'tokens.rsaPublicKey',
      'tokens.ecdsaPublicKey',
      'tokens.eddsaPublicKey',
      'tokens.jwksUrl',
      'redis.url',
      'api.keys',
      'endpoints',
      'hooks.url',
      'hooks.secret',
      'archive.url',
      'events.url',
      'events.secret',
    ]);
  });

  test.each(secrets.map(({ path }) => path))('by %s with a wrong value', (path) => {
    const wrong = ` ${LEAK} ${LEAK} `;
    expect(told({ env: { [envOf(path)]: wrong, SLUICE_PORT: 'x' } })).not.toContain(LEAK);
    expect(told({ argv: [flagOf(path), wrong, '--port=x'] })).not.toContain(LEAK);
    const [group = '', key = ''] = path.split('.');
    // What is in a map of maps has names, which are told.
    if (key === '') return;
    for (const value of [wrong, [wrong], { [LEAK]: null }, [{ [LEAK]: 1 }]]) {
      const file = JSON.stringify({ [group]: { [key]: value } });
      expect(told({ file })).not.toContain(LEAK);
    }
  });

  test.each([
    ['no YAML: an alias', `tokens: { hmacSecret: *${LEAK} }`],
    ['no YAML: a tag', `tokens: { hmacSecret: !${LEAK} a }`],
    ['no YAML: a quote', `tokens:\n  hmacSecret: "${LEAK}`],
    ['no YAML: two quotes', `tokens:\n  hmacSecret: "a"${LEAK}"`],
    ['no YAML: a reserved character', `tokens:\n  hmacSecret: @${LEAK}`],
    ['no YAML: a colon', `tokens:\n  hmacSecret: a: ${LEAK}`],
    ['no YAML: a percent sign', `%${LEAK}\ntokens: {}`],
    ['no YAML: a bracket', `tokens:\n  hmacSecret: ]${LEAK}`],
    ['in the place of its group', `tokens: ${LEAK}`],
    ['in the place of everything', LEAK],
  ])('by a file with it %s', (_, file) => {
    expect(told({ file })).not.toContain(LEAK);
  });

  test.each([
    ['behind a flag that does not exist', ['--tokens-hmac-secrt', LEAK]],
    ['behind an equals sign of one', [`--tokens-hmac-secrt=${LEAK}`]],
    ['after a space that should have been quoted', ['--tokens-hmac-secret', 'a', LEAK]],
    ['with two dashes before it', ['--tokens-hmac-secret', `--${LEAK}`]],
    ['with a dash before it', ['--tokens-hmac-secrt', `-${LEAK}`]],
    ['twice', [`--tokens-hmac-secret=${LEAK}`, `--tokens-hmac-secret=${LEAK}`]],
    ['alone', [LEAK]],
  ])('by flags with it %s', (_, argv) => {
    expect(told({ argv: [...argv, '--port=x'] })).not.toContain(LEAK);
  });

  test('by a configuration that is printed', () => {
    const secret = `${LEAK}-1`;
    const config = parse({
      tokens: { hmacSecret: secret, hmacPreviousSecret: `${LEAK}-2`, issuer: 'i' },
      api: { keys: [`${LEAK}-3`, `${LEAK}-4`] },
      events: { url: `https://example.com/events?key=${LEAK}-5`, secret: `${LEAK}-6` },
      namespaces: { chat: { schema: { type: 'object' } } },
    });
    const printed = JSON.stringify(redacted(config));
    expect(printed).not.toContain(LEAK);
    expect(JSON.parse(printed)).toMatchObject({
      tokens: { hmacSecret: '[hidden]', hmacPreviousSecret: '[hidden]', issuer: 'i' },
      api: { keys: ['[hidden]', '[hidden]'] },
      events: { target: { url: 'https://example.com/events?[hidden]', secret: '[hidden]' } },
      namespaces: { chat: { checkData: 'JSON Schema' }, default: { checkData: null } },
    });
  });

  test('and one that is not set is not said to be', () => {
    const printed = JSON.stringify(redacted(read({ argv: ['--dev'] })));
    expect(printed).not.toContain('[hidden]');
  });
});

describe('a secret', () => {
  test('is not empty and has no line end of the file it came from', () => {
    const words = 'the value is not a string with something in it and no spaces around it';
    for (const hmacSecret of ['', ' ', 'a\n', ' a']) {
      expect(problemsOf(() => parse({ tokens: { hmacSecret } }))).toEqual([
        `tokens.hmacSecret: ${words}`,
      ]);
    }
    expect(problemsOf(() => read({ file: 'tokens: { hmacSecret: 123456 }' }))).toEqual([
      `sluice.yaml:1 tokens.hmacSecret: ${words}; put it in quotes`,
    ]);
    expect(parse({ tokens: { hmacSecret: 'two words' } }).tokens.hmacSecret).toBe('two words');
  });

  test('is no public key: who knows it could sign tokens', () => {
    const hmacSecret = '-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----';
    expect(problemsOf(() => parse({ tokens: { hmacSecret } }))[0]).toContain('it is a PEM key');
  });

  test('of the API can travel in a header', () => {
    for (const key of ['', 'a b', 'é', 'a\n']) {
      expect(problemsOf(() => parse({ api: { keys: ['good', key] } }))).toEqual([
        'api.keys: item 2: the value is not a string of printable ASCII characters without spaces',
      ]);
    }
  });

  test('that came before needs one that comes after', () => {
    expect(
      problemsOf(() => read({ file: 'anonymous: true\ntokens: { hmacPreviousSecret: a }' })),
    ).toEqual([
      'sluice.yaml:2 tokens.hmacPreviousSecret: it is of no use without tokens.hmacSecret',
    ]);
    const tokens = { hmacSecret: 'a', hmacPreviousSecretValidUntil: '2027-01-01' };
    expect(problemsOf(() => parse({ tokens }))).toEqual([
      'tokens.hmacPreviousSecretValidUntil: it is of no use without tokens.hmacPreviousSecret',
    ]);
  });
});
