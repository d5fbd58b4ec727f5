/** What a process has of a gateway: its log, and the gateway with all that is around it. */
import type { Config } from './config/config.ts';
import type { LogLevel } from './config/options.ts';
import type { Crew } from './server/crew.ts';
import type { Gateway } from './gateway.ts';
import { silentHooks } from './hooks/hooks.ts';
import { systemClock } from './kernel/clock.ts';
import type { Log } from './kernel/log.ts';
import { VERSION } from './version.ts';

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
