/** What comes in on stdin. */
import { createInterface } from 'node:readline';
import { Fault } from './exits.ts';
import type { Terminal } from './terminal.ts';

/** Far over what a gateway takes, so that a mistaken file does not fill the memory. */
const INPUT_BYTES_MAX = 64 * 1024 * 1024;

export async function wholeInput(terminal: Terminal): Promise<string> {
  invite(terminal);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > INPUT_BYTES_MAX) throw new Fault('usage', 'stdin holds more than 64 MiB');
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
}

export function linesOfInput(terminal: Terminal): AsyncIterable<string> {
  invite(terminal);
  return createInterface({ input: process.stdin, crlfDelay: Infinity });
}

function invite(terminal: Terminal): void {
  if (process.stdin.isTTY) terminal.note('reading from the terminal; Ctrl-D ends it');
}
