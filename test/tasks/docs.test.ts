/** What docs/tasks.md shows is so. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { LIMITS } from '../../src/kernel/limits.ts';
import { bytesText } from '../../src/config/measures.ts';
import { startGateway } from '../support/gateway.ts';

const PAGE = readFileSync(new URL('../../docs/tasks.md', import.meta.url), 'utf8');

interface Block {
  readonly language: string;
  readonly text: string;
}

const blocks: readonly Block[] = [...PAGE.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(
  ([, language = '', text = '']) => ({ language, text }),
);

/** The same keys and kinds of values; words that are no id are the same words. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shapeOf);
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, shapeOf(one)]));
  }
  if (typeof value === 'number' && value > 1e12) return 'a time';
  return typeof value === 'string' && /^\w+\.[\w-]{20,22}$/.test(value) ? 'an id' : value;
}

interface Request {
  readonly method: string;
  readonly body: string;
  readonly shown: { readonly result: { readonly id?: string } };
}

/** Each is followed by its answer. */
function requests(): Request[] {
  return blocks.flatMap(({ text }, index) => {
    const [, method, body] = /^curl \S+\/api\/(\w+) -d '([^]*)'\n$/.exec(text) ?? [];
    if (method === undefined || body === undefined) return [];
    const shown = JSON.parse(blocks[index + 1]!.text) as Request['shown'];
    return [{ method, body, shown }];
  });
}

test('every request is answered as it is shown', async () => {
  const { http } = await startGateway();
  /** Of those that are shown, those that they are. */
  const ids = new Map<string, string>();
  for (const { method, body, shown } of requests()) {
    const known = body.replaceAll(/"id": "(.*?)"/g, (_, id: string) => `"id": "${ids.get(id)}"`);
    const response = await fetch(`${http}/api/${method}`, { method: 'POST', body: known });
    const answer = (await response.json()) as Request['shown'];
    expect(response.status).toBe(200);
    expect(shapeOf(answer)).toEqual(shapeOf(shown));
    ids.set(shown.result.id ?? '', answer.result.id ?? '');
  }
  expect(requests()).toHaveLength(7);
  const first = [...ids.keys()].find((id) => id.startsWith('broadcast.')) ?? '';
  const result = blocks.find(({ text }) => text.startsWith('{\n  "channels": 3'))?.text ?? '';
  await vi.waitFor(async () => {
    const body = JSON.stringify({ id: ids.get(first) });
    const response = await fetch(`${http}/api/task`, { method: 'POST', body });
    expect(await response.json()).toMatchObject({ result: { result: JSON.parse(result) } });
  });
});

test('the program prints what it says', async () => {
  const program = blocks.find(({ language }) => language === 'ts')?.text ?? '';
  const printed = blocks.find(({ language }) => language === 'text')?.text;
  const folder = mkdtempSync(join(tmpdir(), 'sluice-docs-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'program.ts');
  const gateway = new URL('../../src/gateway.ts', import.meta.url).href;
  writeFileSync(file, program.replace("'sluice'", `'${gateway}'`));
  const running = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [running.stdout, running.stderr]) {
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  }
  expect(await once(running, 'exit')).toEqual([0, null]);
  expect(said).toBe(printed);
});

test('the bounds are those of the table', () => {
  const { taskInputBytes, taskResultBytes, taskProgressBytes, taskStoreBytes } = LIMITS;
  const sizes = [taskInputBytes, taskResultBytes, taskProgressBytes, taskStoreBytes];
  const bounds = PAGE.slice(PAGE.indexOf('## Bounds'));
  for (const { default: size } of sizes) {
    expect(bounds).toContain(bytesText(size).replace(/(\d+)/, '$1 '));
  }
  for (const { default: count } of [LIMITS.tasksWaiting, LIMITS.taskResults]) {
    expect(bounds).toContain(`${count.toLocaleString('en')} `);
  }
  expect(LIMITS.taskLosses.default).toBe(5);
  expect(LIMITS.broadcastLists.default).toBe(16);
});
