/** A process whose edge is closed ends by itself, whatever was connected. */
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { EDGE_NAMES } from './edges.ts';
import { RawPeer, request, until } from './raw.ts';

test.each(EDGE_NAMES)('a process with the %s edge ends by itself', async (name) => {
  const child = spawn(process.execPath, [new URL('leaving.ts', import.meta.url).pathname, name], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  try {
    await until(() => output.includes('\n'), 'the port');
    const port = Number.parseInt(output, 10);
    const [idle, asking] = [await RawPeer.connect(port), await RawPeer.connect(port)];
    asking.say(request('GET /wait'));
    const client = new WebSocket(`ws://127.0.0.1:${port}/greet`);
    client.on('error', () => {});
    await until(() => client.readyState === WebSocket.OPEN, 'the client to be open');
    client.pause();
    child.stdin.write('leave\n');
    await until(() => child.exitCode !== null, 'the process to end');
    expect(output).toBe(`${port}\nclosed 3008\n`);
    expect(child.exitCode).toBe(0);
    await Promise.all([idle.ended(), asking.ended()]);
    client.terminate();
  } finally {
    child.kill('SIGKILL');
  }
});
