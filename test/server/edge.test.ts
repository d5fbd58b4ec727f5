/** What a gateway may rely on, whichever edge carries it. */
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EdgeOptions } from '../../src/server/edge.ts';
import { CREATE, EDGE_NAMES } from './edges.ts';
import { frame, KEY, RawPeer, request, until, upgrade } from './raw.ts';
import { BIG, closing, message, OPTIONS, Rig } from './rig.ts';

const FIN_TEXT = 0x81;
const TEXT = 0x01;
const MORE = 0x00;
const FIN_MORE = 0x80;

describe.each(EDGE_NAMES)('the %s edge', (name) => {
  const create = CREATE[name];
  let rig: Rig;

  beforeEach(async () => {
    rig = await Rig.start(create);
  });

  afterEach(async () => {
    await rig.stop();
  });

  /** The same edge, with other limits. */
  async function restart(options: Partial<EdgeOptions>): Promise<void> {
    await rig.stop();
    rig = await Rig.start(create, options);
  }

  /** It is alive, and whoever else is connected is served. */
  async function expectAlive(): Promise<void> {
    const [client] = await rig.open();
    client.send('still there?');
    expect(await message(client)).toEqual(['still there?', false]);
    client.terminate();
  }

  /** Asks until it is answered so: 429 while the places are taken, 200 when one is free again. */
  async function expectStatus(status: number): Promise<void> {
    const ask = async (): Promise<number> => (await fetch(rig.url('/'))).status;
    while ((await ask()) !== status);
  }

  describe('opening a WebSocket', () => {
    test('gives the gateway a copy of the head', async () => {
      const headers = ['X-Thing: one', 'x-thing:  two ', 'Origin: http://a.example'];
      const peer = await RawPeer.saying(rig.port, upgrade('/a/b%20c?x=1&y=?', headers));
      await peer.heard('101');
      const [head] = rig.upgrades;
      expect(head).toMatchObject({
        method: 'GET',
        path: '/a/b%20c',
        query: 'x=1&y=?',
        remoteAddress: '127.0.0.1',
      });
      expect(head!.headers.get('x-thing')).toBe('one, two');
      expect(head!.headers.get('origin')).toBe('http://a.example');
      peer.drop();
    });

    test('tells one address of a peer in all its spellings', async () => {
      await restart({ host: '::' });
      await rig.open('/');
      expect(rig.upgrades[0]!.remoteAddress).toBe('127.0.0.1');
    });

    test('chooses the subprotocol the gateway names, or none', async () => {
      const [client] = await rig.open('/', ['first', 'second']);
      expect(client.protocol).toBe('second');
      const peer = await RawPeer.saying(
        rig.port,
        upgrade('/', ['Sec-WebSocket-Protocol: first, third']),
      );
      await peer.heard('101');
      expect(peer.text.toLowerCase()).not.toContain('sec-websocket-protocol');
      peer.drop();
    });

    test('answers a refusal whole, and ends the connection', async () => {
      const peer = await RawPeer.saying(rig.port, upgrade('/refuse'));
      await peer.ended();
      expect(peer.text).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/);
      expect(peer.text.toLowerCase()).toContain('x-why: not you\r\n');
      expect(peer.text.toLowerCase()).toContain('content-length: 10\r\n');
      expect(peer.text).toMatch(/\r\n\r\nno, thanks$/);
      expect(rig.echoes).toEqual([]);
    });

    test.each([
      ['no key', request('GET /', ['Connection: Upgrade', 'Upgrade: websocket']), '400'],
      ['a bad key', upgrade('/').replace(KEY, 'c2hvcnQ='), '400'],
      ['another method', upgrade('/').replace('GET', 'POST'), '400'],
      ['an old version', upgrade('/').replace('Version: 13', 'Version: 8'), '426'],
      ['no protocol in the list', upgrade('/', ['Sec-WebSocket-Protocol: a,,b']), '400'],
      ['a protocol twice', upgrade('/', ['Sec-WebSocket-Protocol: a, a']), '400'],
    ])('refuses a handshake with %s', async (_what, text, status) => {
      const peer = await RawPeer.saying(rig.port, text);
      await peer.ended();
      expect(peer.text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
      expect(rig.upgrades).toEqual([]);
    });

    test('takes a request for what it is when it offers another protocol', async () => {
      const offer = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAM'];
      const text = request('POST /x?q', [...offer, 'Content-Length: 5'], 'hello');
      const peer = await RawPeer.saying(rig.port, text.slice(0, -2));
      peer.say(text.slice(-2));
      await peer.heard('POST q hello');
      peer.say(request('GET /again'));
      await peer.heard('GET  ');
      expect(rig.upgrades).toEqual([]);
      peer.drop();
    });

    test('takes a request with a key for what it is when it asks for no upgrade', async () => {
      const peer = await RawPeer.saying(
        rig.port,
        request('GET /?q', [`Sec-WebSocket-Key: ${KEY}`]),
      );
      await peer.heard('GET q ');
      expect(rig.upgrades).toEqual([]);
      peer.drop();
    });

    test('survives a client that goes away at any point of it', async () => {
      const text = upgrade('/');
      for (const length of [1, 20, text.length - 1, text.length]) {
        const peer = await RawPeer.saying(rig.port, text.slice(0, length));
        peer.socket.resetAndDestroy();
      }
      for (const path of ['/', '/greet']) {
        const peer = await RawPeer.saying(rig.port, upgrade(path));
        peer.drop();
      }
      const last = await RawPeer.saying(rig.port, upgrade('/greet'));
      await last.heard('hello');
      last.socket.resetAndDestroy();
      await until(() => rig.echoes.every((echo) => echo.closes.length === 1), 'all to be closed');
      expect(rig.echoes.length).toBeGreaterThan(0);
      await expectAlive();
    });

    test('may send at once', async () => {
      const client = rig.dial('/greet');
      expect(await message(client)).toEqual(['hello', false]);
    });

    test('may close at once', async () => {
      expect(await closing(rig.dial('/shut'))).toEqual([4001, 'not today']);
      await until(() => rig.echo.closes.length > 0, 'the session to hear of it');
      expect(rig.echo.closes).toEqual([4001]);
    });
  });

  describe('messages', () => {
    test('come and go as text', async () => {
      const [client] = await rig.open();
      client.send('grüße');
      expect(await message(client)).toEqual([Buffer.from('grüße').toString('latin1'), false]);
    });

    test('come and go as binary', async () => {
      const [client] = await rig.open('/binary');
      client.send(Buffer.from([0, 255, 1]));
      expect(await message(client)).toEqual(['\x00\xff\x01', true]);
    });

    test('may be empty', async () => {
      const [client] = await rig.open();
      client.send('');
      expect(await message(client)).toEqual(['', false]);
    });

    test('keep their order', async () => {
      const [client, echo] = await rig.open();
      const sent = Array.from({ length: 1000 }, (_each, number) => String(number));
      for (const text of sent) client.send(text);
      await until(() => echo.received.length === sent.length, 'all messages');
      expect(echo.received).toEqual(sent);
    });

    test('come in one piece from several fragments, with a ping between', async () => {
      const peer = await RawPeer.saying(rig.port, upgrade('/'));
      await peer.heard('\r\n\r\n');
      peer.say(frame(TEXT, Buffer.from('one ')));
      peer.say(frame(MORE, Buffer.from('two ')));
      peer.say(frame(0x89, Buffer.from('ping')));
      await peer.heard('\x8a\x04ping');
      peer.say(frame(FIN_MORE, Buffer.from('three')));
      await peer.heard('one two three');
      expect(rig.echo.received).toEqual(['one two three']);
      peer.drop();
    });

    test('are views of exactly their bytes, and copied by a slice', async () => {
      const [client, echo] = await rig.open();
      const seen: Uint8Array[] = [];
      echo.receive = (bytes): void => {
        expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype);
        seen.push(bytes.slice());
      };
      client.send('first');
      client.send('other');
      await until(() => seen.length === 2, 'both');
      expect(seen.map((bytes) => Buffer.from(bytes).toString())).toEqual(['first', 'other']);
    });

    test('leave as exactly the bytes of the view that is sent', async () => {
      const [client, echo] = await rig.open();
      const block = Buffer.from('...view...');
      echo.transport.send(new Uint8Array(block.buffer, block.byteOffset + 3, 4), false);
      expect(await message(client)).toEqual(['view', false]);
    });

    test('over the limit close with 1009, and nobody else is touched', async () => {
      const [other] = await rig.open();
      const [client, echo] = await rig.open();
      client.send('x'.repeat(OPTIONS.messageBytesMax));
      expect((await message(client))[0]).toHaveLength(OPTIONS.messageBytesMax);
      const closed = closing(client);
      client.send('x'.repeat(OPTIONS.messageBytesMax + 1));
      expect((await closed)[0]).toBe(1009);
      await until(() => echo.closes.length > 0, 'the session to hear of it');
      expect(echo.closes).toEqual([1009]);
      expect(echo.received).toHaveLength(1);
      other.send('fine');
      expect(await message(other)).toEqual(['fine', false]);
    });

    test('far over the limit are not even read', async () => {
      const [client, echo] = await rig.open();
      client.send('x'.repeat(OPTIONS.messageBytesMax * 50));
      await until(() => echo.closes.length > 0, 'the session to hear of it');
      expect(echo.closes).toEqual([1009]);
      expect(echo.received).toEqual([]);
    });

    test('in fragments without an end are cut off at the limit', async () => {
      const peer = await RawPeer.saying(rig.port, upgrade('/'));
      await peer.heard('\r\n\r\n');
      const one = frame(MORE, Buffer.from('x'));
      peer.say(frame(TEXT, Buffer.from('x')));
      peer.say(Buffer.concat(Array.from({ length: 3 * OPTIONS.messageBytesMax }, () => one)));
      await peer.ended();
      await until(() => rig.echo.closes.length > 0, 'the session to hear of it');
      expect(rig.echo.received).toEqual([]);
    });

    test.each([
      ['that is no UTF-8', frame(FIN_TEXT, Buffer.from([0xff, 0xfe])), 1007],
      ['with a reserved bit', frame(0xf1, Buffer.from('x')), 1002],
    ])('in a frame %s end the connection', async (_what, bytes, code) => {
      const peer = await RawPeer.saying(rig.port, upgrade('/'));
      await peer.heard('\r\n\r\n');
      peer.say(bytes);
      await peer.ended();
      await until(() => rig.echo.closes.length > 0, 'the session to hear of it');
      expect(rig.echo.closes).toEqual([code]);
      expect(rig.echo.received).toEqual([]);
    });

    test('a ping is answered with its own bytes', async () => {
      const [client] = await rig.open();
      const pong = new Promise<string>((resolve) => {
        client.once('pong', (data) => resolve(data.toString()));
      });
      client.ping('are you there');
      expect(await pong).toBe('are you there');
    });
  });

  describe('the end of a WebSocket', () => {
    test('by the client is told once, with its code', async () => {
      const [client, echo] = await rig.open();
      client.close(4123, 'enough');
      await until(() => echo.closes.length > 0, 'the session to hear of it');
      expect(echo.closes).toEqual([4123]);
    });

    test('without a code is 1005, without a close frame 1006', async () => {
      const [polite, first] = await rig.open();
      polite.close();
      const [rude, second] = await rig.open();
      rude.terminate();
      await until(() => first.closes.length + second.closes.length === 2, 'both to be told');
      expect([first.closes, second.closes]).toEqual([[1005], [1006]]);
    });

    test('by us reaches the client, after what was sent before', async () => {
      const [client, echo] = await rig.open();
      const heard: string[] = [];
      client.on('message', (data: Buffer) => heard.push(data.toString()));
      const closed = closing(client);
      echo.transport.send(Buffer.from('last words'), false);
      echo.transport.close(3001, 'shutdown');
      expect(echo.closes).toEqual([]);
      expect(await closed).toEqual([3001, 'shutdown']);
      expect(heard).toEqual(['last words']);
      await until(() => echo.closes.length > 0, 'the session to hear of it');
      expect(echo.closes).toEqual([3001]);
    });

    test('leaves a transport that refuses, and never throws', async () => {
      const [client, echo] = await rig.open();
      const closed = closing(client);
      echo.transport.close(3001, 'shutdown');
      echo.transport.close(3500, 'again');
      expect(echo.transport.send(Buffer.from('late'), false)).toBe('refused');
      expect((await closed)[0]).toBe(3001);
      await until(() => echo.closes.length > 0, 'the session to hear of it');
      expect(echo.transport.send(Buffer.from('later'), true)).toBe('refused');
      expect(echo.transport.buffered()).toBe(0);
      echo.transport.close(3001, 'shutdown');
      expect(echo.closes).toEqual([3001]);
    });

    test('within a message comes after its answer', async () => {
      const [client, echo] = await rig.open();
      const closed = closing(client);
      const answered = message(client);
      echo.receive = (): void => {
        echo.transport.send(Buffer.from('answer'), false);
        echo.transport.close(3500, 'invalid token');
      };
      client.send('question');
      client.send('never read');
      expect(await answered).toEqual(['answer', false]);
      expect(await closed).toEqual([3500, 'invalid token']);
    });

    test('cuts a reason that is too long between two characters', async () => {
      const [client, echo] = await rig.open();
      const closed = closing(client);
      echo.transport.close(4000, 'ü'.repeat(100));
      expect(await closed).toEqual([4000, 'ü'.repeat(61)]);
    });

    test('comes to a peer that never answers a close frame', async () => {
      const peer = await RawPeer.saying(rig.port, upgrade('/'));
      await peer.heard('\r\n\r\n');
      rig.echo.transport.close(3001, 'shutdown');
      await until(() => rig.echo.closes.length > 0, 'the session to hear of it');
      await peer.ended();
    });
  });

  describe('a peer that does not read', () => {
    test('makes sends buffer, and tells when it has read', async () => {
      const [client, echo] = await rig.open();
      client.pause();
      const sent = echo.fill();
      expect(echo.transport.buffered()).toBeGreaterThan(0);
      const before = echo.transport.buffered();
      expect(echo.transport.send(new Uint8Array(10), true)).toBe('buffered');
      expect(echo.transport.buffered()).toBeGreaterThan(before);
      expect(echo.drains).toBe(0);
      let read = 0;
      client.on('message', (data: Buffer) => {
        read += data.byteLength;
      });
      client.resume();
      await until(() => echo.drains > 0, 'room again');
      expect(echo.transport.buffered()).toBe(0);
      await until(() => read === sent + 10, 'all that was sent');
      expect(echo.transport.send(Buffer.from('on'), true)).toBe('sent');
    });

    test('is told of its room even when little is left behind', async () => {
      const [client, echo] = await rig.open();
      client.pause();
      const chunk = new Uint8Array(1000);
      while (echo.transport.send(chunk, true) === 'sent');
      expect(echo.transport.buffered()).toBeLessThanOrEqual(2000);
      client.resume();
      await until(() => echo.drains === 1, 'room again');
    });

    test('is refused more than the bound', async () => {
      await restart({ socketBytesMax: 100_000 });
      const [client, echo] = await rig.open();
      client.pause();
      const chunk = new Uint8Array(64 * 1024);
      while (echo.transport.send(chunk, true) !== 'refused');
      expect(echo.transport.buffered()).toBeGreaterThan(100_000);
      expect(echo.transport.buffered()).toBeLessThan(200_000);
      client.resume();
      await until(() => echo.drains > 0, 'room again');
      expect(echo.transport.send(chunk, true)).not.toBe('refused');
    });

    test('is gone within the grace of a close', async () => {
      const [client, echo] = await rig.open();
      client.pause();
      echo.fill();
      const begun = performance.now();
      echo.transport.close(3008, 'slow');
      expect(echo.transport.send(new Uint8Array(1), true)).toBe('refused');
      client.send('not heard any more');
      await until(() => echo.closes.length > 0, 'the session to hear of it');
      expect(performance.now() - begun).toBeGreaterThan(200);
      expect(echo.closes).toEqual([3008]);
      expect(echo.received).toEqual([]);
      expect(echo.transport.buffered()).toBe(0);
    });

    test('still gets all and the close frame when it reads within the grace', async () => {
      await restart({ closeGraceMs: 10_000 });
      const [client, echo] = await rig.open();
      client.pause();
      const sent = echo.fill();
      let read = 0;
      client.on('message', (data: Buffer) => {
        read += data.byteLength;
      });
      const closed = closing(client);
      echo.transport.close(3008, 'slow');
      client.resume();
      expect(await closed).toEqual([3008, 'slow']);
      expect(read).toBe(sent);
      expect(echo.drains).toBe(0);
    });

    test('is gone within the grace of its own half of an end', async () => {
      const peer = await RawPeer.saying(rig.port, upgrade('/'));
      await peer.heard('\r\n\r\n');
      peer.socket.pause();
      rig.echo.fill();
      peer.socket.end();
      await until(() => rig.echo.closes.length > 0, 'the session to hear of it');
      expect(rig.echo.closes).toEqual([1006]);
      peer.drop();
    });

    test('has its grace also when the edge is closed, and no longer', async () => {
      const [client, echo] = await rig.open();
      client.pause();
      echo.fill();
      const begun = performance.now();
      echo.transport.close(3008, 'slow');
      await rig.edge.close();
      expect(performance.now() - begun).toBeGreaterThan(200);
      expect(echo.closes).toEqual([3008]);
    });

    test('gets all and the close frame when it reads while the edge is closed', async () => {
      await restart({ closeGraceMs: 10_000 });
      const [client, echo] = await rig.open();
      client.pause();
      const sent = echo.fill();
      let read = 0;
      client.on('message', (data: Buffer) => {
        read += data.byteLength;
      });
      const closed = closing(client);
      echo.transport.close(3008, 'slow');
      const gone = rig.edge.close();
      client.resume();
      expect(await closed).toEqual([3008, 'slow']);
      expect(read).toBe(sent);
      await gone;
      expect(echo.closes).toEqual([3008]);
    });

    test('that nobody closed is cut with the edge', async () => {
      await restart({ closeGraceMs: 10_000 });
      const [client, echo] = await rig.open();
      client.pause();
      echo.fill();
      await rig.edge.close();
      expect(echo.closes).toEqual([1006]);
    });
  });

  describe('HTTP', () => {
    test('answers GET and POST', async () => {
      const got = await fetch(rig.url('/x?a=1'));
      expect([got.status, await got.text()]).toEqual([200, 'GET a=1 ']);
      expect(got.headers.get('content-type')).toBe('text/plain');
      const posted = await fetch(rig.url('/x'), { method: 'POST', body: 'grüße' });
      expect(await posted.text()).toBe('POST  grüße');
    });

    test.each(['/x', '/big', '/none'])(
      'ends the connection after %s when asked to',
      async (path) => {
        const peer = await RawPeer.saying(rig.port, request(`GET ${path}`, ['Connection: close']));
        await peer.ended();
        expect(peer.text).toMatch(/^HTTP\/1\.1 20/);
        if (path === '/big') expect(peer.text).toHaveLength(peer.text.indexOf('abc') + BIG.length);
      },
    );

    test('takes a body in chunks', async () => {
      const peer = await RawPeer.saying(
        rig.port,
        request('POST /', ['Transfer-Encoding: chunked'], '5\r\nhel'),
      );
      peer.say('lo\r\n6\r\n world\r\n');
      peer.say('0\r\n\r\n');
      await peer.heard('POST  hello world');
      peer.drop();
    });

    test('answers HEAD with the length and no body, and goes on', async () => {
      const peer = await RawPeer.saying(rig.port, request('HEAD /x'));
      await peer.heard('\r\n\r\n');
      expect(peer.text.toLowerCase()).toContain('content-length: 6\r\n');
      expect(peer.text).toMatch(/\r\n\r\n$/);
      peer.say(request('GET /none'));
      await peer.heard('204 No Content');
      expect(peer.text.split('204 No Content')[1]!.toLowerCase()).not.toContain('content-length');
      peer.say(request('GET /x?last'));
      await peer.heard('GET last ');
      peer.drop();
    });

    test('takes a body up to the limit and no byte more', async () => {
      const max = OPTIONS.bodyBytesMax;
      const fits = await fetch(rig.url('/'), { method: 'POST', body: 'x'.repeat(max) });
      expect((await fits.text()).length).toBe('POST  '.length + max);
      for (const size of [max + 1, 100 * max]) {
        const over = await fetch(rig.url('/'), { method: 'POST', body: 'x'.repeat(size) });
        expect(over.status).toBe(413);
      }
      expect(rig.requests).toHaveLength(1);
    });

    test('takes no more of an endless body than twice the limit', async () => {
      const peer = await RawPeer.saying(
        rig.port,
        request('POST /', ['Transfer-Encoding: chunked']),
      );
      const chunk = `2710\r\n${'x'.repeat(10_000)}\r\n`;
      for (let sent = 0; sent < 50; sent += 1) peer.say(chunk);
      await peer.heard('HTTP/1.1 413');
      await peer.ended();
      expect(rig.requests).toEqual([]);
    });

    test('brings a large answer whole to a slow reader, twice on one connection', async () => {
      const peer = await RawPeer.connect(rig.port);
      const heads: string[] = [];
      for (let round = 1; round <= 2; round += 1) {
        peer.text = '';
        peer.say(request('GET /big'));
        peer.socket.on('data', slowly);
        await until(() => peer.text.length > BIG.byteLength, 'the whole answer');
        peer.socket.off('data', slowly);
        const [head, body] = peer.text.split('\r\n\r\n');
        heads.push(head!.toLowerCase());
        expect(body === BIG.toString()).toBe(true);
      }
      for (const head of heads) expect(head).toContain(`content-length: ${BIG.byteLength}`);
      peer.drop();

      /** Waits for a turn of the loop after each read. */
      function slowly(): void {
        peer.socket.pause();
        setImmediate(() => peer.socket.resume());
      }
    });

    test('hears of a client that goes away in the middle of a body', async () => {
      await restart({ requestsMax: 1 });
      const half = request('POST /', ['Content-Length: 100'], 'half');
      const peer = await RawPeer.saying(rig.port, half);
      await expectStatus(429);
      peer.socket.resetAndDestroy();
      await expectStatus(200);
      expect(rig.requests.map((one) => one.method)).not.toContain('POST');
      await expectAlive();
    });

    test('hears of a client that goes away before the answer', async () => {
      await restart({ requestsMax: 1 });
      const peer = await RawPeer.saying(rig.port, request('GET /wait'));
      await until(() => rig.waiting.length === 1, 'the request');
      expect(rig.requests[0]!.signal.aborted).toBe(false);
      peer.drop();
      await until(() => rig.requests[0]!.signal.aborted, 'the abort');
      rig.waiting[0]!({ status: 200, headers: {}, body: 'too late' });
      await expectStatus(200);
    });

    test('hears of a client that goes away in the middle of the answer', async () => {
      await restart({ requestsMax: 1 });
      const peer = await RawPeer.connect(rig.port, true);
      peer.say(request('GET /big'));
      await until(() => peer.bytes > 0, 'the first bytes');
      peer.socket.pause();
      peer.socket.resetAndDestroy();
      await expectStatus(200);
    });

    test('does not abort what was answered', async () => {
      const peer = await RawPeer.saying(rig.port, request('GET /x'));
      await peer.heard('GET  ');
      peer.drop();
      await expectAlive();
      expect(rig.requests[0]!.signal.aborted).toBe(false);
    });

    test('is refused with 429 over the limit, and served when one is done', async () => {
      await restart({ requestsMax: 2 });
      const first = fetch(rig.url('/wait'));
      const second = fetch(rig.url('/wait'));
      await until(() => rig.waiting.length === 2, 'both requests');
      const third = await fetch(rig.url('/'), { method: 'POST', body: 'x'.repeat(50_000) });
      expect([third.status, third.headers.get('retry-after')]).toEqual([429, '1']);
      for (const answer of rig.waiting) answer({ status: 200, headers: {}, body: 'done' });
      expect([(await first).status, (await second).status]).toEqual([200, 200]);
      expect(rig.requests).toHaveLength(2);
      await expectStatus(200);
    });
  });

  describe('hostile bytes', () => {
    const smuggled = request('GET /smuggled');
    const lengths = (...values: string[]): string[] => values.map((v) => `Content-Length: ${v}`);
    const chunked = 'Transfer-Encoding: chunked';

    test.each([
      ['two lengths', request('POST /', lengths('0', '5'), smuggled)],
      ['one length twice', request('POST /', lengths('0', '0'), smuggled)],
      ['a list of lengths', request('POST /', lengths('0, 0'), smuggled)],
      ['a length with a sign', request('POST /', lengths('+0'), smuggled)],
      ['a length in hexadecimal', request('POST /', lengths('0x0'), smuggled)],
      ['an endless length', request('POST /', lengths('9'.repeat(30)), smuggled)],
      ['no digits of a length', request('POST /', lengths(''), smuggled)],
      [
        'a length and chunks',
        request('POST /', [chunked, ...lengths('5')], `0\r\n\r\n${smuggled}`),
      ],
      ['chunks of another kind', request('POST /', ['Transfer-Encoding: gzip'], smuggled)],
      ['chunks twice', request('POST /', [chunked, chunked], `0\r\n\r\n${smuggled}`)],
      ['chunks and more', request('POST /', [`${chunked}, identity`], `0\r\n\r\n${smuggled}`)],
      ['two hosts', request('GET /', ['Host: other'], smuggled)],
      ['a space before a colon', request('POST /', ['Content-Length : 0'], smuggled)],
      ['a folded line', request('POST /', ['X: a', ' b', 'Content-Length: 0'], smuggled)],
      ['a control character in its path', request('GET /a\x01b', [], smuggled)],
      ['a path that is not ASCII', request('GET /\xe9', [], smuggled)],
    ])('a request with %s runs nothing, nor what hides in it', async (_what, text) => {
      const peer = await RawPeer.saying(rig.port, text);
      // Whoever is not answered yet is cut off by the next request, or was by this one.
      await until(() => peer.gone || peer.text !== '' || ask(peer), 'an answer or the end');
      await expectAlive();
      expect(rig.requests).toEqual([]);
      expect(peer.text).toMatch(/^$|^HTTP\/1\.1 (4\d\d|505) /);
      peer.drop();

      function ask(one: RawPeer): boolean {
        one.say(smuggled);
        return false;
      }
    });

    test('answers two lengths that differ with 400', async () => {
      const peer = await RawPeer.saying(rig.port, request('POST /', lengths('5', '6')));
      await peer.ended();
      expect(peer.text).toMatch(/^HTTP\/1\.1 400 /);
      expect(rig.requests).toEqual([]);
    });

    test.each([
      request('GET /wait'),
      request('GET /x'),
      request('HEAD /x', ['Connection: close']),
      request('GET /big'),
      request('GET /big', ['Connection: close']),
      request('POST /x', ['Content-Length: 5'], 'hello'),
      upgrade('/refuse'),
    ])('a request behind one that is not answered cuts the connection: %j', async (first) => {
      await restart({ requestsMax: 1 });
      for (const second of [request('GET /second'), upgrade('/second')]) {
        const peer = await RawPeer.saying(rig.port, first + second);
        await peer.ended();
      }
      // Neither holds the only place.
      await expectStatus(200);
      const seen = [...rig.requests, ...rig.upgrades].map((one) => one.path);
      expect(seen).not.toContain('/second');
    });

    test('a head over the limit is answered 431', async () => {
      const long = `X-Long: ${'x'.repeat(OPTIONS.headBytesMax)}`;
      const peer = await RawPeer.saying(rig.port, request('GET /', [long]));
      await peer.ended();
      expect(peer.text).toMatch(/^HTTP\/1\.1 431 /);
      const upgrading = await RawPeer.saying(rig.port, upgrade('/', [long]));
      await upgrading.ended();
      expect(upgrading.text).toMatch(/^HTTP\/1\.1 431 /);
      const bodiless = await RawPeer.saying(rig.port, request('HEAD /', [long]));
      await bodiless.ended();
      expect(bodiless.text).toMatch(/^HTTP\/1\.1 431 /);
      expect([rig.requests, rig.upgrades]).toEqual([[], []]);
    });

    test('a head below the limit is taken', async () => {
      const peer = await RawPeer.saying(rig.port, request('GET /', [`X: ${'x'.repeat(1900)}`]));
      await peer.heard('200 OK');
      peer.drop();
    });

    test('a flood of headers ends the connection and nothing else', async () => {
      const peer = await RawPeer.saying(rig.port, 'GET / HTTP/1.1\r\nHost: test\r\n');
      for (let line = 0; line < 5000; line += 1) peer.say(`x-${line}: ${line}\r\n`);
      await peer.ended();
      expect(rig.requests).toEqual([]);
      await expectAlive();
    });

    test.each([
      ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
      ['zeros', '\0'.repeat(5000)],
      ['no HTTP', 'EHLO mail.example\r\n\r\n'],
      ['another version', 'GET / HTTP/9.9\r\nHost: test\r\n\r\n'],
      ['a proxy request', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n'],
      ['a bad chunk', request('POST /', [chunked], 'zz\r\nhello\r\n')],
    ])('%s on the port disturbs nobody', async (_what, bytes) => {
      const [other] = await rig.open();
      const peer = await RawPeer.saying(rig.port, bytes);
      other.send('fine');
      expect(await message(other)).toEqual(['fine', false]);
      peer.drop();
      await expectAlive();
    });

    test('random bytes after an upgrade disturb nobody', async () => {
      let seed = 1;
      const next = (): number => (seed = (seed * 48_271) % 0x7fffffff) & 0xff;
      for (let round = 0; round < 50; round += 1) {
        const peer = await RawPeer.saying(rig.port, upgrade('/'));
        peer.say(Uint8Array.from({ length: 500 }, next));
        peer.say(Uint8Array.from({ length: 5000 }, next));
        await until(() => rig.upgrades.length > round, 'the bytes to be read');
        peer.drop();
      }
      await until(() => rig.echoes.every((echo) => echo.closes.length === 1), 'all to be closed');
      await expectAlive();
    });
  });

  describe('its own life', () => {
    test('does not start on a port that is taken', async () => {
      const taken = new Rig(create, { port: rig.port });
      await expect(taken.edge.listen()).rejects.toThrow(
        new RegExp(`cannot listen on 127\\.0\\.0\\.1:${rig.port}: .*EADDRINUSE`),
      );
      await taken.edge.close();
    });

    test('does not start on a port of another program, or a host of another machine', async () => {
      const other = createServer().listen(0, '127.0.0.1');
      await until(() => other.listening, 'the other program');
      const { port } = other.address() as { port: number };
      const first = new Rig(create, { port });
      await expect(first.edge.listen()).rejects.toThrow('EADDRINUSE');
      const second = new Rig(create, { host: '192.0.2.1' });
      await expect(second.edge.listen()).rejects.toThrow('EADDRNOTAVAIL');
      other.close();
      await Promise.all([first.edge.close(), second.edge.close()]);
    });

    test('shares its port when told to', async () => {
      const { port } = rig;
      await rig.stop();
      const first = await Rig.start(create, { port, sharesPort: true });
      const second = await Rig.start(create, { port, sharesPort: true });
      await first.edge.close();
      rig = second;
      await expectAlive();
    });

    test('goes on with what is open when it stops listening', async () => {
      const [client] = await rig.open();
      const kept = await RawPeer.saying(rig.port, request('GET /wait'));
      await until(() => rig.waiting.length === 1, 'the request');
      rig.edge.stopListening();
      rig.edge.stopListening();
      await expect(RawPeer.connect(rig.port)).rejects.toThrow('ECONNREFUSED');
      client.send('still served');
      expect(await message(client)).toEqual(['still served', false]);
      rig.waiting[0]!({ status: 200, headers: {}, body: 'as promised' });
      await kept.heard('as promised');
      kept.say(request('GET /one-more'));
      await kept.ended();
      expect(kept.text).toMatch(/as promised($|HTTP\/1\.1 503 )/);
      expect(rig.requests).toHaveLength(1);
    });

    test('cuts all there is when it is closed, and tells everybody', async () => {
      const [, echo] = await rig.open();
      const peer = await RawPeer.saying(rig.port, request('GET /wait'));
      await until(() => rig.waiting.length === 1, 'the request');
      const idle = await RawPeer.connect(rig.port);
      await Promise.all([rig.edge.close(), rig.edge.close()]);
      expect(echo.closes).toEqual([1006]);
      expect(rig.requests[0]!.signal.aborted).toBe(true);
      rig.waiting[0]!({ status: 200, headers: {}, body: 'too late' });
      await Promise.all([peer.ended(), idle.ended()]);
      await rig.edge.close();
    });

    test('is closed also when it never listened', async () => {
      await new Rig(create).edge.close();
    });

    test('lets connections come and go quickly', async () => {
      const rounds = Array.from({ length: 10 }, async () => {
        for (let round = 0; round < 30; round += 1) {
          const peer = await RawPeer.saying(rig.port, upgrade('/'));
          if (round % 3 === 0) peer.drop();
          if (round % 3 === 1) peer.socket.resetAndDestroy();
          if (round % 3 === 2) {
            await peer.heard('\r\n\r\n');
            peer.say(frame(FIN_TEXT, Buffer.from('x')));
            peer.say(frame(0x88, Buffer.from([0x0f, 0xa0])));
            await peer.ended();
          }
        }
      });
      await Promise.all(rounds);
      await until(() => rig.echoes.every((echo) => echo.closes.length === 1), 'all to be closed');
      expect(rig.echoes.filter((echo) => echo.closes[0] === 4000)).toHaveLength(100);
    });
  });
});
