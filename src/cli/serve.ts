/** `serve`: runs a gateway until a signal comes. */
import type { Command } from 'commander';
import { readConfig } from '../config/config.ts';
import { EXITS } from './exits.ts';
import { withJson } from './options.ts';
import type { JsonOption } from './options.ts';
import { reachable } from './place.ts';
import type { Served, Shell } from './shell.ts';
import { jsonText } from './text.ts';

export function addServe(program: Command, shell: Shell): void {
  const command = program
    .command('serve')
    .summary('run a gateway (without a command, this one)')
    .usage('[options]    --help lists them')
    // The table of options reads its own flags, and prints its own help.
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments();
  withJson(command, 'says as JSON where it listens').action((options: JsonOption) =>
    serve(command.args, options, shell),
  );
}

async function serve(
  argv: readonly string[],
  { json = false }: JsonOption,
  { host, terminal, onBrokenPipe }: Shell,
): Promise<void> {
  const reading = readConfig({ argv });
  if (reading.config === null) {
    terminal.print(reading.print.trimEnd());
    return;
  }
  // Its clients need it, whether or not somebody reads what it printed.
  onBrokenPipe(() => {});
  const { config, file, source } = reading;
  const gateway = await host.open(config, source);
  const address = await gateway.start();
  // Whoever reads that it listens may tell it to stop.
  closeOnSignal(gateway);
  gateway.log.info({ ...address, file, dev: config.dev }, 'listening');
  const { port, internalPort } = address;
  const said = { host: reachable(config.host), port, internalPort, dev: config.dev };
  terminal.print(json ? jsonText(said) : host.welcome(config, address).trimEnd());
}

function closeOnSignal(gateway: Served): void {
  let stopping = false;
  const stop = (signal: string): void => {
    if (stopping) process.exit(EXITS.failed.code);
    stopping = true;
    gateway.log.info({ signal }, 'draining; once more to stop at once');
    // Nothing is left then that keeps the process alive: it ends by itself.
    void gateway.drain();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}
