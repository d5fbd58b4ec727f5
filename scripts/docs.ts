/** Writes the pages of docs/ that come from tables; with `--check`, only tells which are old. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'oxfmt';
import { GROUPS, defaultText } from '../src/config/help.ts';
import { LIMITS, LIMIT_NAMES } from '../src/kernel/limits.ts';
import type { Limit } from '../src/kernel/limits.ts';
import { envOf, flagOf, treeSchema } from '../src/config/option.ts';
import type { Option } from '../src/config/option.ts';
import { ALL_ENDPOINT_OPTIONS } from '../src/config/hook-options.ts';
import { ALL_OPTIONS, ALL_RULE_OPTIONS, LIMIT_OPTIONS } from '../src/config/options.ts';

const ROOT = new URL('../', import.meta.url);

/** Each generated file and what should stand in it. */
export async function pages(): Promise<ReadonlyMap<string, string>> {
  const drafts: [path: string, text: string][] = [
    ['docs/configuration.md', configurationPage()],
    ['docs/limits.md', limitsPage()],
    ['docs/sluice.schema.json', JSON.stringify(fileSchema(), null, 2)],
  ];
  const written = drafts.map(async ([path, text]) => [path, await formatted(path, text)] as const);
  return new Map(await Promise.all(written));
}

/** The pages whose committed text is another. */
export async function stalePages(): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, text] of await pages()) {
    if (readOrEmpty(path) !== text) stale.push(path);
  }
  return stale;
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(new URL(path, ROOT), 'utf8');
  } catch {
    // It has not been written yet.
    return '';
  }
}

/** The settings of the project, so that `oxfmt --check` has nothing to say. */
async function formatted(path: string, text: string): Promise<string> {
  const result = await format(path, text, { printWidth: 100, singleQuote: true });
  const [error] = result.errors;
  if (error !== undefined) throw new Error(`${path} cannot be formatted: ${error.message}`);
  return result.code;
}

/** The JSON Schema of `sluice.yaml`, for editors. */
export function fileSchema(): Readonly<Record<string, unknown>> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'sluice.yaml',
    ...treeSchema(ALL_OPTIONS),
  };
}

export const EXAMPLE = `# yaml-language-server: $schema=./sluice.schema.json
port: 8000
internal:
  # The API, the metrics and the console, away from the public.
  port: 9000
origins:
  - https://example.com
tokens:
  # Better in SLUICE_TOKENS_HMAC_SECRET: a file is easily committed.
  hmacSecret: change-me-0123456789-0123456789-0123
  audience: example
api:
  keys: [change-me-too-0123456789]
personal:
  enabled: true
  namespace: user
limits:
  messageBytes: 32KiB
  connectTimeout: 5s
namespaces:
  # Channels without a colon. Nothing is allowed until it is said.
  default:
    subscribe: client
  # chat:lobby: everyone with a token may take part, and nothing is lost on reconnect.
  chat:
    history: { size: 100, ttl: 10m }
    recovery: true
    presence: true
    joinLeave: true
    subscribe: client
    publish: subscriber
    presenceAccess: subscriber
    historyAccess: subscriber
    schema:
      type: object
      required: [text]
      properties:
        text: { type: string, maxLength: 2000 }
  # price:eur: only the latest publication is of interest.
  price:
    history: { size: 1, ttl: 1h }
    recovery: cache
    subscribe: anonymous
    slowConsumer: latest
  # user:#42: only the backend publishes, and only the user is subscribed.
  user:
    history: { size: 50, ttl: 1d }
    recovery: true
`;

const GENERATED = '<!-- Written by `node scripts/docs.ts` from the tables in src/. -->';

