/** How a gateway ends, and the process around it. */
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createGateway } from '../../src/gateway.ts';
import { RawPeer, request, upgrade } from '../server/raw.ts';
import { EDGES, startGateway } from '../support/gateway.ts';
import { api, ask } from '../support/http.ts';
import { KeptLog } from '../support/log.ts';
import { Peer, refusedUpgrade } from '../support/peer.ts';
import { Program } from '../support/program.ts';

const QUICKLY = { timeout: 10_000, interval: 5 };
const SHUTDOWN = { code: 3001, reason: 'shutdown' };
const LOCAL = { dev: true, host: '127.0.0.1', port: 0 } as const;

/** A port that somebody else listens on. */
async function takenPort(): Promise<number> {
  const server = createServer();
  server.listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** Whether something listens on the port. */
async function listens(port: number): Promise<boolean> {
  return RawPeer.connect(port).then(
    (peer) => {
      peer.drop();
      return true;
    },
    () => false,
  );
}

describe.each(EDGES)('over %s, a gateway that is closed', (transport) => {
  test('tells every client 3001, whatever it is doing', async () => {
    const waiting = vi.fn<() => Promise<never>>(() => new Promise(() => {}));
    const { url, gateway } = await startGateway({
      transport,
      hooks: { rpc: waiting, connect: ({ data }) => (data === 'wait' ? waiting() : {}) },
    });
    const silent = await Peer.open(url);
    const connecting = await Peer.open(url);
    connecting.command({ connect: { data: 'wait' } });
    const idle = await Peer.connected(url);
    const subscribed = await Peer.connected(url, { encoding: 'msgpack' });
    await subscribed.subscribe('news');
    const asking = await Peer.connected(url);
    asking.command({ rpc: { method: 'any' } }, { publish: { channel: 'news', data: 1 } });
    await vi.waitFor(() => expect(waiting).toHaveBeenCalledTimes(2), QUICKLY);
    await gateway.close();
    for (const peer of [silent, connecting, idle, subscribed, asking]) {
      expect(await peer.ended()).toEqual(SHUTDOWN);
    }
    expect(gateway.connections).toBe(0);
  });

  test('tells it also those that send without a pause', async () => {
    const { url, gateway } = await startGateway({ transport });
    const peers = await Promise.all(Array.from({ length: 20 }, () => Peer.connected(url)));
    const ping = { id: 4_000_000_000, ping: {} };
    const sent = peers.map(async (peer) => {
      while (peer.ending === null) {
        peer.say(...Array.from({ length: 100 }, () => ping));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await vi.waitFor(
      () => expect(peers.every((peer) => peer.heard.length > 1000)).toBe(true),
      QUICKLY,
    );
    await gateway.close();
    for (const peer of peers) expect(await peer.ended()).toEqual(SHUTDOWN);
    await Promise.all(sent);
  });

  test('delivers what was published before', async () => {
    const { url, gateway } = await startGateway({ transport });
    const reader = await Peer.connected(url);
    await reader.subscribe('news');
    await gateway.publish('news', 'the last words');
    await gateway.close();
    expect(await reader.ended()).toEqual(SHUTDOWN);
    expect(reader.data('news')).toEqual(['the last words']);
  });

  test('is closed once, however often it is told', async () => {
    const { gateway, port } = await startGateway({ transport });
    await Promise.all([gateway.close(), gateway.close()]);
    await gateway.close();
    expect(await listens(port)).toBe(false);
  });

  test('takes nobody any more, while it closes and after', async () => {
    const log = new KeptLog();
    const { gateway, port, http } = await startGateway({ transport, logger: log });
    // Connections that are there already, and have asked for nothing yet.
    const upgrading = await RawPeer.connect(port);
    const asking = await RawPeer.connect(port);
    const closed = gateway.close();
    upgrading.say(upgrade('/connection/websocket'));
    asking.say(request('GET /ready'));
    await closed;
    await upgrading.ended();
    await asking.ended();
    expect(upgrading.text).toMatch(/^$|^HTTP\/1\.1 503 /);
    expect(asking.text).toMatch(/^$|^HTTP\/1\.1 503 /);
    expect(gateway.connections).toBe(0);
    await expect(ask(`${http}/health`)).rejects.toThrow('ECONNREFUSED');
    expect(log.of('error')).toEqual([]);
  });

  test('aborts what hooks and routes are waiting for', async () => {
    const signals: AbortSignal[] = [];
    const wait = ({ signal }: { readonly signal: AbortSignal }): Promise<never> => {
      signals.push(signal);
      return new Promise(() => {});
    };
    const { url, http, gateway } = await startGateway({
      transport,
      hooks: { rpc: (_, caller) => wait(caller) },
      routes: [{ method: 'GET', path: '/wait', handle: wait }],
    });
    const peer = await Peer.connected(url);
    peer.command({ rpc: { method: 'any' } });
    const asked = ask(`${http}/wait`).catch((error: unknown) => error);
    await vi.waitFor(() => expect(signals).toHaveLength(2), QUICKLY);
    await gateway.close();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
    expect(await asked).toBeInstanceOf(Error);
  });

  test('makes room for another on its port, again and again', async () => {
    const { gateway, port, url } = await startGateway({ transport });
    let current = gateway;
    for (let round = 0; round < 5; round += 1) {
      const peer = await Peer.connected(url);
      await current.close();
      expect(await peer.ended()).toEqual(SHUTDOWN);
      current = (await startGateway({ transport, port })).gateway;
    }
    await Peer.connected(url);
    expect(current.connections).toBe(1);
  });

  test('leaves the others of its process alone', async () => {
    const [one, two] = [await startGateway({ transport }), await startGateway({ transport })];
    const staying = await Peer.connected(two.url);
    await staying.subscribe('news');
    const leaving = await Peer.connected(one.url);
    await one.gateway.close();
    expect(await leaving.ended()).toEqual(SHUTDOWN);
    await staying.publish('news', 'still here');
    await staying.until(() => staying.data('news').length === 1, 'the publication');
    expect(two.gateway.connections).toBe(1);
  });

  test('does not start again, nor later', async () => {
    const { gateway, port } = await startGateway({ transport });
    await gateway.close();
    await expect(gateway.start()).rejects.toThrow('closed');
    expect(await listens(port)).toBe(false);
    const unborn = createGateway({ ...LOCAL, transport, port });
    await unborn.close();
    await expect(unborn.start()).rejects.toThrow('closed');
    expect(await listens(port)).toBe(false);
  });

  test('may be closed while it starts', async () => {
    const gateway = createGateway({ ...LOCAL, transport });
    const started = gateway.start();
    await gateway.close();
    const { port } = await started;
    expect(await listens(port)).toBe(false);
  });

  test('starts once, however often it is told', async () => {
    const { gateway, port } = await startGateway({ transport });
    expect(await gateway.start()).toEqual({ port, internalPort: port });
  });

  test('leaves nothing open when it could not start', async () => {
    const taken = await takenPort();
    const { gateway: before, port: free } = await startGateway({ transport });
    await before.close();
    const internal = { host: '127.0.0.1', port: free };
    const gateway = createGateway({ ...LOCAL, transport, port: taken, internal });
    await expect(gateway.start()).rejects.toThrow(`cannot listen on 127.0.0.1:${taken}`);
    expect(await listens(free)).toBe(false);
    await gateway.close();
  });
});

describe.each(EDGES)('over %s, an internal port', (transport) => {
  test('has the API and the metrics, and the public one has not', async () => {
    const { gateway, http, url } = await startGateway({
      transport,
      internal: { host: '127.0.0.1', port: 0 },
      routes: [
        {
          method: 'GET',
          path: '/mine',
          handle: () => ({ status: 200, headers: {}, body: 'mine' }),
        },
      ],
    });
    const { port, internalPort } = await gateway.start();
    expect(internalPort).not.toBe(port);
    const internal = `http://127.0.0.1:${internalPort}`;
    const statuses = async (path: string): Promise<number[]> => [
      (await ask(`${http}${path}`)).status,
      (await ask(`${internal}${path}`)).status,
    ];
    expect(await statuses('/metrics')).toEqual([404, 200]);
    expect(await statuses('/api/openapi.json')).toEqual([404, 200]);
    expect(await statuses('/mine')).toEqual([200, 404]);
    expect((await statuses('/health'))[0]).toBe(200);
    expect((await statuses('/ready'))[0]).toBe(200);
    const body = JSON.stringify({ channel: 'news', data: 1 });
    const publish = (to: string): Promise<{ status: number }> =>
      ask(`${to}/api/publish`, { method: 'POST', body });
    const reader = await Peer.connected(url);
    await reader.subscribe('news');
    expect((await publish(http)).status).toBe(404);
    expect((await api(internal, 'publish', { channel: 'news', data: 'in' })).status).toBe(200);
    await reader.until(() => reader.data('news').length > 0, 'the publication');
    expect(reader.data('news')).toEqual(['in']);
  });

  test('takes no clients', async () => {
    const { gateway } = await startGateway({ transport, internal: { host: '127.0.0.1', port: 0 } });
    const { internalPort } = await gateway.start();
    const url = `ws://127.0.0.1:${internalPort}/connection/websocket`;
    expect(await refusedUpgrade(url)).toMatchObject({ status: 404 });
    expect((await ask(url.replace('ws:', 'http:'))).status).toBe(404);
  });
});

test.each([
  ['uws', 'SIGTERM'],
  ['ws', 'SIGTERM'],
  ['uws', 'SIGINT'],
] as const)('a process over %s ends by itself at %s, with clients', async (transport, signal) => {
  const program = await Program.listening(['--dev', '--port=0', `--transport=${transport}`]);
  const peers = await Promise.all([1, 2, 3].map(() => Peer.connected(program.url)));
  for (const peer of peers) await peer.subscribe('news');
  const deaf = await Peer.connected(program.url);
  deaf.socket.pause();
  const silent = await RawPeer.connect(program.port);
  const half = await RawPeer.saying(program.port, 'GET / HTTP/1.1\r\n');
  program.process.kill(signal);
  for (const peer of peers) expect(await peer.ended()).toEqual(SHUTDOWN);
  expect(await program.exit()).toBe(0);
  expect(program.complaints).toEqual([]);
  await silent.ended();
  await half.ended();
  deaf.cut();
});

describe('a process', () => {
  /** Its server never ends to close. */
  const STUCK = 'import { Server } from "node:net"; Server.prototype.close = function () {};';
  const stuck = { node: [`--import=data:text/javascript,${encodeURIComponent(STUCK)}`] };

  test.each([
    ['the same signal again', 'SIGTERM', 'SIGTERM'],
    ['another signal', 'SIGTERM', 'SIGINT'],
  ] as const)('that takes its time to close stops at once at %s', async (_, first, second) => {
    const program = await Program.listening(['--dev', '--port=0', '--transport=ws'], stuck);
    program.process.kill(first);
    await vi.waitFor(() => expect(program.logged).toContain('draining'), QUICKLY);
    expect(program.process.exitCode).toBe(null);
    program.process.kill(second);
    expect(await program.exit()).toBe(1);
  });

  test('takes a free port with PORT=0, and prints it', async () => {
    const program = await Program.listening(['--dev'], { env: { PORT: '0' } });
    expect(program.port).toBeGreaterThan(0);
    await Peer.connected(program.url);
  });

  test('takes the port of PORT, and a flag wins over it', async () => {
    const { port } = await startGateway();
    const unlucky = new Program(['--dev'], { env: { PORT: String(port) } });
    expect(await unlucky.exit()).toBe(1);
    const lucky = await Program.listening(['--dev', '--port=0'], { env: { PORT: String(port) } });
    expect(lucky.port).not.toBe(port);
  });

  test.each(EDGES)(
    'over %s whose port is taken says so in one line, and ends with 1',
    async (transport) => {
      const port = await takenPort();
      const program = new Program(['--dev', `--port=${port}`, `--transport=${transport}`]);
      expect(await program.exit()).toBe(1);
      expect(program.complaints).toEqual([
        expect.stringMatching(
          new RegExp(`^sluice: cannot listen on 127.0.0.1:${port}: .*EADDRINUSE`),
        ),
      ]);
      expect(program.printed).toBe('');
    },
  );

  test.each(EDGES)('over %s ends also when only one of its ports is taken', async (transport) => {
    const port = await takenPort();
    const both = ['--dev', `--port=${port}`, '--internal-port=0', `--transport=${transport}`];
    expect(await new Program(both).exit()).toBe(1);
    const other = ['--dev', '--port=0', `--internal-port=${port}`, `--transport=${transport}`];
    expect(await new Program(other).exit()).toBe(1);
  });

  test('has its API on the internal port', async () => {
    const program = await Program.listening(['--dev', '--port=0', '--internal-port=0']);
    expect(program.internalPort).not.toBe(program.port);
    const metrics = `http://127.0.0.1:${program.internalPort}/metrics`;
    expect((await ask(metrics)).status).toBe(200);
  });

  test('that is set up wrongly tells all that is wrong, and ends with 2', async () => {
    const program = new Program(['--port=abc', '--nonsense', '--transport=pigeon'], {
      env: { SLUICE_PING_INTERVAL: '5', SLUICE_LIMITS_STREAMS: '-1' },
    });
    expect(await program.exit()).toBe(2);
    const text = program.complaints.join('\n');
    for (const wrong of [
      '--port: "abc"',
      '--nonsense',
      '--transport: "pigeon"',
      'SLUICE_PING_INTERVAL',
      'SLUICE_LIMITS_STREAMS',
      'no client could connect',
    ]) {
      expect(text).toContain(wrong);
    }
    expect(text).not.toContain('    at ');
    expect(program.printed).toBe('');
  });

  test.each([
    ['--version', /^sluice \d+\.\d+\.\d+\n$/],
    ['--help', /sluice[^]*--help/],
  ])('that is asked for %s answers, and ends with 0', async (flag, text) => {
    const program = new Program([flag]);
    expect(await program.exit()).toBe(0);
    expect(program.printed).toMatch(text);
    expect(program.logged).toBe('');
  });
});
