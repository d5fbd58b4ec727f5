/** `token`: makes a token, with the secret that the gateway verifies it with. */
import type { Command } from 'commander';
import type { TokensConfig } from '../config/config.ts';
import { duration } from '../config/measures.ts';
import { Fault } from './exits.ts';
import type { ConfigOption, JsonOption } from './options.ts';
import { misused, readJson, readList, reading, withConfig, withJson } from './options.ts';
import { clientConfig } from './settings.ts';
import type { Shell } from './shell.ts';
import { jsonText } from './text.ts';
import { addTokenCheck } from './token-check.ts';

interface TokenOptions extends JsonOption, ConfigOption {
  readonly user?: string;
  readonly channel?: string;
  /** In milliseconds. */
  readonly expires?: number;
  readonly info?: unknown;
  readonly channels?: readonly string[];
}

const EXPIRES_MS = 3_600_000;

export function addToken(program: Command, shell: Shell): void {
  const command = program
    .command('token')
    .description(
      'Makes a token for a connection or, with --channel, for a subscription, signed with tokens.hmacSecret.',
    )
    .usage('[options] | check TOKEN')
    .option('--user <id>', 'whose it is; without it, of an anonymous user')
    .option('--channel <name>', 'for a subscription to this channel')
    .option(
      '--expires <duration>',
      'how long it is good: 30s, 5m, 1h, 7d (default: 1h)',
      reading(duration(1000)),
    )
    .option('--info <json>', 'what others are told about the user', readJson)
    .option(
      '--channels <names>',
      'channels the connection is subscribed to at once: a,b',
      readList,
    );
  withConfig(withJson(command)).action((options: TokenOptions) => token(options, shell));
  addTokenCheck(command, shell);
}

async function token(options: TokenOptions, { terminal }: Shell): Promise<void> {
  const { channel, channels, user } = options;
  if (channel !== undefined && channels !== undefined) {
    throw misused('--channels is for connection tokens, --channel for subscription tokens');
  }
  // A session compares it: the anonymous user has no token.
  if (channel !== undefined && user === undefined) throw misused('--channel needs --user');
  const { tokens } = clientConfig(options.config);
  const claims = claimsOf(options, tokens, Date.now());
  const text = await signed(claims, tokens);
  terminal.print(options.json === true ? jsonText({ token: text, claims }) : text);
}

/** What a token is to say. */
export type Grants = Omit<TokenOptions, 'json' | 'config'>;

/** Such claims as a gateway with this configuration takes. */
export function claimsOf(
  { user = '', channel, expires = EXPIRES_MS, info, channels }: Grants,
  { audience, issuer, userIdClaim }: TokensConfig,
  nowMs: number,
): Readonly<Record<string, unknown>> {
  const iat = Math.floor(nowMs / 1000);
  return {
    [userIdClaim]: user,
    ...(channel === undefined ? {} : { channel }),
    iat,
    exp: Math.ceil((nowMs + expires) / 1000),
    ...(issuer === undefined ? {} : { iss: issuer }),
    ...(audience === undefined ? {} : { aud: audience }),
    ...(info === undefined ? {} : { info }),
    ...(channels === undefined ? {} : { channels }),
  };
}

/** @throws {Fault} `usage` when there is no secret to sign with. */
export async function signed(
  claims: Readonly<Record<string, unknown>>,
  { hmacSecret }: TokensConfig,
): Promise<string> {
  if (hmacSecret !== undefined) {
    const { signToken } = await import('../auth/sign.ts');
    return signToken(claims, { secret: hmacSecret });
  }
  throw new Fault(
    'usage',
    'there is no secret to sign with: set tokens.hmacSecret (SLUICE_TOKENS_HMAC_SECRET) to that of the gateway',
  );
}
