import { expect, test } from 'vitest';
import type { Fields, Log } from '../../src/kernel/log.ts';
import { silentLog } from '../../src/kernel/log.ts';
import { chooseEdge } from '../../src/server/choose.ts';
import { createUwsEdge } from '../../src/server/uws.ts';
import { createWsEdge } from '../../src/server/ws.ts';

/** What uws-pack throws where it has no binary. */
async function noBinary(): Promise<never> {
  throw new Error(
    'This version of uWS.js supports only Node.js versions 18.\n\nError: Cannot find',
  );
}

function recorder(): { log: Log; lines: [string, Fields][] } {
  const lines: [string, Fields][] = [];
  const log = {
    ...silentLog,
    info: (fields: Fields) => lines.push(['info', fields]),
    warn: (fields: Fields) => lines.push(['warn', fields]),
  };
  return { log, lines };
}

test('auto takes uWebSockets.js where it loads, and says so', async () => {
  const { log, lines } = recorder();
  expect(await chooseEdge('auto', log)).toBe(createUwsEdge);
  expect(lines).toEqual([['info', { transport: 'uws' }]]);
});

test('auto falls back to ws, and says why in one line', async () => {
  const { log, lines } = recorder();
  expect(await chooseEdge('auto', log, noBinary)).toBe(createWsEdge);
  const reason = 'This version of uWS.js supports only Node.js versions 18';
  expect(lines).toEqual([['warn', { transport: 'ws', reason }]]);
});

test('ws is taken without a look at uWebSockets.js', async () => {
  const { log, lines } = recorder();
  expect(await chooseEdge('ws', log, noBinary)).toBe(createWsEdge);
  expect(lines).toEqual([['info', { transport: 'ws' }]]);
});

test('uws that was demanded and does not load is an error that says what to do', async () => {
  expect(await chooseEdge('uws', silentLog)).toBe(createUwsEdge);
  await expect(chooseEdge('uws', silentLog, noBinary)).rejects.toThrow(
    /transport "uws" cannot be loaded on Node v\d.*supports only.*set the transport to "auto" or "ws"/,
  );
});
