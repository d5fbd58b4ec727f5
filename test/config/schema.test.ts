import { describe, expect, test } from 'vitest';
import { compileSchema } from '../../src/channel/schema.ts';

describe('the schema of data', () => {
  const check = compileSchema({
    type: 'object',
    required: ['text'],
    additionalProperties: false,
    properties: { text: { type: 'string', maxLength: 5 }, to: { type: ['string', 'null'] } },
  });

  test('says null of what fits', () => {
    expect(check({ text: 'hello' })).toBeNull();
    expect(check({ text: '', to: null })).toBeNull();
  });

  test('says in words what does not', () => {
    expect(check({})).toBe("must have required property 'text'");
    expect(check({ text: 5 })).toBe('/text must be string');
    expect(check({ text: 'too long' })).toBe('/text must NOT have more than 5 characters');
    expect(check({ text: '', x: 1 })).toBe('must NOT have additional properties');
    expect(check('text')).toBe('must be object');
    expect(check(null)).toBe('must be object');
  });

  test('says it of each value by itself', () => {
    expect(check({})).not.toBeNull();
    expect(check({ text: 'a' })).toBeNull();
  });

  test('says one thing only, and briefly', () => {
    const items = compileSchema({ type: 'object', additionalProperties: { type: 'string' } });
    const words = items({ ['k'.repeat(10_000)]: 1, b: 2 });
    expect(words?.length).toBe(200);
  });

  test('looks at what the data has, not at what every object inherits', () => {
    const own = compileSchema({ type: 'object', required: ['constructor'] });
    expect(own({})).toBe("must have required property 'constructor'");
    expect(own(JSON.parse('{"constructor": 1}'))).toBeNull();
    const closed = compileSchema({ type: 'object', additionalProperties: false });
    expect(closed(JSON.parse('{"__proto__": 1}'))).not.toBeNull();
  });

  test('may refer to its own parts, and to itself', () => {
    const tree = compileSchema({
      $defs: { name: { type: 'string' } },
      type: 'object',
      properties: {
        name: { $ref: '#/$defs/name' },
        children: { type: 'array', items: { $ref: '#' } },
      },
    });
    expect(tree({ name: 'a', children: [{ name: 'b' }] })).toBeNull();
    expect(tree({ children: [{ name: 1 }] })).toBe('/children/0/name must be string');
  });

  test('of draft 2020-12 may say so, and have tuples and an $id', () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      $id: 'https://example.com/pair',
      type: 'array',
      prefixItems: [{ type: 'string' }, { type: 'number' }],
      items: false,
    };
    expect(compileSchema(schema)(['a', 1])).toBeNull();
    // Two namespaces may have the same.
    expect(compileSchema(schema)(['a', 1, 2])).not.toBeNull();
  });
});

describe('a schema that is none', () => {
  test.each([
    ['no object', 'string', 'a JSON Schema is an object'],
    ['a list', [], 'a JSON Schema is an object'],
    ['nothing', null, 'a JSON Schema is an object'],
    ['a boolean', true, 'a JSON Schema is an object'],
    ['a wrong type', { type: 'strin' }, 'schema is invalid: data/type must be equal to one of'],
    ['an unknown keyword', { typ: 'string' }, 'unknown keyword: "typ"'],
    ['an unknown format', { type: 'string', format: 'e-mail' }, 'unknown format "e-mail"'],
    ['no type beside properties', { properties: { a: {} } }, 'missing type "object"'],
    ['a remote reference', { $ref: 'https://example.com/s.json' }, "can't resolve reference"],
    ['a reference to nothing', { $ref: '#/$defs/a' }, "can't resolve reference"],
    ['another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, 'no schema with key'],
    ['a wrong pattern', { type: 'string', pattern: '(' }, 'Invalid regular expression'],
    ['an asynchronous one', { $async: true, type: 'string' }, '$async is not JSON Schema'],
  ])('throws: %s', (_, schema, words) => {
    expect(() => compileSchema(schema)).toThrow(words);
  });
});
