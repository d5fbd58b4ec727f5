#!/usr/bin/env node
/** The process: hands the command line to its commands, and opens what one of them runs. */
import { run } from './cli/cli.ts';
import type { Served } from './cli/shell.ts';
import type { Config, Source } from './config/config.ts';
import { openGateway, openLog, tuneV8 } from './process.ts';
import { welcome } from './welcome.ts';
import { Workers, workersOf } from './workers/workers.ts';

tuneV8();

async function open(config: Config, source: Source): Promise<Served> {
  const log = await openLog(config.logLevel);
  const count = workersOf(config);
  const served =
    count === 1
      ? await openGateway(config, { log })
      : new Workers({ count, config, source, log, failed });
  return { log, start: () => served.start(), drain: () => served.drain() };
}

/** What began to serve has ended, and nobody told it to. */
function failed(reason: string): void {
  process.stderr.write(`sluice: ${reason}\n`);
  process.exitCode = 1;
}

process.exitCode = await run(process.argv.slice(2), { open, welcome });
