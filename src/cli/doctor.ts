/** `doctor`: looks at what a gateway needs around it, and says what to do. */
import type { Command } from 'commander';
import { checkClock } from './doctor/clock.ts';
import type { CheckedEndpoint } from './doctor/endpoint.ts';
import { checkEndpoint } from './doctor/endpoint.ts';
import { checkFiles } from './doctor/files.ts';
import type { Finding } from './doctor/finding.ts';
import { checkKeySet } from './doctor/key-set.ts';
import { checkNode } from './doctor/node.ts';
import { checkPorts } from './doctor/ports.ts';
import { checkTransport } from './doctor/transport.ts';
import { Fault } from './exits.ts';
import type { JsonOption } from './options.ts';
import { withJson, withServeOptions } from './options.ts';
import { serveConfig } from './settings.ts';
import type { ServeReading } from './settings.ts';
import type { Shell } from './shell.ts';
import type { Style } from './terminal.ts';
import { counted, jsonText, printable } from './text.ts';

export function addDoctor(program: Command, shell: Shell): void {
  const command = program
    .command('doctor')
    .description('Looks at what serve needs on this machine, and says what to do.');
  withServeOptions(withJson(command)).action((options: JsonOption) =>
    doctor(command.args, options, shell),
  );
}

const STYLES: Readonly<Record<Finding['state'], Style>> = { ok: 'good', warn: 'odd', fail: 'bad' };

async function doctor(
  argv: readonly string[],
  { json = false }: JsonOption,
  { terminal }: Shell,
): Promise<void> {
  const checks: Finding[] = [];
  for await (const finding of findings(argv)) {
    checks.push(finding);
    if (json) continue;
    const { name, state, says, advice } = finding;
    const line = `${terminal.paint(state.padEnd(4), STYLES[state])}  ${name.padEnd(13)}  `;
    terminal.print(`${line}${printable(advice === null ? says : `${says}: ${advice}`)}`);
  }
  const failed = checks.filter(({ state }) => state === 'fail').length;
  if (json) terminal.print(jsonText({ ok: failed === 0, checks }));
  if (failed > 0)
    throw new Fault('failed', `${counted(failed, 'check')} failed; see what to do above`);
}

/** One after the other, as they are had. */
async function* findings(argv: readonly string[]): AsyncGenerator<Finding> {
  yield checkNode(process.versions.node);
  const reading = configOf(argv);
  yield reading.finding;
  if (reading.config === null) return;
  const { config } = reading;
  yield await checkTransport(config.transport);
  for (const place of [{ host: config.host, port: config.port }, config.internal]) {
    if (place !== null) yield await checkPorts(place);
  }
  yield checkFiles(config.limits.connections);
  const keySet = await checkKeySet(config.tokens.jwksUrl);
  yield checkClock(Date.now(), keySet.dateMs);
  if (keySet.finding !== null) yield keySet.finding;
  const endpoints = new Set<CheckedEndpoint>(config.endpoints.values());
  if (config.events.target !== null) endpoints.add(config.events.target);
  for (const endpoint of endpoints) yield await checkEndpoint(endpoint);
  if (config.redis === null) return;
  const { checkRedis } = await import('./doctor/redis.ts');
  yield await checkRedis(config.redis);
}

function configOf(argv: readonly string[]): {
  config: ServeReading['config'] | null;
  finding: Finding;
} {
  const name = 'configuration';
  try {
    const { config, file } = serveConfig(argv);
    const says = `it can be used (${file ?? 'no file'})`;
    return { config, finding: { name, state: 'ok', says, advice: null } };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const advice = 'set it right; the checks after it were left out';
    return { config: null, finding: { name, state: 'fail', says: error.message, advice } };
  }
}
