import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { API_KEY, earnest, startGateway } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';
import { Command, ONE_LINE, json, sluice, within } from './sluice.ts';

describe('publish', () => {
  test('sends JSON as it was written, and says where it stands', async () => {
    const { http, gateway } = await startGateway();
    const data = '{"id":12345678901234567890,"text":"é"}';
    const { code, out, err } = await sluice(['publish', 'chat', data, '--url', http]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { publications, offset, epoch } = await gateway.history('chat', { limit: 1 });
    expect(out).toBe(`published to chat at ${offset}:${epoch}\n`);
    expect(publications[0]?.data).toMatchObject({ text: data });
  });

  test('takes a plain string, an event, tags, and all from stdin', async () => {
    const { http } = await startGateway();
    const peer = await Peer.connected(http.replace('http', 'ws') + '/connection/websocket');
    await peer.subscribe('chat');
    const url = ['--url', http];
    const tags = ['--event', 'said', '--tag', 'a=1', '--tag', 'b=2=3'];
    expect(await json(['publish', 'chat', '--text', 'hello you', ...tags, ...url])).toEqual({
      channel: 'chat',
      offset: 1,
      epoch: expect.any(String),
    });
    const piped = await sluice(['publish', 'chat', '-', ...url], { input: '{"n":\n1}\n' });
    expect(piped.out).toMatch(/^published to chat at 2:/);
    const negative = await sluice(['publish', 'chat', '-5', '--skip-history', ...url]);
    expect(negative.out).toBe('published to chat\n');
    await peer.until(() => peer.data('chat').length === 3, 'three publications');
    expect(peer.data('chat')).toEqual(['hello you', { n: 1 }, -5]);
    const first = peer.heard.flatMap(({ push }) => (push === undefined ? [] : [push]))[0];
    expect(first).toMatchObject({ pub: { tags: { event: 'said', a: '1', b: '2=3' } } });
  });

  test('with a key happens once', async () => {
    const { http, gateway } = await startGateway();
    const argv = ['publish', 'chat', '1', '--idempotency-key', 'k', '--url', http];
    const [one, two] = [await within(argv), await within(argv)];
    expect(two).toEqual(one);
    expect((await gateway.history('chat', { limit: -1 })).publications).toHaveLength(1);
  });

  test('goes to several channels, and says which refused it', async () => {
    const { http } = await startGateway();
    const argv = ['publish', 'a', 'none:b', 'c', '1', '--url', http];
    const [human, machine] = await Promise.all([sluice(argv), within([...argv, '--json'])]);
    expect(human.out).toMatch(
      /^published to a at \S+\nrefused by none:b: unknown channel\npublished to c at \S+\n$/,
    );
    expect(human.err).toBe('sluice: 1 of 3 channels refused it\n');
    expect(JSON.parse(machine.out)).toEqual([
      { channel: 'a', offset: expect.any(Number), epoch: expect.any(String) },
      { channel: 'none:b', error: { code: 102, message: 'unknown channel' } },
      { channel: 'c', offset: expect.any(Number), epoch: expect.any(String) },
    ]);
    expect([human.code, machine.code]).toEqual([4, 4]);
  });

  test('sends each line of stdin in order, and says at which one it stopped', async () => {
    const { http, gateway } = await startGateway();
    const argv = ['publish', 'chat', '-', '--lines', '--url', http];
    const [good, bad] = [
      await sluice(argv, { input: '1\n\n2\r\n3' }),
      await sluice(argv, { input: '4\n{\n5\n' }),
    ];
    expect(good).toEqual({ code: 0, out: 'published 3 lines\n', err: '' });
    expect(bad.err).toMatch(
      /^sluice: line 2: DATA is not JSON.* \(1 line was published before\)\n$/,
    );
    expect(bad.code).toBe(2);
    const { publications } = await gateway.history('chat', { limit: -1 });
    expect(publications.map(({ data }) => data)).toMatchObject(
      ['1', '2', '3', '4'].map((text) => ({ text })),
    );
  });
});

describe('what a gateway tells of itself', () => {
  test('presence, channels and info', async () => {
    const { http, url } = await startGateway();
    const peer = await Peer.connected(url);
    await peer.subscribe('chat');
    await peer.subscribe('news');
    const at = ['--url', http];
    const [presence, channels, some, info] = await Promise.all(
      [['presence', 'chat'], ['channels'], ['channels', 'n*'], ['info']].map((argv) =>
        sluice([...argv, ...at]),
      ),
    );
    expect(presence?.out).toMatch(/^CLIENT +USER +CONNECTION +SUBSCRIPTION\n\S{16}  - +- +-\n$/);
    expect(channels?.out).toBe('CHANNEL  CLIENTS\nchat     1\nnews     1\n');
    expect(some?.out).toBe('CHANNEL  CLIENTS\nnews     1\n');
    expect(info?.out).toMatch(/^NODE +VERSION +UP +CLIENTS .*\n\S+ +\S+ +\d+s +1 +\d+ +2 +2\n$/);
    const machine = await Promise.all(
      [['presence', 'chat'], ['channels', 'n*'], ['info']].map((argv) => json([...argv, ...at])),
    );
    expect(machine).toMatchObject([
      { presence: { [/\S{16}/.exec(presence?.out ?? '')?.[0] ?? '']: { user: '' } } },
      { channels: { news: { num_clients: 1 } } },
      { nodes: [{ num_clients: 1, num_channels: 2 }] },
    ]);
  });

  test('history', async () => {
    const { http, gateway } = await startGateway();
    for (const data of [{ n: 1 }, 'two', 'a\u001b[31m\nb', null])
      await gateway.publish('chat', data);
    const { epoch } = await gateway.history('chat');
    const at = ['--url', http];
    const [all, two, after, none] = await Promise.all(
      [['--reverse'], ['--limit', '2'], ['--since', `3:${epoch}`], ['--limit', '0']].map((argv) =>
        within(['history', 'chat', ...argv, ...at]),
      ),
    );
    expect(all?.out).toBe('4  null\n3  a\\u001b[31m\\u000ab\n2  two\n1  {"n":1}\n');
    expect(two?.out).toBe('1  {"n":1}\n2  two\n');
    expect(after?.out).toBe('4  null\n');
    expect(none).toEqual({ code: 0, out: '', err: '' });
    expect(await json(['history', 'chat', '--limit', '1', ...at])).toMatchObject({
      publications: [{ offset: 1, data: { n: 1 } }],
      offset: 4,
      epoch,
    });
    const wrong = await within(['history', 'chat', '--since', '1:other', ...at]);
    expect(wrong.err).toMatch(/refused it: unrecoverable position/);
    expect(wrong.code).toBe(4);
  });

  test('whoever has read enough is left in peace', async () => {
    const { http, gateway } = await startGateway();
    // More than a pipe holds.
    for (let n = 0; n < 100; n += 1) await gateway.publish('chat', 'x'.repeat(10_000));
    const command = new Command(['history', 'chat', '--url', http]);
    command.process.stdout.once('data', () => command.process.stdout.destroy());
    expect(await command.end()).toMatchObject({ code: 0, err: '' });
  });
});

describe('the key of the API', () => {
  test('comes from the flag, the file or a variable, and is never shown', async () => {
    const { http } = await startGateway(earnest());
    const at = ['info', '--url', http];
    const all = await Promise.all([
      sluice([...at, '--api-key', API_KEY]),
      sluice(at, { file: `api: { keys: [${API_KEY}, other] }` }),
      sluice(at, { env: { SLUICE_API_KEYS: API_KEY } }),
      within(at),
      within([...at, '--api-key', 'wr0ng-s3cr3t']),
      within(['history', 'none:chat', ...at.slice(1), '--api-key', API_KEY]),
    ]);
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 4, 4, 4]);
    const [, , , without, wrong, unknown] = all;
    expect(without?.err).toMatch(ONE_LINE);
    expect(without?.err).toContain('an API key is needed');
    expect(wrong?.err).toContain('this API key is not known here; --api-key or api.keys gives one');
    expect(unknown?.err).toBe('sluice: the gateway refused it: unknown channel\n');
    for (const { out, err } of all) {
      expect(out + err).not.toContain(API_KEY);
      expect(out + err).not.toContain('s3cr3t');
    }
  });

  test('and the place come from the configuration of the gateway', async () => {
    const { gateway, port } = await startGateway(earnest({ internal: { port: 0 } }));
    const { internalPort } = await gateway.start();
    const file = JSON.stringify({
      host: '127.0.0.1',
      port,
      internal: { port: internalPort },
      api: { keys: [API_KEY] },
    });
    expect(await json(['info'], { file })).toHaveProperty('nodes');
    const open = await sluice(['info'], { env: { SLUICE_PORT: '0' } });
    expect(open.err).toContain('tell with --url where the gateway is');
    expect(open.code).toBe(2);
  });
});

describe('what answers and is no gateway', () => {
  async function answering(status: number, body: string): Promise<string> {
    const server = createServer((_, response) => {
      response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end(body);
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  test.each([
    [200, '<html>', 3, 'HTTP 200, not the answer of a Sluice API'],
    [302, '', 3, 'HTTP 302'],
    [404, '{}', 3, 'HTTP 404'],
    [413, '', 4, 'limits.apiBodyBytes'],
    [503, '{"error":{"code":100,"message":"away\\u001b"}}', 1, 'away\\u001b; try again later'],
  ])('%i %s', async (status, body, exit, says) => {
    const { code, err } = await within(['info', '--url', await answering(status, body)]);
    expect(err).toMatch(ONE_LINE);
    expect(err).toContain(says);
    expect(code).toBe(exit);
  });
});
