/** The command line: finds the command, runs it, and tells in one line what went wrong. */
import { Command, CommanderError } from 'commander';
import { wantsPlainText } from '../config/config.ts';
import { ConfigError } from '../config/problems.ts';
import { VERSION } from '../version.ts';
import { EXITS, Fault, exitsText } from './exits.ts';
import type { Exit } from './exits.ts';
import type { Host, Out, Shell, Streams } from './shell.ts';
import { Terminal } from './terminal.ts';
import { printable } from './text.ts';

/** Resolves to the exit code when the command is done, or `serve` has begun. Never rejects. */
export async function run(
  argv: readonly string[],
  host: Host,
  { out, err }: Streams = { out: process.stdout, err: process.stderr },
): Promise<number> {
  const terminal = new Terminal(out, err, wantsPlainText());
  const shell: Shell = { terminal, host, out, onBrokenPipe: watchPipe(out) };
  try {
    const whole = withCommand(argv);
    const program = await commandLine(whole, shell);
    await program.parseAsync(whole, { from: 'user' });
    return EXITS.ok.code;
  } catch (error) {
    const { exit, line } = explain(error, argv);
    if (line !== '') terminal.warn(`sluice: ${line}`);
    return EXITS[exit].code;
  }
}

/** Whoever read it has what they wanted: `sluice history chat | head -1`. */
function endQuietly(): void {
  process.exit(EXITS.ok.code);
}

function watchPipe(out: Out): Shell['onBrokenPipe'] {
  let act = endQuietly;
  out.on('error', (error) => {
    if (error.code !== 'EPIPE') throw error;
    act();
  });
  return (other) => {
    act = other;
  };
}

/** Flags of commander itself, without a command before them. */
const OF_PROGRAM = new Set(['-h', '--help', '-V', '-v', '--version']);

/** What begins with a flag is for `serve`; `--json` and `help` may stand before any command. */
function withCommand(argv: readonly string[]): string[] {
  const [first, second, ...rest] = argv;
  if (first === 'help') return second === undefined ? ['--help'] : [second, ...rest, '--help'];
  if (first === '--json' && second !== undefined) return withCommand([second, first, ...rest]);
  const isServe = first === undefined || (first.startsWith('-') && !OF_PROGRAM.has(first));
  return isServe ? ['serve', ...argv] : [...argv];
}

const AFTER = `
${exitsText()}

Without a command it serves: sluice --dev is sluice serve --dev. A running gateway is found, and its
API key known, by --url and --api-key; else by the same sluice.yaml and variables that it has itself.
Errors are one line on stderr. Colours are for terminals, and left out with NO_COLOR.
sluice COMMAND --help tells more; sluice serve --help lists all options of the gateway.`;

/** Adds a command to the program. */
type Add = (program: Command, shell: Shell) => void;

interface Entry {
  readonly name: string;
  readonly summary: string;
  /** Only the module of the command that runs is loaded. */
  readonly load: () => Promise<Add>;
}

const COMMANDS: readonly Entry[] = [
  {
    name: 'serve',
    summary: 'runs a gateway; without a command this is meant',
    load: async () => (await import('./serve.ts')).addServe,
  },
  {
    name: 'subscribe',
    summary: 'prints what is published in a channel',
    load: async () => (await import('./subscribe.ts')).addSubscribe,
  },
  {
    name: 'publish',
    summary: 'publishes to one channel or to several',
    load: async () => (await import('./publish.ts')).addPublish,
  },
  {
    name: 'token',
    summary: 'makes a token; token check looks at one',
    load: async () => (await import('./token.ts')).addToken,
  },
  {
    name: 'presence',
    summary: 'shows who is in a channel',
    load: async () => (await import('./presence.ts')).addPresence,
  },
  {
    name: 'history',
    summary: 'shows what a channel keeps',
    load: async () => (await import('./history.ts')).addHistory,
  },
  {
    name: 'channels',
    summary: 'lists the channels with subscribers',
    load: async () => (await import('./channels.ts')).addChannels,
  },
  {
    name: 'info',
    summary: 'shows the gateways, and how much they carry',
    load: async () => (await import('./info.ts')).addInfo,
  },
  {
    name: 'config',
    summary: 'config print, check or schema: the configuration',
    load: async () => (await import('./config.ts')).addConfig,
  },
  {
    name: 'doctor',
    summary: 'looks at what a gateway needs on this machine',
    load: async () => (await import('./doctor.ts')).addDoctor,
  },
];

async function commandLine(argv: readonly string[], shell: Shell): Promise<Command> {
  const program = new Command('sluice')
    .description('A realtime WebSocket gateway: runs it, and talks to one that runs.')
    .usage('COMMAND [options]')
    .version(`sluice ${VERSION}`, '-v, --version', 'prints the version')
    .helpOption('-h, --help', 'prints this')
    .helpCommand(false)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText('after', AFTER)
    .enablePositionalOptions()
    .exitOverride()
    // Its errors come as exceptions, which are told below.
    .configureOutput({
      writeOut: (text) => shell.out.write(text),
      writeErr: () => {},
      outputError: () => {},
    });
  for (const { name, summary, load } of COMMANDS) {
    if (name === argv[0]) (await load())(program, shell);
    else program.command(name).summary(summary);
  }
  return program;
}

function explain(error: unknown, argv: readonly string[]): { exit: Exit; line: string } {
  if (error instanceof Fault) return { exit: error.exit, line: error.message };
  // `serve` does not start, and says all that is wrong.
  if (error instanceof ConfigError) return { exit: 'usage', line: error.message };
  if (error instanceof CommanderError) return explainUsage(error, argv);
  const message = error instanceof Error ? error.message : String(error);
  return { exit: 'failed', line: printable(message) };
}

function explainUsage(
  { code, exitCode, message }: CommanderError,
  [command = '']: readonly string[],
): { exit: Exit; line: string } {
  if (exitCode === 0) return { exit: 'ok', line: '' };
  if (code === 'commander.help') {
    return { exit: 'usage', line: `a command is missing; see sluice ${command} --help` };
  }
  // What stands behind an equals sign may be a secret.
  const words = message.replace(/^error: /, '').replace(/(option '--?[\w-]+=)[^']*'/, "$1…'");
  const line = words
    .replace(/\s*\((Did you mean [^)]*)\)/, '; $1')
    // Nor is an argument shown that nobody expected.
    .replace(/( but got \d+): [^]*$/, '$1')
    .replaceAll(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '');
  return { exit: 'usage', line: `${printable(line)}; see sluice --help` };
}
