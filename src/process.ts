/** What a process has of a gateway: its log, the gateway with all that is around it, and its V8. */
import { setFlagsFromString } from 'node:v8';
import type { Config } from './config/config.ts';
import type { LogLevel } from './config/options.ts';
import type { Crew } from './server/crew.ts';
import type { Gateway } from './gateway.ts';
import { silentHooks } from './hooks/hooks.ts';
import { systemClock } from './kernel/clock.ts';
import type { Log } from './kernel/log.ts';
import { VERSION } from './version.ts';

/**
 * V8 makes objects old from their birth where those of the same place in the code lived long before.
 * Those of a start do, those of requests do not: each request then left 2 KB for the collector of old
 * objects (bench/NOTES.md). To be called before a gateway is loaded.
 */
export function tuneV8(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}

/** Goes to stderr, so that stdout is only for people. `fields` stand in each of its lines. */
export async function openLog(level: LogLevel, fields: object | null = null): Promise<Log> {
  const { destination, pino } = await import('pino');
  const log: Log = pino({ level, base: fields }, destination(2));
  return log;
}

/** The parts of a gateway are only loaded where one runs. */
export async function openGateway(
  config: Config,
  { log, crew }: { readonly log: Log; readonly crew?: Crew },
): Promise<Gateway> {
  const { Gateway: Opened } = await import('./gateway.ts');
  return new Opened(config, {
    hooks: silentHooks,
    log,
    clock: systemClock,
    random: Math.random,
    version: VERSION,
    ...(crew === undefined ? {} : { crew }),
  });
}
