/** A peer that goes away while its command waits for the application. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as later } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { signToken } from '../../src/auth/sign.ts';
import type { GatewayOptions } from '../../src/gateway.ts';
import type { Caller, Hooks } from '../../src/hooks/hooks.ts';
import { Refusal } from '../../src/kernel/errors.ts';
import { Disconnection } from '../../src/protocol/close.ts';
import { edPair, jwkOf } from '../auth/pairs.ts';
import { Bystander } from '../support/bystander.ts';
import { ManualClock } from '../support/clock.ts';
import type { EdgeName, Running } from '../support/gateway.ts';
import { EDGES, SECRET, startGateway, token } from '../support/gateway.ts';
import { meter } from '../support/http.ts';
import { KeptLog } from '../support/log.ts';
import type { Message } from '../support/peer.ts';
import { Peer } from '../support/peer.ts';

const QUICKLY = { timeout: 10_000, interval: 5 };

/** What a hook does once the peer is gone. */
const OUTCOMES: Readonly<Record<string, (signal: AbortSignal) => unknown>> = {
  answers: () => ({ channels: ['inbox'] }),
  refuses: () => {
    throw new Refusal('permissionDenied');
  },
  disconnects: () => {
    throw new Disconnection('forceDisconnect');
  },
  'is aborted': (signal) => signal.throwIfAborted(),
};

/** How a peer goes away. */
const WAYS: Readonly<Record<string, (peer: Peer) => void>> = {
  'cuts the line': (peer) => peer.cut(),
  'says goodbye': (peer) => peer.socket.close(1000),
};

/** A hook that waits for the test. It is asked by everyone whose data is not `wait`. */
class Wait {
  signal: AbortSignal | null = null;
  #go: (() => void) | null = null;

  async here({ signal }: Caller, outcome: (signal: AbortSignal) => unknown): Promise<object> {
    this.signal = signal;
    await new Promise<void>((resolve) => {
      this.#go = resolve;
    });
    return outcome(signal) as object;
  }

