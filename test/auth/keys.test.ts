/** The keys of the server API. */
import { describe, expect, test } from 'vitest';
import { ApiKeys, apiKeyOf } from '../../src/auth/keys.ts';

function keyOf(headers: Record<string, string>): string | null {
  return apiKeyOf(new Map(Object.entries(headers)));
}

describe('API keys', () => {
  test('each of the keys is accepted, and nothing else', () => {
    const keys = new ApiKeys(['first', 'second', 'dritter-schlüssel']);
    expect(keys.enabled).toBe(true);
    for (const key of ['first', 'second', 'dritter-schlüssel'])
      expect(keys.accepts(key)).toBe(true);
    for (const key of ['', 'First', 'firs', 'first ', 'third', 'first,second', '\0']) {
      expect(keys.accepts(key)).toBe(false);
    }
  });

  test('without keys nothing is accepted', () => {
    const keys = new ApiKeys([]);
    expect(keys.enabled).toBe(false);
    expect(keys.accepts('')).toBe(false);
    expect(keys.accepts('key')).toBe(false);
  });

  test('an empty key is refused at the start', () => {
    expect(() => new ApiKeys(['key', ''])).toThrow('an API key is empty');
  });
});

describe('the key of a request', () => {
  test('is in X-API-Key', () => {
    expect(keyOf({ 'x-api-key': 'k' })).toBe('k');
    expect(keyOf({ 'x-api-key': 'k', authorization: 'apikey other' })).toBe('k');
  });

  test('or in Authorization, whatever the case of the scheme', () => {
    for (const scheme of ['apikey', 'ApiKey', 'APIKEY']) {
      expect(keyOf({ authorization: `${scheme} k` })).toBe('k');
    }
    expect(keyOf({ authorization: 'apikey   k ' })).toBe('k');
    expect(keyOf({ authorization: 'apikey ' })).toBe('');
  });

  test('or there is none', () => {
    expect(keyOf({})).toBe(null);
    for (const authorization of ['', 'k', 'apikey', 'apikeyk', 'Bearer k', 'Basic apikey k']) {
      expect(keyOf({ authorization })).toBe(null);
    }
  });
});
