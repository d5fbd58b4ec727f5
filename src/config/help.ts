/** What `--help` prints, from the table of options. */
import { envOf, flagOf } from './option.ts';
import type { Option } from './option.ts';
import { ALL_OPTIONS, OPTIONS } from './options.ts';

/** Titles for the first word of a path, in the order of help and documentation. */
export const GROUPS: readonly { readonly title: string; readonly roots: readonly string[] }[] = [
  {
    title: 'The gateway',
    roots: ['dev', 'host', 'port', 'internal', 'transport', 'origins', 'log', 'drain'],
  },
  { title: 'Who may connect', roots: ['anonymous', 'tokens'] },
  { title: 'The server API', roots: ['api'] },
  { title: 'The backend', roots: ['endpoints', 'hooks', 'events'] },
  { title: 'Many gateways', roots: ['redis', 'workers'] },
  { title: 'Tasks', roots: ['tasks'] },
  { title: 'The archive', roots: ['archive'] },
  { title: 'Connections', roots: ['ping', 'expiry', 'personal'] },
  { title: 'Channels', roots: ['namespaces'] },
  { title: 'Limits', roots: ['limits'] },
];

const COLUMNS = 100;
const MEANS_COLUMN = 34;

export function helpText(): string {
  const lines = [
    'sluice: a realtime WebSocket gateway',
    '',
    ...wrapped(
      'Each option is a flag, a variable or a key of sluice.yaml: ' +
        `${flagOf(OPTIONS.pingInterval.path)}, ${envOf(OPTIONS.pingInterval.path)}, ` +
        `${OPTIONS.pingInterval.path}. Flags win over variables, variables over the file. ` +
        'Flags can be seen by other users of the machine: secrets are better off elsewhere.',
      0,
    ),
    '',
    ...described('--config <path>', 'the file (SLUICE_CONFIG); unless it is set, ./sluice.yaml'),
    ...described('--help', 'prints this'),
    ...described('--version', 'prints the version'),
  ];
  for (const { title, roots } of GROUPS) {
    lines.push('', `${title}:`);
    for (const option of ALL_OPTIONS) {
      if (roots.includes(option.path.split('.')[0]!)) lines.push(...helpOf(option));
    }
  }
  return `${lines.join('\n')}\n`;
}

function helpOf(option: Option<unknown>): string[] {
  const { kind, path, means, unit } = option;
  const flag = kind.name === 'boolean' ? flagOf(path) : `${flagOf(path)} <${kind.name}>`;
  const dev = defaultText(option, true);
  const normal = defaultText(option, false);
  const counted = normal === null || unit === null ? normal : `${normal} ${unit}`;
  const ends = dev === normal ? counted : `${counted ?? 'none'}; with dev ${dev ?? 'none'}`;
  return described(flag, ends === null ? means : `${means} (${ends})`);
}

/** A default as it is written; null where there is none. */
export function defaultText(option: Option<unknown>, dev: boolean): string | null {
  const written = dev ? option.dev : option.default;
  if (Array.isArray(written)) return written.length === 0 ? null : written.join(', ');
  if (typeof written === 'object' || written === null) return null;
  return String(written);
}

function described(name: string, means: string): string[] {
  const [first = '', ...rest] = wrapped(means, MEANS_COLUMN);
  const head = `  ${name}`;
  if (head.length + 2 > MEANS_COLUMN) return [head, first, ...rest];
  return [head.padEnd(MEANS_COLUMN) + first.trimStart(), ...rest];
}

/** Lines of at most `COLUMNS`, each with `indent` spaces before it. */
function wrapped(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent + line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((each) => ' '.repeat(indent) + each);
}
