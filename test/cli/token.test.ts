import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { SECRET, earnest, startGateway, token as made } from '../support/gateway.ts';
import { Peer } from '../support/peer.ts';
import { ONE_LINE, json, sluice, within } from './sluice.ts';

const env = { SLUICE_TOKENS_HMAC_SECRET: SECRET };

test('a gateway takes what is made: a connection and its channels', async () => {
  const { url, gateway } = await startGateway(
    earnest({ namespaces: { default: { presence: true } } }),
  );
  const argv = ['--user', 'ann', '--info', '{"name":"Ann"}', '--channels', 'a, b'];
  const { code, out, err } = await sluice(['token', ...argv], { env });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  await Peer.connected(url, { connect: { token: out.trim() } });
  const [member] = await gateway.presence('a');
  expect(member).toMatchObject({ user: 'ann', connInfo: { text: '{"name":"Ann"}' } });
  expect([...(await gateway.channels()).channels.keys()].toSorted()).toEqual(['a', 'b']);
});

test('and a subscription, of the issuer and audience of the configuration', async () => {
  const tokens = { hmacSecret: SECRET, issuer: 'i', audience: 'a', userIdClaim: 'uid' };
  const { url } = await startGateway(earnest({ tokens }));
  const setting = { file: JSON.stringify({ tokens }) };
  const [connection, subscription] = (await Promise.all([
    json(['token', '--user', 'ann'], setting),
    json(['token', '--user', 'ann', '--channel', 'chat', '--expires', '5m'], setting),
  ])) as { token: string; claims: { iat: number; exp: number } }[];
  const claims = subscription?.claims;
  expect(claims).toMatchObject({ uid: 'ann', channel: 'chat', iss: 'i', aud: 'a' });
  expect((claims?.exp ?? 0) - (claims?.iat ?? 0)).toBeOneOf([300, 301]);
  const peer = await Peer.connected(url, { connect: { token: connection?.token } });
  await peer.subscribe('chat', { token: subscription?.token });
});

test('without a secret none is made', async () => {
  const [none, both, whose] = [
    await sluice(['token', '--user', 'ann']),
    await within(['token', '--channel', 'a', '--channels', 'b', '--user', 'ann'], { env }),
    await within(['token', '--channel', 'a'], { env }),
  ];
  expect(none.err).toMatch(ONE_LINE);
  expect(none.err).toContain('set tokens.hmacSecret (SLUICE_TOKENS_HMAC_SECRET)');
  expect(both.err).toContain('--channels is for connection tokens');
  expect(whose.err).toContain('--channel needs --user');
  expect([none, both, whose].map(({ code }) => code)).toEqual([2, 2, 2]);
});

test('check tells what is in a token, and that it is good', async () => {
  const exp = Math.floor(Date.now() / 1000) + 7000;
  const [connection, subscription] = await Promise.all([
    made({ sub: 'ann', exp, info: { name: 'Ann\u001b' } }),
    made({ sub: 'ann', channel: 'chat' }),
  ]);
  const [human, machine, piped] = await Promise.all([
    sluice(['token', 'check', connection], { env }),
    json(['token', 'check', subscription], { env }),
    sluice(['token', 'check', '-'], { env, input: `${connection}\n` }),
  ]);
  expect(human.out).toMatch(
    /^a connection token, and it is good\nsub +ann\nexp +20\S+ \(in 1h 56m\)\ninfo +\{"name":"Ann\\u001b"\}\n$/,
  );
  expect(piped.out.split('\n')[0]).toBe(human.out.split('\n')[0]);
  expect(machine).toEqual({
    valid: true,
    wrong: null,
    use: 'subscription',
    claims: { sub: 'ann', channel: 'chat' },
  });
  for (const { out, err } of [human, piped]) {
    expect(out + err).not.toContain(SECRET);
    expect(out + err).not.toContain(connection);
  }
});

test('check tells what is wrong, and what is in it all the same', async () => {
  const [good, old] = await Promise.all([made({ sub: 'ann' }), made({ sub: 'ann', exp: 1 })]);
  const other = { env: { SLUICE_TOKENS_HMAC_SECRET: 'an0ther' } };
  const [foreign, expired, broken, keyless] = [
    await sluice(['token', 'check', good], other),
    await within(['token', 'check', old, '--json'], { env }),
    await within(['token', 'check', 'x.y'], { env }),
    await within(['token', 'check', good]),
  ];
  expect(foreign.err).toBe(
    'sluice: the token is not good: no key of ours signed the token (HS256)\n',
  );
  expect(foreign.out).toBe('sub  ann\n');
  expect(expired.err).toBe('sluice: the token is not good: it has expired\n');
  expect(JSON.parse(expired.out)).toEqual({
    valid: false,
    wrong: 'it has expired',
    use: 'connection',
    claims: { sub: 'ann', exp: 1 },
  });
  expect(broken.err).toBe('sluice: the token is not good: the token has not three parts\n');
  expect(keyless.err).toContain('there is no key to check it with');
  expect([foreign, expired, broken, keyless].map(({ code }) => code)).toEqual([1, 1, 1, 2]);
});

test('check says when the keys of the issuer cannot be had', async () => {
  const server = createServer((_, response) => response.writeHead(500).end());
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const header = Buffer.from('{"alg":"RS256","kid":"k"}').toString('base64url');
  const jwksUrl = `http://127.0.0.1:${port}/?key=s3cr3t`;
  const argv = ['token', 'check', `${header}.${Buffer.from('{}').toString('base64url')}.AAAA`];
  const { code, err } = await within(argv, { env: { SLUICE_TOKENS_JWKS_URL: jwksUrl } });
  expect(err).toMatch(ONE_LINE);
  expect(err).toContain('the keys at tokens.jwksUrl cannot be read');
  expect(err).not.toContain('s3cr3t');
  expect(code).toBe(1);
});
