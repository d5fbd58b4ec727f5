import * as fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { Json } from '../../src/kernel/data.ts';
import type { Publication } from '../../src/protocol/frames.ts';
import { GOOD_MESSAGES, wounded, WOUNDS } from '../support/wounds.ts';
import { bytesOf, fromJson, json, msgpack, only, pack, survive, textOf, unpack } from './peer.ts';
import { PLAIN } from './samples.ts';

// ---- text of JSON as people, machines and attackers write it

const SPACE = fc.stringMatching(/^[ \t\r]{0,3}$/);

const CHARACTER = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('a', 'b', '"', '\\', '/', '{', '}', '[', ']', ':', ',') },
  { weight: 4, arbitrary: fc.constantFrom('\\"', '\\\\', '\\/', '\\n', '\\u0022', '\\ud800') },
  { weight: 2, arbitrary: fc.constantFrom('é', '☕', '🚪', '\\u00e9', '\u2028', '\u007f') },
);

const STRING = fc.array(CHARACTER, { maxLength: 40 }).map((characters) => {
  const text = characters.map((one) => (one === '"' || one === '\\' ? `\\${one}` : one));
  return `"${text.join('')}"`;
});

const KEY = fc.oneof(
  STRING,
  fc.constantFrom('"data"', '"publish"', '"d\\u0061ta"', '"__proto__"', '"id"', '""'),
);

const NUMBER = fc.oneof(
  fc.stringMatching(/^-?(0|[1-9]\d{0,30})(\.\d{1,20})?([eE][+-]?\d{1,3})?$/),
  fc.constantFrom('-0', '9007199254740993', '18446744073709551616', '1e999'),
);

/** Text that is JSON, with any white space, keys in any order and more than once. */
const { value: TEXT } = fc.letrec<{ value: string; list: string; map: string }>((tie) => ({
  list: fc
    .tuple(SPACE, fc.array(fc.tuple(SPACE, tie('value'), SPACE), { maxLength: 4 }))
    .map(([space, items]) => `[${items.map((one) => one.join('')).join(',') || space}]`),
  map: fc
    .tuple(
      SPACE,
      fc.array(fc.tuple(SPACE, KEY, SPACE, fc.constant(':'), SPACE, tie('value'), SPACE), {
        maxLength: 4,
      }),
    )
    .map(([space, items]) => `{${items.map((one) => one.join('')).join(',') || space}}`),
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('true', 'false', 'null'),
    NUMBER,
    STRING,
    tie('list'),
    tie('map'),
  ),
}));

const COMMAND_KEY = fc.constantFrom(
  '"publish"',
  '"p\\u0075blish"',
  '"send"',
  '"rpc"',
  '"connect"',
  '"id"',
  '"data"',
  '"x"',
);
const FIELD_KEY = fc.constantFrom('"data"', '"d\\u0061ta"', '"channel"', '"datum"', '"x"');

/** Messages that nearly are commands, with all that JSON allows and no one writes. */
const ODD_LINE = fc
  .array(
    fc.tuple(
      SPACE,
      COMMAND_KEY,
      SPACE,
      fc.oneof(
        { weight: 1, arbitrary: TEXT },
        {
          weight: 4,
          arbitrary: fc
            .array(fc.tuple(SPACE, FIELD_KEY, SPACE, fc.constant(':'), SPACE, TEXT, SPACE), {
              maxLength: 4,
            })
            .map((fields) => `{${fields.map((one) => one.join('')).join(',')}}`),
        },
      ),
      SPACE,
    ),
    { maxLength: 5 },
  )
  .map((fields) => {
    const all = fields.map(([a, key, b, value, c]) => `${a}${key}${b}:${value}${c}`);
    return `{${[...all, '"id":7'].join(',')}}`;
  });

const MANY_RUNS = { numRuns: 20_000 };
const RUNS = { numRuns: 15_000 };
const FEWER_RUNS = { numRuns: 5000 };

const NAMES_OF_ALL_OBJECTS = Object.getOwnPropertyNames(Object.prototype);

afterEach(() => {
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(NAMES_OF_ALL_OBJECTS);
});

