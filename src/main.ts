/** The process: configuration, gateway, listen, wait for a signal, close. */
import { pino } from 'pino';
import { readConfig } from './config/config.ts';
import { Gateway } from './gateway.ts';
import { silentHooks } from './hooks/hooks.ts';
import { systemClock } from './kernel/clock.ts';
import { ConfigError } from './config/problems.ts';
import { VERSION } from './version.ts';

async function main(): Promise<void> {
  const reading = readConfig();
  if (reading.config === null) {
    process.stdout.write(reading.print);
    return;
  }
  const { config } = reading;
  const log = pino({ level: config.logLevel });
  const gateway = new Gateway(config, {
    hooks: silentHooks,
    log,
    clock: systemClock,
    random: Math.random,
    version: VERSION,
  });
  const { port } = await gateway.start();
  log.info({ port }, 'listening');
  const stop = (signal: string): void => {
    log.info({ signal }, 'closing');
    void gateway.close();
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(error instanceof ConfigError ? `${error.message}\n` : `${String(error)}\n`);
  process.exitCode = 1;
});