function configurationPage(): string {
  const groups = GROUPS.map(({ title, roots }) => {
    const options = ALL_OPTIONS.filter(({ path }) => roots.includes(path.split('.')[0] ?? ''));
    return `## ${title}\n\n${optionsTable(options)}`;
  });
  return `# Configuration

${GENERATED}

Sluice starts with what is set in four places. A flag wins over an environment variable, a variable
over the file, the file over the default.

- **File**: the one of \`--config\` or \`SLUICE_CONFIG\`; unless either is set, \`./sluice.yaml\`, if it
  is there. It is YAML, or JSON. [sluice.schema.json](sluice.schema.json) lets an editor complete it.
- **Environment**: each option has a variable. One that begins with \`SLUICE_\` and is no option is an
  error, but for those that Kubernetes makes for a service named \`sluice\`. An empty one is not set.
- **Flags**: \`--name value\` or \`--name=value\`; a boolean needs no value. Other users of the machine
  can see them, so secrets are better off elsewhere.

A program that embeds Sluice gives the same tree as the file to \`createGateway\`; files, variables and
flags are not read then.

Whatever is wrong is told at once and whole, one line for each problem, and Sluice does not start.
Nor does it start when no client could connect: without \`dev\` it needs a key under \`tokens\`, or
\`anonymous\`.

## Values

| Kind | In the file | In a variable or flag |
| --- | --- | --- |
| duration | \`500ms\`, \`30s\`, \`5m\`, \`1h\`, \`7d\`; always with a unit | the same |
| bytes | \`65536\`, \`64KiB\`, \`1MiB\`, \`1GiB\` | the same |
| boolean | \`true\`, \`false\` | also \`1\`, \`0\` |
| list | a YAML list | items between commas |
| date | \`2027-01-31\`, \`2027-01-31T12:00:00Z\` | the same |
| PEM | a YAML block (\`\\|\`) | \`\\n\` may stand for the line ends |
| map | a YAML map | JSON; replaces all of the map in the file |

${groups.join('\n\n')}

## Namespaces

The part of a channel's name before the first colon is its namespace; channels without a colon are
in \`default\`. A channel of a namespace that is not listed does not exist. These are the keys under
\`namespaces.<name>\`. The defaults with \`dev\` are those of the namespace \`default\` alone.

${namedTable(ALL_RULE_OPTIONS)}

Who may do a thing (\`subscribe\`, \`publish\`, \`presenceAccess\`, \`historyAccess\`): \`nobody\` but the
server API; \`token\`, who has a subscription token for the channel; \`subscriber\`, who is subscribed to
it; \`client\`, who is connected with a user id; \`anonymous\`, who is connected.

## Endpoints

The places of a backend that a gateway asks. These are the keys under \`endpoints.<name>\`; an endpoint
that needs none but its \`url\` may be written as that. See [hooks.md](hooks.md).

${namedTable(ALL_ENDPOINT_OPTIONS)}

## An example

\`\`\`yaml
${EXAMPLE}\`\`\`
`;
}

function optionsTable(options: readonly Option<unknown>[]): string {
  const rows = options.map((option) => {
    const { path, foreignEnv, unit, means } = option;
    const env = [envOf(path), ...(foreignEnv === null ? [] : [foreignEnv])].map(code).join(', ');
    const counted = unit === null ? means : `${means} (${unit})`;
    return [code(path), env, code(flagOf(path)), option.kind.name, defaultsOf(option), counted];
  });
  return table(['Option', 'Variable', 'Flag', 'Kind', 'Default', 'Meaning'], rows);
}

/** Of options that stand under a name. */
function namedTable(options: readonly Option<unknown>[]): string {
  const rows = options.map((option) => [
    code(option.path),
    option.kind.name,
    defaultsOf(option),
    option.means,
  ]);
  return table(['Key', 'Kind', 'Default', 'Meaning'], rows);
}

function limitsPage(): string {
  const rows = LIMIT_NAMES.map((name) => {
    const limit: Limit = LIMITS[name];
    const option = LIMIT_OPTIONS.get(name);
    if (option === undefined) throw new Error(`${name} is no option`);
    const unit = option.unit === null ? '' : ` ${option.unit}`;
    const what = `${limit.means}${unit === '' ? '' : ` (${unit.trim()})`}`;
    return [code(option.path), defaultsOf(option), what, limit.answers, limit.outcome];
  });
  return `# Limits

${GENERATED}

Every queue, map and buffer of a gateway has a limit, and every limit a named outcome. Each is an
option: see [configuration.md](configuration.md). A rate of 0 is no limit. With \`workers\` each of them
has these limits for itself.

${table(['Limit', 'Default', 'What it limits', 'What it answers', 'Outcome'], rows)}
`;
}

function defaultsOf(option: Option<unknown>): string {
  const [normal, dev] = [defaultText(option, false), defaultText(option, true)];
  if (normal === dev) return normal === null ? '' : code(normal);
  return `${normal === null ? 'none' : code(normal)}; with \`dev\` ${code(dev ?? 'none')}`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map(row).join('\n');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

async function main(check: boolean): Promise<void> {
  const stale = await stalePages();
  if (check) {
    for (const path of stale) console.error(`${path} is old; run node scripts/docs.ts`);
    process.exitCode = stale.length > 0 ? 1 : 0;
    return;
  }
  const written = await pages();
  for (const path of stale) writeFileSync(new URL(path, ROOT), written.get(path) ?? '');
  console.log(stale.length > 0 ? `written: ${stale.join(', ')}` : 'nothing to write');
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await main(process.argv.includes('--check'));
