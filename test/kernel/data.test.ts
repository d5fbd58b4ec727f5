import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Json, sizeOf } from '../../src/kernel/data.ts';

describe('json', () => {
  test('is the text its sender wrote', () => {
    const text = '{ "b":1,  "a":12345678901234567890 }';
    expect(new Json(text).text).toBe(text);
  });

  test('of a value of ours says it whole', () => {
    expect(Json.of({ id: 12_345_678_901_234_567_890n }).text).toBe('{"id":12345678901234567890}');
    expect(Json.of(undefined).text).toBe('null');
    expect(Json.of(null).text).toBe('null');
    expect(Json.of('a').text).toBe('"a"');
  });

  test('of any value reads as that value', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        expect(JSON.stringify(Json.of(value).value())).toBe(JSON.stringify(value));
      }),
    );
  });

  test('weighs its text, and bytes their number', () => {
    expect(sizeOf(new Json('"four"'))).toBe(6);
    expect(sizeOf(new Uint8Array(5))).toBe(5);
  });
});
