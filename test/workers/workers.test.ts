/** Several workers on one port, in short; the whole is in `workers.long.test.ts`. */
import { expect, test } from 'vitest';
import { ConfigError, createGateway } from '../../src/gateway.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { byWorker, isAlive, stage } from './stage.ts';

test('two workers share a port and all that is published, and end together', async () => {
  const { program, url, http, pids } = await stage();
  expect(program.printed.match(/listens on/g)).toHaveLength(1);
  const peers = await Promise.all(Array.from({ length: 40 }, () => Peer.connected(url)));
  const counts = [...(await byWorker(http, 'connections')).values()];
  expect(counts).toHaveLength(2);
  // By chance one in a hundred million is as uneven.
  for (const count of counts) expect(count).toBeGreaterThan(3);
  for (const peer of peers) await peer.subscribe('news');
  await peers[0]!.publish('news', 'all of you');
  for (const peer of peers) {
    await peer.until(() => peer.data('news').length === 1, 'the publication');
  }
  program.process.kill('SIGTERM');
  for (const peer of peers) expect(await peer.ended()).toEqual({ code: 3001, reason: 'shutdown' });
  expect(await program.exit()).toBe(0);
  expect(program.complaints).toEqual([]);
  expect(pids().filter(isAlive)).toEqual([]);
});

test('workers that cannot start are told of in one line, and none is left', async () => {
  const broken = 'if (process.send) throw new Error("broken")';
  const preload = `--import=data:text/javascript,${encodeURIComponent(broken)}`;
  const flags = ['--dev', '--port=0', '--workers=2', '--redis-url=redis://127.0.0.1:1'];
  const program = new Program(flags, { node: [preload] });
  expect(await program.exit()).toBe(1);
  expect(program.complaints.at(-1)).toMatch(/^sluice: worker [12]: exit code 1$/);
  expect(program.printed).toBe('');
});

test('a program that embeds a gateway has no workers', () => {
  const redis = { url: 'redis://127.0.0.1:6379' };
  expect(() => createGateway({ dev: true, redis, workers: 2 })).toThrow(ConfigError);
  expect(() => createGateway({ dev: true, workers: 'auto' })).toThrow('only sluice serve');
});
