#!/usr/bin/env node
/** The process: hands the command line to its commands, and builds the gateway that one of them runs. */
import { run } from './cli/cli.ts';
import type { Served } from './cli/shell.ts';
import type { Config } from './config/config.ts';
import { silentHooks } from './hooks/hooks.ts';
import { systemClock } from './kernel/clock.ts';
import { VERSION } from './version.ts';
import { welcome } from './welcome.ts';

/** The parts of a gateway are only loaded where one runs. */
async function open(config: Config): Promise<Served> {
  const [{ destination, pino }, { Gateway }] = await Promise.all([
    import('pino'),
    import('./gateway.ts'),
  ]);
  // Logs go to stderr, so that stdout is only for people.
  const log = pino({ level: config.logLevel, base: null }, destination(2));
  const gateway = new Gateway(config, {
    hooks: silentHooks,
    log,
    clock: systemClock,
    random: Math.random,
    version: VERSION,
  });
  return { log, start: () => gateway.start(), drain: () => gateway.drain() };
}

process.exitCode = await run(process.argv.slice(2), { open, welcome });
