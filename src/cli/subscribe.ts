/** `subscribe`: prints what is published in a channel, for as long as one likes. */
import type { Command } from 'commander';
import { Client } from '../client/client.ts';
import type { Position } from '../client/events.ts';
import type { ChannelOptions, ClientOptions } from '../client/options.ts';
import { integer } from '../config/measures.ts';
import { VERSION } from '../version.ts';
import { Follower } from './follower.ts';
import type { JsonOption, UrlOption } from './options.ts';
import { misused, readPosition, reading, withJson, withUrl } from './options.ts';
import { socketPlace } from './place.ts';
import { clientConfig } from './settings.ts';
import type { Shell } from './shell.ts';
import { socketClass } from './socket.ts';
import { claimsOf, signed } from './token.ts';

export interface SubscribeOptions extends JsonOption, UrlOption {
  readonly recover?: boolean;
  readonly since?: Position;
  readonly history?: boolean;
  readonly count?: number;
  readonly token?: string;
  readonly subscriptionToken?: string;
  readonly user?: string;
}

export function addSubscribe(program: Command, shell: Shell): void {
  const command = program
    .command('subscribe')
    .description('Prints what is published in a channel, one publication a line, until Ctrl-C.')
    .argument('<channel>')
    .option('--history', 'first what the history holds')
    .option('--since <position>', 'first what came after OFFSET:EPOCH', readPosition)
    .option('--recover', 'after a break also what was published meanwhile (unless --no-recover)')
    .option('--no-recover', 'after a break only what is published from then on')
    .option('--count <n>', 'ends after so many publications', reading(integer(1)))
    .option('--token <token>', 'connection token')
    .option('--subscription-token <token>', 'subscription token, for a channel that wants one')
    .option('--user <id>', 'makes both tokens for this user, with tokens.hmacSecret');
  withUrl(withJson(command, 'prints lines of JSON')).action(
    (channel: string, options: SubscribeOptions) => subscribe(channel, options, shell),
  );
}

/** Soon enough for a gateway that was only restarted. */
const RECONNECT_MS = { minReconnectDelayMs: 100, maxReconnectDelayMs: 5000 };

async function subscribe(name: string, options: SubscribeOptions, shell: Shell): Promise<void> {
  if (options.history === true && options.since !== undefined) {
    throw misused('--history and --since say different things; give one');
  }
  const url = socketPlace(options);
  const tokens = tokensFor(name, options);
  let why = '';
  const client = new Client(url, {
    ...tokens.connection,
    ...RECONNECT_MS,
    name: 'sluice-cli',
    version: VERSION,
    page: null,
    // The history may be read anew after a break.
    offline: 'queue',
    WebSocket: socketClass((reason) => (why = reason)),
  });
  const channel = client.channel(name, {
    ...tokens.subscription,
    recoverable: options.recover ?? true,
    // To be told of gaps also where nothing can be recovered.
    positioned: true,
    ...(options.since === undefined ? {} : { since: options.since }),
  });
  const follower = new Follower(channel, options, {
    terminal: shell.terminal,
    out: process.stdout,
  });
  const stop = (): void => follower.end();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  shell.onBrokenPipe(stop);
  try {
    await follower.follow(client, { url, why: () => why });
  } finally {
    client.close();
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}

interface Tokens {
  readonly connection: Pick<ClientOptions, 'token' | 'getToken'>;
  readonly subscription: Pick<ChannelOptions, 'token' | 'getToken'>;
}

function tokensFor(
  channel: string,
  { token, subscriptionToken, user, config }: SubscribeOptions,
): Tokens {
  if (user === undefined) {
    return {
      connection: token === undefined ? {} : { token },
      subscription: subscriptionToken === undefined ? {} : { token: subscriptionToken },
    };
  }
  if (token !== undefined || subscriptionToken !== undefined) {
    throw misused('--user makes the tokens: give it, or them');
  }
  const { tokens } = clientConfig(config);
  // Made anew whenever one runs out.
  return {
    connection: { getToken: () => signed(claimsOf({ user }, tokens, Date.now()), tokens) },
    subscription: {
      getToken: () => signed(claimsOf({ user, channel }, tokens, Date.now()), tokens),
    },
  };
}
