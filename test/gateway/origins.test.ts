/** Which web pages may connect. */
import { describe, expect, test } from 'vitest';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { EdgeName, Running } from '../support/gateway.ts';
import { EDGES, earnest, startGateway } from '../support/gateway.ts';
import { meter } from '../support/http.ts';
import { Peer, refusedUpgrade } from '../support/peer.ts';

const SHOP = 'https://shop.example';

function start(transport: EdgeName, options: GatewayOptions = {}): Promise<Running> {
  return startGateway(earnest({ transport, anonymous: true, ...options }));
}

/** 101, or the status it is refused with. */
async function statusOf(url: string, headers: Record<string, string>): Promise<number> {
  const open = Peer.open(url, { headers }).then(
    async (peer) => {
      await peer.leave();
      return 101;
    },
    () => 0,
  );
  const status = await open;
  return status === 101 ? status : (await refusedUpgrade(url, { headers })).status;
}

describe.each(EDGES)('over %s', (transport) => {
  test('no page but one of the gateway may connect, unless it is told so', async () => {
    const { url, port } = await start(transport);
    expect(await statusOf(url, { origin: `http://127.0.0.1:${port}` })).toBe(101);
    expect(await statusOf(url, { origin: `https://127.0.0.1:${port}` })).toBe(101);
    expect(await statusOf(url, { origin: 'https://gate.example', host: 'gate.example' })).toBe(101);
    expect(await statusOf(url, { origin: SHOP })).toBe(403);
    expect(await statusOf(url, { origin: 'http://127.0.0.1' })).toBe(403);
    expect(await statusOf(url, { origin: `http://127.0.0.1:${port + 1}` })).toBe(403);
    expect(await statusOf(url, { origin: `http://127.0.0.1:${port}.evil.example` })).toBe(403);
    expect(await statusOf(url, { origin: 'null' })).toBe(403);
    expect(await statusOf(url, { origin: '' })).toBe(403);
  });

  test('who is no browser sends no origin, and may', async () => {
    const { url } = await start(transport);
    expect(await statusOf(url, {})).toBe(101);
  });

  test('a page that is listed may, letter for letter', async () => {
    const { url } = await start(transport, { origins: [SHOP, 'http://localhost:3000'] });
    expect(await statusOf(url, { origin: SHOP })).toBe(101);
    expect(await statusOf(url, { origin: 'http://localhost:3000' })).toBe(101);
    for (const origin of [
      'http://shop.example',
      'https://shop.example:8443',
      'https://shop.example.evil.example',
      'https://evil.example/https://shop.example',
      'https://www.shop.example',
      'https://shop.example/',
      'https://shop.example, https://evil.example',
      'https://SHOP.example',
      'https://shopXexample',
      'http://localhost',
      'null',
      '*',
    ]) {
      expect([origin, await statusOf(url, { origin })]).toEqual([origin, 403]);
    }
  });

  test('every page may where all are, and with --dev', async () => {
    const all = await start(transport, { origins: ['*'] });
    expect(await statusOf(all.url, { origin: SHOP })).toBe(101);
    expect(await statusOf(all.url, { origin: 'null' })).toBe(101);
    const dev = await startGateway({ transport });
    expect(await statusOf(dev.url, { origin: SHOP })).toBe(101);
  });

  test('with --dev a list counts, too', async () => {
    const { url } = await startGateway({ transport, origins: [SHOP] });
    expect(await statusOf(url, { origin: SHOP })).toBe(101);
    expect(await statusOf(url, { origin: 'https://other.example' })).toBe(403);
  });

  test('a page that may not is told which option it is about, and counted', async () => {
    const { url, http, gateway } = await start(transport);
    const { status, body } = await refusedUpgrade(url, { headers: { origin: SHOP } });
    expect(status).toBe(403);
    expect(body).toContain('origins');
    expect(body).not.toContain(SHOP);
    expect(gateway.connections).toBe(0);
    expect(await meter(http, 'upgrades_refused')).toEqual(new Map([['403', 1]]));
  });
});
