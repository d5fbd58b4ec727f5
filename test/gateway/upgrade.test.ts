/** How a connection begins: where, in which subprotocol, and who is turned away. */
import { describe, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { RawPeer, request, upgrade } from '../server/raw.ts';
import { EDGES, startGateway } from '../support/gateway.ts';
import { ask, meter } from '../support/http.ts';
import { Peer, refusedUpgrade } from '../support/peer.ts';

const PATH = '/connection/websocket';

async function chosen(url: string, protocols: readonly string[]): Promise<string> {
  const socket = new WebSocket(url, [...protocols]);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.once('open', resolve);
  socket.once('error', reject);
  await promise;
  socket.terminate();
  return socket.protocol;
}

describe.each(EDGES)('over %s', (transport) => {
  test.each([
    [[], ''],
    [['centrifuge-json'], 'centrifuge-json'],
    [['sluice-msgpack'], 'sluice-msgpack'],
    [['sluice-msgpack', 'centrifuge-json'], 'sluice-msgpack'],
    [['centrifuge-json', 'sluice-msgpack'], 'centrifuge-json'],
    [['centrifuge-protobuf', 'centrifuge-json'], 'centrifuge-json'],
    [['graphql-ws', 'sluice-msgpack'], 'sluice-msgpack'],
  ])('of the subprotocols %j the first that is known is spoken: %j', async (offered, spoken) => {
    const { url } = await startGateway({ transport });
    expect(await chosen(url, offered)).toBe(spoken);
  });

  test.each([[['centrifuge-protobuf']], [['graphql-ws', 'mqtt']], [['centrifuge-JSON']]])(
    'of %j none is known, and the answer says which are',
    async (protocols) => {
      const { url, gateway } = await startGateway({ transport });
      const { status, body } = await refusedUpgrade(url, { protocols });
      expect(status).toBe(400);
      expect(body).toContain('centrifuge-json');
      expect(body).toContain('sluice-msgpack');
      expect(gateway.connections).toBe(0);
    },
  );

  test('protobuf is refused with a word on what is spoken in its place', async () => {
    const { url } = await startGateway({ transport });
    const { body } = await refusedUpgrade(url, { protocols: ['centrifuge-protobuf'] });
    expect(body).toMatch(/protobuf/);
  });

  test('an empty list of subprotocols is answered 400', async () => {
    const { port } = await startGateway({ transport });
    const peer = await RawPeer.saying(port, upgrade(PATH, ['Sec-WebSocket-Protocol: ,']));
    await peer.ended();
    expect(peer.text).toMatch(/^HTTP\/1\.1 400 /);
  });

  test.each(['/', '/connection', '/connection/websocket/', '/Connection/WebSocket', '/app/key'])(
    'there are no clients at %s, and the answer says where',
    async (path) => {
      const { url, gateway } = await startGateway({ transport });
      const { status, body } = await refusedUpgrade(url.replace(PATH, path));
      expect(status).toBe(404);
      expect(body).toContain(PATH);
      expect(gateway.connections).toBe(0);
    },
  );

  test('a query is no part of the place, and of no consequence', async () => {
    const { url } = await startGateway({ transport });
    await Peer.connected(`${url}?token=secret&cf_protocol=protobuf`);
  });

  test.each(['GET', 'POST', 'HEAD'])('a %s there is answered 426', async (method) => {
    const { http } = await startGateway({ transport });
    const { status, headers } = await ask(`${http}${PATH}`, { method });
    expect(status).toBe(426);
    expect(headers['upgrade']).toBe('websocket');
  });

  test('an unknown version is answered 426, with the one that is known', async () => {
    const { port } = await startGateway({ transport });
    const peer = await RawPeer.saying(port, upgrade(PATH).replace('Version: 13', 'Version: 7'));
    await peer.ended();
    expect(peer.text).toMatch(/^HTTP\/1\.1 426 [^]*\r\nsec-websocket-version: 13\r\n/i);
  });

  test('no extension is agreed on: nothing is compressed', async () => {
    const { port } = await startGateway({ transport });
    const offer = 'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits';
    const peer = await RawPeer.saying(port, upgrade(PATH, [offer]));
    await peer.heard('101 Switching');
    expect(peer.text).not.toMatch(/extensions/i);
    peer.drop();
  });

  test('who is turned away is counted by status, and leaves nothing behind', async () => {
    const { url, http, gateway } = await startGateway({ transport, limits: { connections: 1 } });
    await refusedUpgrade(url.replace(PATH, '/elsewhere'));
    await refusedUpgrade(url, { protocols: ['other'] });
    await Peer.open(url);
    await refusedUpgrade(url);
    await refusedUpgrade(url);
    expect(await meter(http, 'upgrades_refused')).toEqual(
      new Map([
        ['400', 1],
        ['404', 1],
        ['503', 2],
      ]),
    );
    expect(gateway.connections).toBe(1);
  });

  test('a connection that was turned away serves no second request', async () => {
    const { port } = await startGateway({ transport });
    const peer = await RawPeer.saying(port, upgrade('/elsewhere') + request('GET /health'));
    await peer.ended();
    expect(peer.text).not.toContain('200 OK');
  });

  test('the connect hook sees the headers and the address of the upgrade', async () => {
    const asked = vi.fn<(headers: ReadonlyMap<string, string>, address: string) => void>();
    const { url } = await startGateway({
      transport,
      hooks: { connect: ({ headers, remoteAddress }) => asked(headers, remoteAddress) },
    });
    await Peer.connected(url, { headers: { cookie: 'a=1', 'X-Two': ['b', 'c'] as never } });
    expect(asked).toHaveBeenCalledTimes(1);
    const [headers, address] = asked.mock.calls[0]!;
    expect(address).toBe('127.0.0.1');
    expect(headers.get('cookie')).toBe('a=1');
    expect(headers.get('x-two')).toBe('b, c');
    // After the callback of the edge nothing native may be left of them.
    await new Promise((resolve) => setImmediate(resolve));
    expect([...headers.keys()]).toContain('sec-websocket-key');
  });
});
