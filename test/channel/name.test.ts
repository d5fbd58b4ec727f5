import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  channelNameOf,
  isTokenOnly,
  namespaceOf,
  personalChannel,
  usersOf,
} from '../../src/channel/name.ts';
import type { ChannelName } from '../../src/channel/name.ts';
import { Refusal } from '../../src/kernel/errors.ts';

const LENGTH_MAX = 255;

function named(text: string): ChannelName {
  return channelNameOf(text, LENGTH_MAX);
}

function isRefused(text: string): boolean {
  try {
    named(text);
    return false;
  } catch (error) {
    if (error instanceof Refusal && error.is('badRequest')) return true;
    throw error;
  }
}

describe('a name', () => {
  test.each([
    'a',
    'news',
    'chat:room',
    '$secret',
    '#1',
    'a b',
    'ключ',
    '\u{1f600}',
    'a\u0080b',
    ':',
    '::',
    '#',
    '$',
  ])('can be %j', (text) => {
    expect(named(text)).toBe(text);
  });

  test('is not empty', () => {
    expect(isRefused('')).toBe(true);
  });

  test('has no control character, at no place', () => {
    const controls = [...Array.from({ length: 0x20 }, (_, code) => code), 0x7f];
    for (const code of controls) {
      const control = String.fromCharCode(code);
      for (const text of [control, `${control}a`, `a${control}`, `a${control}b`]) {
        expect(isRefused(text), JSON.stringify(text)).toBe(true);
      }
    }
  });

  test('is well-formed: no half of a character', () => {
    for (const text of ['\ud800', 'a\udc00', '\udc00\ud800', '\ud83d', 'a\ud83dz']) {
      expect(isRefused(text), JSON.stringify(text)).toBe(true);
    }
  });

  test('is as long as it may be and no longer, in UTF-16 units', () => {
    expect(isRefused('x'.repeat(LENGTH_MAX))).toBe(false);
    expect(isRefused('x'.repeat(LENGTH_MAX + 1))).toBe(true);
    expect(isRefused('\u{1f600}'.repeat(127))).toBe(false);
    expect(isRefused('\u{1f600}'.repeat(128))).toBe(true);
    expect(() => channelNameOf('ab', 1)).toThrow('1 to 1 printable characters');
  });

  test('is refused or kept as it is, whatever a peer sends', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const bad =
          text.length === 0 ||
          text.length > LENGTH_MAX ||
          !text.isWellFormed() ||
          // oxlint-disable-next-line no-control-regex
          /[\u0000-\u001f\u007f]/.test(text);
        expect(isRefused(text)).toBe(bad);
        if (!bad) expect(named(text)).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('its namespace', () => {
  test.each([
    ['news', 'default'],
    ['$news', 'default'],
    ['#1', 'default'],
    ['chat:room', 'chat'],
    ['$chat:room', 'chat'],
    ['chat:a#1', 'chat'],
    ['chat:a:b', 'chat'],
    ['chat:$room', 'chat'],
    [':room', ''],
    ['$:room', ''],
  ])('of %s is %j', (name, namespace) => {
    expect(namespaceOf(named(name))).toBe(namespace);
  });
});

describe('what is written in it', () => {
  test('a dollar at its begin is for who has a token', () => {
    expect(['$a', '$chat:a', '$#1', '$'].map((name) => isTokenOnly(named(name)))).not.toContain(
      false,
    );
    expect(['a$', 'chat:$a', '#$'].map((name) => isTokenOnly(named(name)))).not.toContain(true);
  });

  test.each([
    ['news', null],
    ['talk#1', ['1']],
    ['talk#1,2', ['1', '2']],
    ['chat:talk#1,2', ['1', '2']],
    ['#1', ['1']],
    ['a#b#2', ['2']],
    ['talk#', ['']],
    ['talk#,', ['', '']],
    ['talk#1, 2', ['1', ' 2']],
  ])('the users of %s are %j', (name, users) => {
    expect(usersOf(named(name))).toEqual(users);
  });
});

describe('a personal channel', () => {
  test('is of one user, in a namespace or not', () => {
    expect(personalChannel('42', 'default', LENGTH_MAX)).toBe('#42');
    expect(personalChannel('42', 'personal', LENGTH_MAX)).toBe('personal:#42');
  });

  // An id that reads as other users, or as another namespace, would let others listen.
  test.each([
    ['1,2', 'default'],
    ['1,2', 'personal'],
    ['a#b', 'default'],
    ['a#b', 'personal'],
    ['chat:1', 'default'],
    ['', 'default'],
    ['a\nb', 'personal'],
    ['x'.repeat(255), 'personal'],
  ])('of the user %j in %s is refused', (user, namespace) => {
    expect(() => personalChannel(user, namespace, LENGTH_MAX)).toThrow(Refusal);
  });

  test('may have a colon in a namespace, where it can mean nothing else', () => {
    const name = personalChannel('google:1', 'personal', LENGTH_MAX);
    expect(namespaceOf(name)).toBe('personal');
    expect(usersOf(name)).toEqual(['google:1']);
  });

  test('is never anybody else’s, whatever the user is called', () => {
    const users = fc.string({ unit: fc.constantFrom('a', '1', ',', '#', ':', '$', '\u{1f600}') });
    fc.assert(
      fc.property(users, fc.constantFrom('default', 'personal'), (user, namespace) => {
        let name: ChannelName;
        try {
          name = personalChannel(user, namespace, LENGTH_MAX);
        } catch (error) {
          if (error instanceof Refusal) return;
          throw error;
        }
        expect(namespaceOf(name)).toBe(namespace);
        expect(usersOf(name)).toEqual([user]);
        expect(isTokenOnly(name)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});
