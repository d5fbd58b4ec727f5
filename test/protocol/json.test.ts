import { describe, expect, test } from 'vitest';
import { Json } from '../../src/kernel/data.ts';
import { jsonCodec } from '../../src/protocol/json.ts';
import type { Command } from '../../src/protocol/frames.ts';
import { bytesOf, expectRefused, fromJson, json, only, textOf } from './peer.ts';
import { PLAIN, PUBLICATIONS } from './samples.ts';

function dataOf(command: Command): string {
  if (!('data' in command) || !(command.data instanceof Json)) throw new Error('no JSON data');
  return command.data.text;
}

/** The data that arrives when `text` was published. */
function published(text: string): string {
  return dataOf(only(fromJson(`{"publish":{"channel":"x","data":${text}},"id":1}`)));
}

describe('a frame of JSON', () => {
  test('has one command per line, in order', () => {
    const frame = '{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"a"}}\n{}';
    expect(fromJson(frame).map(({ type }) => type)).toEqual(['connect', 'subscribe', 'pong']);
  });

  test('may end with a newline, and its lines with a carriage return', () => {
    expect(fromJson('{}\n')).toHaveLength(1);
    expect(fromJson('{}\r\n{}\r\n')).toHaveLength(2);
  });

  test('tells of each command how long it is on the wire', () => {
    const lines = ['{"id":1,"ping":{}}', '{"id":2,"rpc":{"data":"né ☕ 🚪"}}', '  {}  '];
    const sizes = lines.map((line) => bytesOf(line).length);
    expect(fromJson(lines.join('\n')).map(({ bytes }) => bytes)).toEqual(sizes);
  });

  test.each([
    ['nothing', ''],
    ['a newline', '\n'],
    ['white space', '  '],
    ['an empty line before a command', '\n{}'],
    ['an empty line between commands', '{}\n\n{}'],
    ['two newlines at the end', '{}\n\n'],
    ['half a command', '{"id":1,"ping":{}'],
    ['two commands in a line', '{}{}'],
    ['a command over two lines', '{"id":1,\n"ping":{}}'],
    ['a bad line after a good one', '{}\n?'],
    ['a byte order mark', '\uFEFF{}'],
    ['single quotes', "{'id':1}"],
    ['a comment', '{}//'],
    ['NaN', '{"id":NaN}'],
    ['a raw control character in a string', '{"id":1,"rpc":{"method":"\u0001"}}'],
  ])('is refused when it is %s', (_, frame) => {
    expectRefused(() => fromJson(frame));
  });

  test.each([
    ['a byte that UTF-8 has not', [0xff]],
    ['a sequence that breaks off', [0xe2, 0x98]],
    ['an overlong sequence', [0xc0, 0x80]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
  ])('is refused when its text has %s', (_, bytes) => {
    const frame = Uint8Array.from([...bytesOf('{"id":1,"x":"'), ...bytes, ...bytesOf('"}')]);
    expectRefused(() => json.decode(frame));
  });

  test('may be a part of a larger buffer, and nothing of it is kept', () => {
    const text = '{"id":1,"publish":{"channel":"chat:room","data":{"a":"0123456789abcdef"}}}';
    const buffer = bytesOf(`????${text}????`);
    const command = only(json.decode(buffer.subarray(4, buffer.length - 4)));
    const before = structuredClone({ ...command, data: dataOf(command) });
    buffer.fill(0);
    expect({ ...command, data: dataOf(command) }).toEqual(before);
    expect(dataOf(command)).toBe('{"a":"0123456789abcdef"}');
  });

  test('may be nested as deep as the limit, and no deeper', () => {
    const shallow = jsonCodec({ depthMax: 5 });
    const decode = (data: string): readonly Command[] =>
      shallow.decode(bytesOf(`{"id":1,"rpc":{"data":${data}}}`));
    expect(decode('[[[1]]]')).toHaveLength(1);
    expect(decode('[[[1]],[[2]],{"a":{"b":"[[[["}}]')).toHaveLength(1);
    expectRefused(() => decode('[[[[1]]]]'));
    expectRefused(() => decode('{"a":{"b":{"c":[]}}}'));
    expectRefused(() => shallow.decode(bytesOf('{"id":1,"ping":{},"x":[[[[[]]]]]}')));
  });

  test('that nests as deep as it is long is refused', () => {
    const deep = 30_000;
    expectRefused(() => fromJson('['.repeat(2 * deep)));
    expectRefused(() => fromJson('{"a":'.repeat(deep)));
    const whole = `{"id":1,"rpc":{"data":${'['.repeat(deep)}${']'.repeat(deep)}}}`;
    expectRefused(() => fromJson(whole));
  });
});

describe('half a character in JSON', () => {
  test.each([
    ['"publish":{"channel":"\\ud800","data":1}', 'publish.channel'],
    ['"rpc":{"method":"x\\udc00"}', 'rpc.method'],
    ['"subscribe":{"channel":"x","epoch":"\\ud800\\ud800"}', 'subscribe.epoch'],
    ['"connect":{"subs":{"\\ud800":{}}}', 'connect.subs'],
    ['"connect":{"headers":{"\\ud800":"x"}}', 'connect.headers'],
    ['"connect":{"headers":{"x":"\\ud800"}}', 'connect.headers'],
  ])('is no part of a name: %s', (command, field) => {
    expect(only(fromJson(`{"id":1,${command}}`))).toMatchObject({
      type: 'invalid',
      detail: `${field} must be well-formed Unicode`,
    });
  });

  test('may be a part of data, and both halves together of a name', () => {
    const line = '{"id":1,"publish":{"channel":"\\ud83d\\udeaa","data":"\\ud83d"}}';
    expect(only(fromJson(line))).toMatchObject({ channel: '🚪', data: { text: '"\\ud83d"' } });
  });
});

describe('data in JSON', () => {
  test.each([
    '1',
    '-0',
    '1.0',
    '1E+400',
    '0.1000',
    '9007199254740993',
    '123456789012345678901234567890',
    'true',
    'null',
    '""',
    '"a\\u0041\\/\\n\\"\\\\"',
    '"\\ud800"',
    '"\\udc00\\ud800"',
    '"né ☕ 🚪"',
    '"},\\"data\\":1"',
    '"\\\\"',
    '[]',
    '{}',
    '[ 1 ,\t2 ]',
    '{ "b" : 1 , "a" : 2 }',
    '{"a":1,"a":2}',
    '{"data":{"data":"data"},"publish":{"data":1}}',
    '[{"data":1},",",{"x":"\\"}"}]',
    '{"__proto__":{"polluted":true},"constructor":1}',
  ])('%s arrives as it was written', (text) => {
    expect(published(text)).toBe(text);
  });

  test('arrives without the white space around it, and with all within', () => {
    const line = '\t{ "publish" :\r{ "data" \t: \r[ 1, 2 ]\t , "channel" : "x" } , "id" : 1 } ';
    expect(dataOf(only(fromJson(line)))).toBe('[ 1, 2 ]');
    const last = '{"id":1,"publish":{"channel":"x","data": \t "y" \r }}';
    expect(dataOf(only(fromJson(last)))).toBe('"y"');
  });

  test.each([
    ['data comes twice', '{"id":1,"publish":{"channel":"x","data":1,"data":2}}', '2'],
    [
      'its command comes twice',
      '{"id":1,"publish":{"channel":"y","data":1},"publish":{"channel":"x","data":2}}',
      '2',
    ],
    [
      'its command was something else before',
      '{"publish":["data",1],"id":1,"publish":{"channel":"x","data":2}}',
      '2',
    ],
    [
      'its command was null before',
      '{"publish":null,"id":1,"publish":{"data":2,"channel":"x"}}',
      '2',
    ],
    [
      'another command has data as well',
      '{"rpc":{"data":1},"publish":{"data":2,"channel":"x"},"send":{"data":3},"id":1}',
      '2',
    ],
    [
      'other fields look like it',
      '{"data":0,"id":1,"x":{"data":1},"publish":{"y":{"data":1},"channel":"data","Data":1,"dat":1,"data":2}}',
      '2',
    ],
    [
      'its keys are written with escapes',
      '{"id":1,"p\\u0075blish":{"channel":"x","\\u0064\\u0061\\u0074\\u0061":2}}',
      '2',
    ],
    [
      'one of two is written with escapes',
      '{"id":1,"publish":{"channel":"x","data":1,"d\\u0061ta":2}}',
      '2',
    ],
    [
      'a key has escapes and is another',
      '{"id":1,"publish":{"channel":"x","data":2,"d\\u0061tb":1,"\\"data":3}}',
      '2',
    ],
  ])('is the one that JSON.parse would take when %s', (_, line, data) => {
    expect(dataOf(only(fromJson(line)))).toBe(data);
  });

  test('that a later command of the same name takes back is missing', () => {
    const line = '{"id":1,"publish":{"channel":"x","data":1},"publish":{"channel":"x"}}';
    expect(only(fromJson(line))).toMatchObject({ detail: 'publish.data is missing' });
  });

  test('is kept of every command that has some', () => {
    const of = (name: string): string =>
      dataOf(only(fromJson(`{"id":1,"${name}":{"channel":"x","data":{ "n":1.0 }}}`)));
    for (const name of ['connect', 'subscribe', 'publish', 'send', 'rpc']) {
      expect(of(name)).toBe('{ "n":1.0 }');
    }
  });

  test('is whole when it is long, with escapes at all places of its strings', () => {
    for (let length = 20; length < 50; length += 1) {
      for (const escape of ['\\"', '\\\\', '\\\\\\"', '\\u0022', ',', '}']) {
        const text = `"${'x'.repeat(length)}${escape}${'y'.repeat(length)}${escape}"`;
        expect(published(text)).toBe(text);
        expect(published(`{${text}:[${text}]}`)).toBe(`{${text}:[${text}]}`);
      }
    }
  });

  test('does not keep a long line alive for a short part of it', () => {
    const data = '{"a":"0123456789abcdef ☕"}';
    const line = `{"id":1,"x":"${'y'.repeat(5000)}","publish":{"channel":"x","data":${data}}}`;
    expect(dataOf(only(fromJson(line)))).toBe(data);
  });
});

describe('the writer of JSON', () => {
  test('writes data of JSON as it was written, but for newlines between its tokens', () => {
    const data = new Json('{\n "a": "\\n",\n "b": 12345678901234567890\n}');
    const line = textOf(json.encode({ type: 'rpc', id: 1, data }));
    expect(line).toBe('{"id":1,"rpc":{"data":{  "a": "\\n",  "b": 12345678901234567890 }}}');
    const push = textOf(json.publications('x', [{ ...PLAIN, data }, PLAIN]));
    expect(push.split('\n')).toHaveLength(2);
  });

  test('writes bytes as base64', () => {
    for (let length = 0; length < 10; length += 1) {
      const data = Uint8Array.from({ length }, (_, at) => 0xf9 + at);
      const line = textOf(json.encode({ type: 'message', data }));
      const text = Buffer.from(data).toString('base64');
      expect(line).toBe(`{"push":{"message":{"data":"${text}"}}}`);
    }
  });

  test('writes half a character of ours as an escape, so that the frame stays UTF-8', () => {
    const info = { client: 'c', user: '\ud800', connInfo: null, chanInfo: null };
    const line = textOf(json.encode({ type: 'join', channel: 'x', info }));
    expect(line).toContain('"user":"\\ud800"');
  });

  test('writes short and long answers alike', () => {
    for (const name of ['a'.repeat(5), 'a'.repeat(200), 'é', 'é'.repeat(100)]) {
      const reason = { code: 4000, reason: name };
      const line = textOf(json.encode({ type: 'disconnected', reason }));
      expect(JSON.parse(line)).toEqual({ push: { disconnect: reason } });
    }
  });

  test('joins frames by newlines', () => {
    const ping = json.encode({ type: 'serverPing' });
    const reply = json.encode({ type: 'publish', id: 1 });
    expect(textOf(json.join([ping, reply, ping]))).toBe('{}\n{"id":1,"publish":{}}\n{}');
    expect(json.join([ping])).toBe(ping);
    expect(json.join([])).toHaveLength(0);
  });

  test('writes a batch of publications as it writes each of them', () => {
    const all = Object.values(PUBLICATIONS);
    const batch = textOf(json.publications('né"ws', all)).split('\n');
    expect(batch).toEqual(all.map((one) => textOf(json.publications('né"ws', [one]))));
    expect(json.publications('news', [])).toHaveLength(0);
  });
});
