import { createServer, connect } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Gateway } from '../../src/gateway.ts';
import { SECRET, earnest, startGateway, token } from '../support/gateway.ts';
import { Command, ONE_LINE, sluice, within } from './sluice.ts';

const PATIENTLY = { timeout: 30_000, interval: 5 };

/** Everything is allowed, but there is only so much history. */
function holding(size: number): { namespaces: Record<string, { history: { size: number } }> } {
  return { namespaces: { default: { history: { size } } } };
}

/** There are so many subscribers. */
async function subscribed(gateway: Gateway, channel = 'chat', clients = 1): Promise<void> {
  await vi.waitFor(async () => {
    const { channels } = await gateway.channels({ pattern: channel });
    expect([...channels.values()].map(({ numClients }) => numClients)).toEqual([clients]);
  }, PATIENTLY);
}

/** A command that is subscribed. */
async function subscriber(
  gateway: Gateway,
  http: string,
  argv: readonly string[] = [],
): Promise<Command> {
  const command = new Command(['subscribe', 'chat', '--url', http, ...argv]);
  await Promise.race([subscribed(gateway), command.end()]);
  return command;
}

/** The way to a gateway: it can be cut, and lead to another one. It keeps its own port all the time. */
class Way {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #port: number | null;

  private constructor(port: number) {
    this.#port = port;
    this.#server = createServer((near) => this.#accept(near));
  }

  static async to({ port }: { readonly port: number }): Promise<Way> {
    const way = new Way(port);
    await new Promise<void>((resolve) => way.#server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      way.cut();
      way.#server.close();
    });
    return way;
  }

  get http(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  cut(): void {
    this.#port = null;
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  lead({ port }: { readonly port: number }): void {
    this.#port = port;
  }

  #accept(near: Socket): void {
    if (this.#port === null) {
      near.destroy();
      return;
    }
    const far = connect(this.#port, '127.0.0.1');
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
    }
    near.pipe(far).pipe(near);
  }
}

async function publish(gateway: Gateway, ...all: readonly unknown[]): Promise<void> {
  for (const data of all) await gateway.publish('chat', data);
}

/** It knows that it is subscribed, as the gateway does: the first publication has arrived. */
async function heard(gateway: Gateway, command: Command): Promise<void> {
  await publish(gateway, 1);
  await command.until(() => command.lines.length === 1);
}

describe('what is printed', () => {
  test('one publication a line, until --count', async () => {
    const { gateway, http } = await startGateway();
    const [human, machine] = [
      new Command(['subscribe', 'chat', '--url', http, '--count', '3']),
      new Command(['subscribe', 'chat', '--url', http, '--count', '2', '--json']),
    ];
    await subscribed(gateway, 'chat', 2);
    await gateway.publish('chat', { n: 1 }, { tags: { a: 'b' } });
    await publish(gateway, 'two\nlines', 3, 4);
    expect(await human.end()).toEqual({ code: 0, out: '{"n":1}\ntwo\\u000alines\n3\n', err: '' });
    const { code, err } = await machine.end();
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { epoch } = await gateway.history('chat');
    expect(machine.lines.map((line): unknown => JSON.parse(line))).toEqual([
      { channel: 'chat', offset: 1, epoch, data: { n: 1 }, tags: { a: 'b' } },
      { channel: 'chat', offset: 2, epoch, data: 'two\nlines' },
    ]);
  });

  test('first what the history holds, or what came after a position', async () => {
    const { gateway, http } = await startGateway(holding(3));
    await publish(gateway, 1, 2, 3, 4, 5);
    const { epoch } = await gateway.history('chat');
    const at = ['subscribe', 'chat', '--url', http];
    const [all, some, lost, other] = [
      new Command([...at, '--history', '--count=4']),
      new Command([...at, '--since', `4:${epoch}`, '--count=2']),
      new Command([...at, '--since', '1', '--count=4']),
      new Command([...at, '--since', '4:other', '--count=4', '--json']),
    ];
    await other.until(() => [all, some, lost, other].every(({ lines }) => lines.length > 0));
    await publish(gateway, 6);
    expect(await all.end()).toEqual({ code: 0, out: '3\n4\n5\n6\n', err: '' });
    expect(await some.end()).toEqual({ code: 0, out: '5\n6\n', err: '' });
    expect(await lost.end()).toMatchObject({
      code: 0,
      out: '3\n4\n5\n6\n',
      err: 'sluice: 1 publication after 1 missing for good\n',
    });
    const { code, err } = await other.end();
    expect(err).toMatch(/^sluice: the stream began anew: [^\n]+\n$/);
    expect(code).toBe(0);
    expect(JSON.parse(other.lines[0] ?? '')).toEqual({
      channel: 'chat',
      offset: 3,
      epoch,
      data: 3,
      gap: true,
    });
    expect(other.lines).toHaveLength(4);
  });
});

