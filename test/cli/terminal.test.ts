import { expect, test } from 'vitest';
import { wantsPlainText } from '../../src/config/config.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { dataText, jsonText, spanText, table } from '../../src/cli/text.ts';

class Screen {
  written = '';
  readonly isTTY: boolean;

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.written += text;
  }
}

function terminal(isTTY: boolean, plain = false): { it: Terminal; out: Screen; err: Screen } {
  const [out, err] = [new Screen(isTTY), new Screen(isTTY)];
  return { it: new Terminal(out, err, plain), out, err };
}

test('colours are for terminals, unless somebody wants none', () => {
  expect(terminal(true).it.paint('a', 'bad')).toBe('\u001b[31ma\u001b[39m');
  expect(terminal(true, true).it.paint('a', 'bad')).toBe('a');
  expect(terminal(false).it.paint('a', 'bad')).toBe('a');
  expect(wantsPlainText({ NO_COLOR: '1' })).toBe(true);
  expect(wantsPlainText({ TERM: 'dumb' })).toBe(true);
  expect(wantsPlainText({ NO_COLOR: '', TERM: 'xterm' })).toBe(false);
});

test('progress is one line, which what is printed takes the place of', () => {
  const { it, out, err } = terminal(true);
  it.progress('1 done');
  it.print('all done');
  it.print('really');
  expect(err.written).toBe('\r\u001b[2K1 done\r\u001b[2K');
  expect(out.written).toBe('all done\nreally\n');
});

test('where nobody looks on there is no progress and there are no notes', () => {
  const { it, err } = terminal(false);
  it.progress('1 done');
  it.note('connected');
  it.warn('sluice: wrong');
  expect(err.written).toBe('sluice: wrong\n');
});

test('notes are faint', () => {
  const { it, err } = terminal(true);
  it.note('connected');
  expect(err.written).toBe('\u001b[2mconnected\u001b[22m\n');
});

test('what others wrote cannot drive the terminal', () => {
  const wild = 'a\u001b[2J\u009b\n\u2028b';
  expect(dataText(wild)).toBe(String.raw`a\u001b[2J\u009b\u000a\u2028b`);
  expect(JSON.parse(jsonText({ [wild]: wild }))).toEqual({ [wild]: wild });
  expect(jsonText(wild)).not.toMatch(/\p{Cc}/u);
  expect(jsonText(undefined)).toBe('null');
});

test('tables and spans', () => {
  expect(
    table([
      ['a', 'bb'],
      ['ccc', ''],
    ]),
  ).toEqual(['a    bb', 'ccc']);
  expect([0, 59, 61, 86_400, 90_061].map(spanText)).toEqual(['0s', '59s', '1m 1s', '1d', '1d 1h']);
});
