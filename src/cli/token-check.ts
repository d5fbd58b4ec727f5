/** `token check`: what is in a token, and whether a gateway with this configuration believes it. */
import type { Command } from 'commander';
import { claimsOf, parseCompact } from '../auth/compact.ts';
import type { Compact } from '../auth/compact.ts';
import { InvalidToken } from '../auth/invalid-token.ts';
import type { Members } from '../auth/json.ts';
import { createTokenVerifier } from '../auth/jwt.ts';
import type { TokensConfig } from '../config/config.ts';
import { systemClock } from '../kernel/clock.ts';
import { Refusal } from '../kernel/errors.ts';
import { Fault } from './exits.ts';
import { wholeInput } from './input.ts';
import type { ConfigOption, JsonOption } from './options.ts';
import { withConfig, withJson } from './options.ts';
import { clientConfig } from './settings.ts';
import type { Shell } from './shell.ts';
import { dataText, jsonText, printable, spanText, table } from './text.ts';

interface CheckOptions extends JsonOption, ConfigOption {}

export function addTokenCheck(token: Command, shell: Shell): void {
  const command = token
    .command('check')
    .description('Tells what is in a token, and whether the gateway takes it.')
    .argument('<token>', 'the token; - reads it from stdin, where others cannot see it');
  withConfig(withJson(command)).action((text: string) =>
    // The flags are also those of `token`, which takes the ones before `check`.
    check(text, command.optsWithGlobals<CheckOptions>(), shell),
  );
}

async function check(text: string, options: CheckOptions, { terminal }: Shell): Promise<void> {
  const { tokens } = clientConfig(options.config);
  const given = text === '-' ? (await wholeInput(terminal)).trim() : text;
  const opened = open(given);
  const wrong = 'wrong' in opened ? opened.wrong : await problemOf(given, opened, tokens);
  const use = 'wrong' in opened ? null : useOf(opened.claims);
  const claims = 'wrong' in opened ? null : opened.claims;
  if (options.json === true) {
    const said = claims === null ? null : Object.fromEntries(claims);
    terminal.print(jsonText({ valid: wrong === null, wrong, use, claims: said }));
  } else {
    if (wrong === null) terminal.print(terminal.paint(`a ${use} token, and it is good`, 'good'));
    if (claims !== null) for (const line of described(claims)) terminal.print(line);
  }
  if (wrong !== null) throw new Fault('failed', `the token is not good: ${printable(wrong)}`);
}

interface Opened {
  readonly compact: Compact;
  readonly claims: Members;
}

/** What it says of itself, without a key. */
function open(token: string): Opened | { readonly wrong: string } {
  try {
    const compact = parseCompact(token);
    return { compact, claims: claimsOf(compact) };
  } catch (error) {
    if (error instanceof InvalidToken) return { wrong: error.message };
    throw error;
  }
}

function useOf(claims: Members): 'connection' | 'subscription' {
  return claims.has('channel') ? 'subscription' : 'connection';
}

/** Null: a gateway takes it. @throws {Fault} when that cannot be told. */
async function problemOf(
  token: string,
  { claims, compact }: Opened,
  tokens: TokensConfig,
): Promise<string | null> {
  const verifier = createTokenVerifier(tokens, { clock: systemClock });
  if (!verifier.enabled) {
    throw new Fault(
      'usage',
      'there is no key to check it with: set tokens.hmacSecret or another of tokens',
    );
  }
  try {
    await (useOf(claims) === 'connection'
      ? verifier.connection(token)
      : verifier.subscription(token));
    return null;
  } catch (error) {
    if (error instanceof InvalidToken) return `${error.message} (${compact.alg})`;
    if (!(error instanceof Refusal)) throw error;
    if (error.is('tokenExpired')) return 'it has expired';
    throw new Fault('failed', 'the keys at tokens.jwksUrl cannot be read; see sluice doctor');
  } finally {
    await verifier.close();
  }
}

const TIMES = new Set(['exp', 'nbf', 'iat', 'expire_at']);

function described(claims: Members): string[] {
  return table(
    [...claims].map(([name, value]) => [
      printable(name),
      TIMES.has(name) && typeof value === 'number' ? timeText(value) : dataText(value),
    ]),
  );
}

/** The latest time a Date can hold, in seconds. */
const TIME_MAX = 8.64e12;

function timeText(seconds: number): string {
  if (Math.abs(seconds) > TIME_MAX) return String(seconds);
  const left = seconds - Date.now() / 1000;
  const when = left < 0 ? `${spanText(-left)} ago` : `in ${spanText(left)}`;
  return `${new Date(seconds * 1000).toISOString()} (${when})`;
}