describe('a break', () => {
  test('is not seen in what is printed', async () => {
    const running = await startGateway();
    const { gateway } = running;
    const way = await Way.to(running);
    const command = await subscriber(gateway, way.http);
    await publish(gateway, 1);
    await command.until(() => command.lines.length === 1);
    way.cut();
    await publish(gateway, 2, 3);
    way.lead(running);
    await command.until(() => command.lines.length === 3);
    await publish(gateway, 4);
    await command.until(() => command.lines.length === 4);
    command.process.kill('SIGINT');
    expect(await command.end()).toEqual({ code: 0, out: '1\n2\n3\n4\n', err: '' });
  });

  test('that was too long is told, and all that the history holds is printed', async () => {
    const running = await startGateway(holding(2));
    const { gateway } = running;
    const way = await Way.to(running);
    const command = await subscriber(gateway, way.http, ['--json']);
    await heard(gateway, command);
    way.cut();
    await publish(gateway, 2, 3, 4, 5, 6);
    way.lead(running);
    await command.until(() => command.lines.length === 3);
    await publish(gateway, 7);
    await command.until(() => command.lines.length === 4);
    const { epoch } = await gateway.history('chat');
    expect(command.lines.slice(1).map((line): unknown => JSON.parse(line))).toEqual([
      { channel: 'chat', offset: 5, epoch, data: 5, gap: true },
      { channel: 'chat', offset: 6, epoch, data: 6 },
      { channel: 'chat', offset: 7, epoch, data: 7 },
    ]);
    expect(command.err).toBe(`sluice: 3 publications after 1:${epoch} missing for good\n`);
  });

  test('is passed over with --no-recover', async () => {
    const running = await startGateway();
    const { gateway } = running;
    const way = await Way.to(running);
    const command = await subscriber(gateway, way.http, ['--no-recover', '--count=2', '--json']);
    await heard(gateway, command);
    way.cut();
    await publish(gateway, 2);
    await vi.waitFor(() => expect(gateway.connections).toBe(0), PATIENTLY);
    way.lead(running);
    await subscribed(gateway);
    await publish(gateway, 3);
    const { code, err } = await command.end();
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const last: unknown = JSON.parse(command.lines[1] ?? '');
    expect(last).toMatchObject({ offset: 3, data: 3, gap: true });
  });

  test('is told where there is no history', async () => {
    const running = await startGateway(holding(0));
    const { gateway } = running;
    const way = await Way.to(running);
    const command = await subscriber(gateway, way.http, ['--count=2']);
    // It has been told that it is subscribed when it prints what came after.
    await publish(gateway, 1);
    await command.until(() => command.lines.length === 1);
    way.cut();
    await vi.waitFor(() => expect(gateway.connections).toBe(0), PATIENTLY);
    way.lead(running);
    await subscribed(gateway);
    await command.until(() => command.err !== '');
    await publish(gateway, 2);
    const { code, out, err } = await command.end();
    expect({ code, out }).toEqual({ code: 0, out: '1\n2\n' });
    expect(err).toMatch(/^sluice: what was published during the break is missing: [^\n]+\n$/);
  });

  test('by a new gateway: all that it holds is printed, once', async () => {
    const first = await startGateway();
    const way = await Way.to(first);
    const command = await subscriber(first.gateway, way.http);
    await publish(first.gateway, 1, 2);
    await command.until(() => command.lines.length === 2);
    await first.gateway.close();
    // A backend that is quicker than the subscriber: it publishes before anybody can connect.
    const second = await startGateway();
    await publish(second.gateway, 3, 4);
    way.lead(second);
    await command.until(() => command.lines.length === 4);
    await publish(second.gateway, 5);
    await command.until(() => command.lines.length === 5);
    command.process.kill('SIGTERM');
    const { code, out, err } = await command.end();
    expect({ code, out }).toEqual({ code: 0, out: '1\n2\n3\n4\n5\n' });
    expect(err).toMatch(/^sluice: the stream began anew: what was published [^\n]+\n$/);
  });
});

describe('it ends', () => {
  test('quietly when nobody reads any more', async () => {
    const { gateway, http } = await startGateway();
    const command = await subscriber(gateway, http);
    command.process.stdout.destroy();
    await publish(gateway, 1);
    expect(await command.end()).toEqual({ code: 0, out: '', err: '' });
  });

  test('with 4 when the gateway ends the subscription or the connection', async () => {
    const { gateway, http } = await startGateway();
    const [one, two] = [
      await subscriber(gateway, http),
      new Command(['subscribe', 'other', '--url', http]),
    ];
    await subscribed(gateway, 'other');
    const [member] = await gateway.presence('chat');
    await gateway.unsubscribe('', 'chat', { client: member?.client });
    expect(await one.end()).toMatchObject({
      code: 4,
      err: 'sluice: the gateway refused it: server unsubscribe, code 2000\n',
    });
    const [other] = await gateway.presence('other');
    await gateway.disconnect('', { client: other?.client });
    const { code, err } = await two.end();
    expect(err).toMatch(/^sluice: the gateway refused it: force disconnect, code 3503\n$/);
    expect(code).toBe(4);
  });

  test('with 4 when it may not, and says what lets one in', async () => {
    const { http } = await startGateway(earnest());
    const at = ['subscribe', 'chat', '--url', http];
    const [connection, wrong] = [await token({ sub: 'ann' }), 'a.b.s3cr3t'];
    const all = await Promise.all([
      sluice(at),
      within([...at, '--token', wrong]),
      within([...at, '--token', connection]),
      within([...at, '--token', connection, '--subscription-token', wrong]),
    ]);
    for (const { code, out, err } of all) {
      expect(err).toMatch(ONE_LINE);
      expect(err).toMatch(/the gateway refused it: .*--(token|user)/);
      expect(err).not.toContain('s3cr3t');
      expect({ code, out }).toEqual({ code: 4, out: '' });
    }
  });

  test('not when it has a secret to make tokens with, or is given them', async () => {
    const { http, gateway } = await startGateway(earnest());
    const at = ['subscribe', 'chat', '--url', http, '--count=1'];
    const [connection, subscription] = [
      await token({ sub: 'ann' }),
      await token({ sub: 'ann', channel: 'chat' }),
    ];
    const commands = [
      new Command([...at, '--user', 'ann'], { env: { SLUICE_TOKENS_HMAC_SECRET: SECRET } }),
      new Command([...at, '--token', connection, '--subscription-token', subscription]),
    ];
    await subscribed(gateway, 'chat', 2);
    await publish(gateway, 1);
    for (const command of commands) {
      expect(await command.end()).toEqual({ code: 0, out: '1\n', err: '' });
    }
  });
});