describe('whatever a peer sends as JSON', () => {
  test('random bytes are refused, or are commands', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (frame) => void survive(json, frame)),
      MANY_RUNS,
    );
  });

  test('frames with damage are refused, or are commands', () => {
    fc.assert(
      fc.property(GOOD_MESSAGES, WOUNDS, (messages, wounds) => {
        const frame = bytesOf(messages.map((one) => JSON.stringify(one)).join('\n'));
        survive(json, wounded(frame, wounds));
      }),
      RUNS,
    );
  });

  test('data arrives byte for byte', () => {
    fc.assert(
      fc.property(TEXT, SPACE, SPACE, (text, before, after) => {
        const line = `{"id":1,"publish":{"channel":"x","data":${before}${text}${after}}}`;
        expect(only(fromJson(line))).toMatchObject({ data: { text } });
      }),
      FEWER_RUNS,
    );
  });

  test('data is the text of what JSON.parse takes for it', () => {
    fc.assert(
      fc.property(ODD_LINE, (line) => {
        const commands = survive(json, bytesOf(line));
        if (commands === null) return;
        const command = only(commands);
        if (!('data' in command) || command.data === null) return;
        const parsed = JSON.parse(line) as Record<string, { data: unknown }>;
        expect(command.data).toBeInstanceOf(Json);
        expect((command.data as Json).value()).toEqual(parsed[command.type]?.data);
        expect(line).toContain((command.data as Json).text);
      }),
      RUNS,
    );
  });
});

describe('whatever a peer sends as MessagePack', () => {
  test('random bytes are refused, or are commands', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (frame) => void survive(msgpack, frame)),
      MANY_RUNS,
    );
  });

  test('random bytes for data are refused, or are data', () => {
    const head = pack({ id: 1, rpc: { data: 0 } });
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (data) => {
        const frame = Uint8Array.from([...head.slice(0, -1), ...data]);
        for (const command of survive(msgpack, frame) ?? []) {
          if (command.type !== 'rpc' || !(command.data instanceof Json)) continue;
          expect(() => JSON.parse((command.data as Json).text) as unknown).not.toThrow();
        }
      }),
      RUNS,
    );
  });

  test('frames with damage are refused, or are commands', () => {
    fc.assert(
      fc.property(GOOD_MESSAGES, WOUNDS, (messages, wounds) => {
        survive(msgpack, wounded(msgpack.join(messages.map(pack)), wounds));
      }),
      RUNS,
    );
  });
});

describe('both encodings', () => {
  const VALUE = fc.jsonValue({ stringUnit: 'grapheme', maxDepth: 4 });
  const FIELDS = fc.dictionary(
    fc.constantFrom('channel', 'token', 'offset', 'epoch', 'data', 'type', 'limit', 'since', 'x'),
    fc.oneof(VALUE, fc.string(), fc.maxSafeNat()),
  );
  const NAME = fc.constantFrom('connect', 'subscribe', 'publish', 'history', 'rpc', 'send', 'x');

  test('bring the same command', () => {
    fc.assert(
      fc.property(fc.nat(3), NAME, FIELDS, (id, name, fields) => {
        const message = { id, [name]: fields };
        const text = survive(json, bytesOf(JSON.stringify(message)));
        const packed = survive(msgpack, pack(message));
        const sameSize = (commands: typeof text): unknown =>
          commands?.map((command) => ({ ...command, bytes: 0, data: valueOf(command) }));
        expect(sameSize(packed)).toEqual(sameSize(text));
      }),
      FEWER_RUNS,
    );
  });

  test('write the same publications', () => {
    const publication: fc.Arbitrary<Publication> = fc.record({
      data: VALUE.map((value) => Json.of(value)),
      offset: fc.maxSafeNat(),
      info: fc.constantFrom(null, { client: 'c', user: 'é', connInfo: null, chanInfo: null }),
      tags: fc.option(fc.dictionary(fc.string(), fc.string())),
      event: fc.option(fc.string()),
      delta: fc.boolean(),
      epoch: fc.option(fc.string()),
    });
    fc.assert(
      fc.property(fc.string(), fc.array(publication, { maxLength: 4 }), (channel, publications) => {
        const batch = [...publications, PLAIN];
        const lines = textOf(json.publications(channel, batch)).split('\n');
        const packed = unpack(msgpack.publications(channel, batch));
        const parsed = lines.map((line) => JSON.parse(line) as unknown);
        expect(normal(packed)).toEqual(normal(parsed));
      }),
      FEWER_RUNS,
    );
  });
});

/** msgpackr gives large integers as bigint, and another name to a key it does not trust. */
function normal(value: unknown): string {
  const text = JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'bigint' ? Number(one) : one,
  );
  return text.replaceAll('"__proto_"', '"__proto__"');
}

function valueOf(command: object): unknown {
  if (!('data' in command)) return undefined;
  return command.data instanceof Json ? { value: command.data.value() } : command.data;
}
