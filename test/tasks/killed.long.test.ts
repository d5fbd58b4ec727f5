/** A gateway dies without a word while it runs a task: processes of their own. */
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { gatewayOn } from '../redis/gateways.ts';
import { api } from '../support/http.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { RedisServer } from '../support/redis.ts';

type Fields = Readonly<Record<string, unknown>>;

const PATIENTLY = { timeout: 60_000, interval: 100 };
/** What is said of it in docs/tasks.md. */
const TAKEN_OVER_MS = 20_000;

async function answerOf(http: string, method: string, body: unknown): Promise<Fields> {
  const { status, answer } = await api(http, method, body);
  expect(status, JSON.stringify(answer)).toBe(200);
  return answer['result'] as Fields;
}

test('another goes on with its broadcast, and no channel gets it twice', async () => {
  const redis = await RedisServer.start();
  const flags = ['--dev', '--port=0', `--redis-url=${redis.url}`];
  const first = await Program.listening(flags);
  const at = (program: Program): string => `http://127.0.0.1:${program.port}`;
  const channels = Array.from({ length: 20_000 }, (_, n) => `room${n}`);
  for (const part of [0, 1, 2, 3]) {
    const names = channels.slice(part * 5000, part * 5000 + 5000);
    const put = { list: 'all', part, channels: names };
    await vi.waitFor(() => answerOf(at(first), 'broadcast_list', put), PATIENTLY);
  }
  const input = { list: 'all', parts: 4, data: 'hello' };
  const { id } = await answerOf(at(first), 'enqueue', { name: 'broadcast', input, notify: 'me' });
  const task = (program: Program): Promise<Fields> => answerOf(at(program), 'task', { id });
  const second = await Program.listening(flags);
  const peer = await Peer.connected(second.url);
  await vi.waitFor(() => peer.subscribe('me'), PATIENTLY);
  await vi.waitFor(async () => {
    const { done } = (await task(first))['progress'] as { done: number };
    expect(done).toBeGreaterThan(2000);
  }, PATIENTLY);
  first.process.kill('SIGKILL');
  const killedAt = performance.now();
  const { done: before } = (await task(second))['progress'] as { done: number };
  expect(before).toBeLessThan(20_000);
  await vi.waitFor(async () => {
    const { done } = (await task(second))['progress'] as { done: number };
    expect(done).toBeGreaterThan(before);
  }, PATIENTLY);
  expect(performance.now() - killedAt).toBeLessThan(TAKEN_OVER_MS);
  const done = await vi.waitFor(async () => {
    const now = await task(second);
    expect(now['state']).toBe('completed');
    return now;
  }, PATIENTLY);
  expect(done).toMatchObject({ attempts: 1, result: { channels: 20_000, published: 20_000 } });
  await vi.waitFor(() => {
    expect(peer.data('me').at(-1)).toMatchObject({ id, state: 'completed' });
  }, PATIENTLY);
  for (let from = 0; from < channels.length; from += 1000) {
    const commands = channels
      .slice(from, from + 1000)
      .map((channel) => ({ history: { channel, limit: -1 } }));
    const { answer } = await api(at(second), 'batch', { commands });
    const replies = answer['replies'] as { history: { publications: unknown[] } }[];
    for (const { history } of replies) expect(history.publications).toHaveLength(1);
  }
});

test('another runs its task again, and is told that it was begun once already', async () => {
  const redis = await RedisServer.start();
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tasks-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const said = join(folder, 'said');
  writeFileSync(said, '');
  const program = join(folder, 'worker.ts');
  const gatewayFile = new URL('../../src/gateway.ts', import.meta.url).href;
  writeFileSync(
    program,
    `import { appendFileSync } from 'node:fs';
import { createGateway } from '${gatewayFile}';
const gateway = createGateway({ dev: true, host: '127.0.0.1', port: 0, redis: { url: '${redis.url}' } });
gateway.task('render', async (input, { progress }) => {
  appendFileSync('${said}', 'begun ' + input.picture + '\\n');
  progress({ half: true });
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}, { timeout: '2m' });
await gateway.start();
`,
  );
  const worker = spawn(process.execPath, [program], { stdio: 'ignore' });
  onTestFinished(() => void worker.kill('SIGKILL'));
  const { gateway } = await gatewayOn(redis.url, { tasks: { concurrency: 0 } });
  const id = await vi.waitFor(() => gateway.enqueue('render', { picture: 7 }), PATIENTLY);
  await vi.waitFor(async () => {
    expect((await gateway.taskResult(id)).progress).toEqual({ half: true });
  }, PATIENTLY);
  expect(readFileSync(said, 'utf8')).toBe('begun 7\n');
  const survivor = await gatewayOn(redis.url);
  survivor.gateway.task('render', (input, { attempt, lastProgress }) => ({
    input,
    attempt,
    lastProgress,
  }));
  worker.kill('SIGKILL');
  const killedAt = performance.now();
  await vi.waitFor(async () => {
    expect((await gateway.taskResult(id)).state).toBe('completed');
  }, PATIENTLY);
  expect(performance.now() - killedAt).toBeLessThan(TAKEN_OVER_MS);
  expect((await gateway.taskResult(id)).result).toEqual({
    input: { picture: 7 },
    attempt: 1,
    lastProgress: { half: true },
  });
});
