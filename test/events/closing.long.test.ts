/** A gateway ends while its backend does not answer. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { KeptLog } from '../support/log.ts';
import { Peer } from '../support/peer.ts';

test('a gateway that closes while nobody answers says what it leaves behind, in time', async () => {
  const silent = createServer((socket) => void socket.on('error', () => {}));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const log = new KeptLog();
  const running = await startGateway({
    logger: log,
    events: { url: `http://127.0.0.1:${port}/` },
  });
  for (let n = 0; n < 3; n += 1) await Peer.connected(running.url);
  const startMs = performance.now();
  await running.gateway.close();
  expect(performance.now() - startMs).toBeLessThan(7000);
  const lines = log.of('warn').filter(({ message }) => message === 'events were dropped');
  expect(lines.map(({ fields }) => fields['reason'])).toEqual(['closed']);
  expect(log.of('error')).toEqual([]);
});
