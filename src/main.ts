#!/usr/bin/env node
/** The process: configuration, gateway, listen, wait for a signal, close. */
import { destination, pino } from 'pino';
import { readConfig } from './config/config.ts';
import { ConfigError } from './config/problems.ts';
import { Gateway } from './gateway.ts';
import { silentHooks } from './hooks/hooks.ts';
import { systemClock } from './kernel/clock.ts';
import { VERSION } from './version.ts';
import { welcome } from './welcome.ts';

/** Nothing was wrong; a second signal came while closing; it could not start; it is set up wrongly. */
const EXIT = { impatient: 1, failed: 1, misconfigured: 2 } as const;

async function main(): Promise<void> {
  const reading = readConfig();
  if (reading.config === null) {
    process.stdout.write(reading.print);
    return;
  }
  const { config, file } = reading;
  // Logs go to stderr, so that stdout is only for people.
  const log = pino({ level: config.logLevel, base: null }, destination(2));
  const gateway = new Gateway(config, {
    hooks: silentHooks,
    log,
    clock: systemClock,
    random: Math.random,
    version: VERSION,
  });
  const address = await gateway.start();
  log.info({ ...address, file, dev: config.dev }, 'listening');
  process.stdout.write(welcome(config, address));
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) process.exit(EXIT.impatient);
    stopping = true;
    log.info({ signal }, 'closing; once more to stop at once');
    // Nothing is left then that keeps the process alive: it ends by itself.
    void gateway.close();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: unknown) => {
  const misconfigured = error instanceof ConfigError;
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`sluice: ${message}\n`);
  process.exitCode = misconfigured ? EXIT.misconfigured : EXIT.failed;
});
