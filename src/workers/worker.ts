/**
 * A worker: a gateway in a process of its own, on the port that it shares with the other workers.
 * Its primary, in `workers.ts`, says what to serve and when to end; it also ends when that is gone.
 */
import type { Config } from '../config/config.ts';
import { readConfig } from '../config/config.ts';
import type { Gateway } from '../gateway.ts';
import { Deferred } from '../kernel/deferred.ts';
import type { Address } from '../listening.ts';
import { openGateway, openLog, tuneV8 } from '../process.ts';
import type { Crew } from '../server/crew.ts';
import type { Readings } from '../server/metrics.ts';
import type { Begin, ToPrimary, ToWorker } from './worker-wire.ts';
import { BEAT_MS, isFromPrimary } from './worker-wire.ts';

tuneV8();

/** Null until it listens. */
let gateway: Gateway | null = null;
let read: () => Promise<Readings> = () => Promise.resolve([]);
/** Scrapes that come while one is answered have the same answer. */
let gathering: Deferred<readonly Readings[]> | null = null;

process.on('message', (message: unknown) => {
  if (isFromPrimary(message)) hear(message);
});
// A Ctrl-C in a terminal reaches every process there; what it means, the primary decides.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => void leave());
process.on('disconnect', () => void leave());

function say(message: ToPrimary): void {
  // What is said to a primary that is gone needs no answer: this worker is about to leave.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

function hear(message: ToWorker): void {
  switch (message.type) {
    case 'begin':
      void begin(message);
      return;
    case 'drain':
      void leave();
      return;
    case 'read':
      void read().then((readings) => say({ type: 'readings', readings }));
      return;
    case 'gathered':
      gathering?.resolve(message.all);
      gathering = null;
  }
}

async function begin({ worker, source, address }: Begin): Promise<void> {
  try {
    const { config } = readConfig({ argv: source.argv, readFile: () => source.text });
    if (config === null) throw new Error('the primary read a configuration from it');
    const log = await openLog(config.logLevel, { worker });
    const opened = await openGateway(at(address, config), { log, crew: crewOf(worker) });
    await opened.start();
    gateway = opened;
    say({ type: 'listening' });
    setInterval(() => say({ type: 'beat' }), BEAT_MS).unref();
  } catch (error) {
    say({ type: 'failed', reason: error instanceof Error ? error.message : String(error) });
    process.exitCode = 1;
    if (process.connected) process.disconnect();
  }
}

function at({ port, internalPort }: Address, config: Config): Config {
  const { internal } = config;
  return {
    ...config,
    port,
    internal: internal === null ? null : { ...internal, port: internalPort },
  };
}

function crewOf(worker: number): Crew {
  return {
    worker,
    tell(own) {
      read = own;
    },
    readings() {
      if (!process.connected) return read().then((own) => [own]);
      if (gathering === null) {
        gathering = new Deferred();
        say({ type: 'gather' });
      }
      return gathering.promise;
    },
  };
}

/** Nothing is left then that keeps the process alive: it ends by itself. */
async function leave(): Promise<void> {
  // Nobody was served yet.
  if (gateway === null) process.exit();
  await gateway.drain();
  if (process.connected) process.disconnect();
}