  async entered(): Promise<void> {
    await vi.waitFor(() => expect(this.#go).not.toBe(null), QUICKLY);
  }

  go(): void {
    this.#go?.();
  }
}

type Outcome = (signal: AbortSignal) => unknown;

interface Command {
  /** Null: the connect itself waits. */
  readonly message: Message | null;
  readonly hooks: (wait: Wait, outcome: Outcome) => Hooks;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  connect: {
    message: null,
    hooks: (wait, outcome) => ({
      connect: ({ data }, caller) => (data === 'wait' ? wait.here(caller, outcome) : {}),
    }),
  },
  subscribe: {
    message: { subscribe: { channel: 'asked:news', recoverable: true } },
    hooks: (wait, outcome) => ({ subscribe: (_, caller) => wait.here(caller, outcome) }),
  },
  publish: {
    message: { publish: { channel: 'asked:news', data: 1 } },
    hooks: (wait, outcome) => ({
      subscribe: () => {},
      publish: (_, caller) => wait.here(caller, outcome),
    }),
  },
  rpc: {
    message: { rpc: { method: 'any' } },
    hooks: (wait, outcome) => ({ rpc: (_, caller) => wait.here(caller, outcome) }),
  },
  send: {
    message: { send: { data: 'x' } },
    hooks: (wait, outcome) => ({
      async message(_, caller) {
        await wait.here(caller, outcome);
      },
    }),
  },
};

interface Scene extends Running {
  readonly log: KeptLog;
  readonly bystander: Bystander;
}

async function scene(transport: EdgeName, options: GatewayOptions): Promise<Scene> {
  const log = new KeptLog();
  const running = await startGateway({ transport, logger: log, ...options });
  return { ...running, log, bystander: await Bystander.watch(running, log) };
}

const CASES = Object.keys(COMMANDS).flatMap((command) =>
  Object.keys(OUTCOMES).flatMap((outcome) =>
    Object.keys(WAYS).map((way) => [command, way, outcome] as const),
  ),
);

describe.each(EDGES)('over %s', (transport) => {
  test.each(CASES)(
    'a peer in the middle of a %s %s, and then the hook %s',
    async (name, way, end) => {
      const wait = new Wait();
      const { message, hooks } = COMMANDS[name]!;
      const asked = { presence: true, joinLeave: true, presenceAccess: 'anonymous' } as const;
      const history = { history: { size: 10, ttl: '5m' }, recovery: true } as const;
      const asks = { subscribe: name === 'subscribe', publish: name === 'publish' };
      const { url, http, gateway, bystander } = await scene(transport, {
        hooks: hooks(wait, OUTCOMES[end]!),
        namespaces: { asked: { ...asked, ...history, hooks: asks } },
      });
      const before = await meter(http, 'channels');
      const peer = message === null ? await Peer.open(url) : await Peer.connected(url);
      peer.command(message ?? { connect: { data: 'wait' } }, {
        publish: { channel: 'late', data: 1 },
      });
      await wait.entered();
      WAYS[way]!(peer);
      await vi.waitFor(() => expect(gateway.connections).toBe(1), QUICKLY);
      expect(wait.signal?.aborted).toBe(true);
      wait.go();
      await bystander.isUndisturbed('asked:news', 'inbox', 'late');
      expect(await meter(http, 'channels')).toEqual(before);
    },
  );

  test('a hook that gives up when its peer is gone has done nothing wrong', async () => {
    const calls = vi.fn<(question: unknown, caller: Caller) => Promise<void>>((_, { signal }) =>
      later(60_000, undefined, { signal }),
    );
    const { url, gateway, log, bystander } = await scene(transport, { hooks: { rpc: calls } });
    const peer = await Peer.connected(url);
    peer.command({ rpc: { method: 'a' } }, { rpc: { method: 'b' } });
    await vi.waitFor(() => expect(calls).toHaveBeenCalledTimes(2), QUICKLY);
    peer.cut();
    await vi.waitFor(() => expect(gateway.connections).toBe(1), QUICKLY);
    await Promise.allSettled(calls.mock.results.map(({ value }) => value as Promise<void>));
    await bystander.isUndisturbed();
    expect(log.of('error')).toEqual([]);
  });

  test('the refresh hook is aborted when its peer is gone', async () => {
    const wait = new Wait();
    const clock = new ManualClock();
    const { url, gateway, bystander } = await scene(transport, {
      clock,
      hooks: {
        connect: ({ data }) => (data === 'brief' ? { expireAtMs: clock.now() + 1000 } : {}),
        refresh: (caller) => wait.here(caller, OUTCOMES['is aborted']!),
      },
    });
    const peer = await Peer.connected(url, { connect: { data: 'brief' } });
    clock.advance(1500);
    await wait.entered();
    peer.cut();
    await vi.waitFor(() => expect(gateway.connections).toBe(1), QUICKLY);
    expect(wait.signal?.aborted).toBe(true);
    wait.go();
    await bystander.isUndisturbed();
  });

  test('a peer that goes while the keys of its token are fetched', async () => {
    const fetching = Promise.withResolvers<void>();
    const answering = Promise.withResolvers<void>();
    const ada = edPair();
    const issuer = createServer((_, response) => {
      fetching.resolve();
      void answering.promise.then(() =>
        response.end(JSON.stringify({ keys: [jwkOf(ada, { kid: 'k' })] })),
      );
    });
    onTestFinished(() => void issuer.close());
    issuer.listen({ host: '127.0.0.1', port: 0 });
    await once(issuer, 'listening');
    const { port } = issuer.address() as AddressInfo;
    const asked = vi.fn<() => void>();
    const { url, gateway, bystander } = await scene(transport, {
      tokens: { jwksUrl: `http://127.0.0.1:${port}/keys` },
      hooks: { connect: (_, { user }) => (user === 'ada' ? asked() : undefined) },
    });
    const jwt = await signToken({ sub: 'ada' }, { privateKey: ada.privatePem, kid: 'k' });
    const [gone, stays] = [await Peer.open(url), await Peer.open(url)];
    gone.command({ connect: { token: jwt } });
    const connected = stays.ask({ connect: { token: jwt } });
    await fetching.promise;
    gone.cut();
    await vi.waitFor(() => expect(gateway.connections).toBe(2), QUICKLY);
    answering.resolve();
    expect((await connected).error).toBe(undefined);
    expect(asked).toHaveBeenCalledTimes(1);
    await stays.leave();
    await bystander.isUndisturbed();
  });

  test('a peer that goes the moment its token is verified', async () => {
    const { url, bystander } = await scene(transport, {
      tokens: { hmacSecret: SECRET },
      hooks: { connect: (_, { user }) => (user === 'ada' ? { channels: ['inbox'] } : {}) },
    });
    const jwt = await token({ sub: 'ada', channels: ['mail'] });
    for (let round = 0; round < 20; round += 1) {
      const peer = await Peer.open(url);
      peer.command({ connect: { token: jwt } }, { subscribe: { channel: 'news' } });
      peer.cut();
    }
    await bystander.isUndisturbed('inbox', 'mail', 'news');
  });
});
