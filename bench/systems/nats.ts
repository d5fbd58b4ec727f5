/** NATS over WebSocket, where there is a `nats-server`. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../harness/redis.ts';
import { startProgram } from './external.ts';
import type { System } from './system.ts';
import { alone } from './system.ts';

export const system: System = {
  dialect: 'nats',
  async start(options) {
    alone(options);
    const port = await freePort();
    const config = join(mkdtempSync(join(tmpdir(), 'bench-nats-')), 'nats.conf');
    const tcpPort = await freePort();
    const lines = [
      'log_file: "/dev/null"',
      `listen: 127.0.0.1:${tcpPort}`,
      `websocket { listen: "127.0.0.1:${port}", no_tls: true }`,
      `max_pending: ${options.backlogBytes}`,
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    return startProgram({ program: 'nats-server', args: ['-c', config] }, port);
  },
};
