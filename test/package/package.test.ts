/** The package as it is published: installed in an empty project, it runs in plain Node. */
import { execFile, spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';

const run = promisify(execFile);

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Of the checkout, whatever else is installed on the machine. */
const BIN = join(ROOT, 'node_modules/.bin');
const NODE = join(BIN, 'node');
const ENV = { ...process.env, PATH: `${BIN}${delimiter}${process.env['PATH']}` };

const MINUTES = 60_000;
const PATIENTLY = { timeout: 15_000, interval: 20 };

/** What the build needs nothing of. */
const LEFT_OUT = new Set(['node_modules', '.git', 'dist', 'test', 'bench', 'coverage']);

let folder = '';
let tarball = '';
let project = '';
let files: readonly string[] = [];

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const quiet = ['--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  const { stdout } = await run('npm', [...args, ...quiet], { cwd, env: ENV, maxBuffer: 2 ** 24 });
  return stdout;
}

/** Packs a copy, so that nobody's `dist` is touched. */
async function pack(): Promise<void> {
  const copy = join(folder, 'copy');
  cpSync(ROOT, copy, {
    recursive: true,
    filter: (path) => dirname(path) !== ROOT.replace(/\/$/, '') || !LEFT_OUT.has(basename(path)),
  });
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  const stdout = await npm(['pack', '--json', `--pack-destination=${folder}`], copy);
  // The scripts of the build may have printed something before.
  const [packed] = JSON.parse(stdout.slice(stdout.search(/^\[/m))) as [
    { readonly filename: string; readonly files: readonly { readonly path: string }[] },
  ];
  tarball = join(folder, packed.filename);
  files = packed.files.map(({ path }) => path);
}

async function install(): Promise<void> {
  project = join(folder, 'project');
  mkdirSync(project);
  write('package.json', JSON.stringify({ private: true, type: 'module' }));
  await npm(['install', tarball], project);
  // The types of Node, which every program of TypeScript has.
  symlinkSync(join(ROOT, 'node_modules/@types'), join(project, 'node_modules/@types'));
}

function manifest(): { readonly version: string; readonly exports: object } {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as ReturnType<
    typeof manifest
  >;
}

function write(name: string, text: string): void {
  writeFileSync(join(project, name), text);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-package-'));
  await pack();
  await install();
}, 3 * MINUTES);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('it carries what is built, with types, and no source and no test', () => {
  const scripts = files.filter((path) => path.endsWith('.js'));
  expect(scripts).toContain('dist/gateway.js');
  expect(scripts).toContain('dist/main.js');
  const outside = files.filter((path) => !path.startsWith('dist/'));
  const known = /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|docs\/sluice\.schema\.json)$/;
  expect(outside.filter((path) => !known.test(path))).toEqual([]);
  expect(files.filter((path) => /\.test\.|(?<!\.d)\.ts$/.test(path))).toEqual([]);
});

test('it has nothing that publint would say', async () => {
  const bytes = readFileSync(tarball);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const { messages } = await publint({ pack: { tarball: buffer }, strict: true });
  expect(messages).toEqual([]);
});

const PROGRAM = `
import { createGateway, Disconnection, Refusal } from 'sluice';

const gateway = createGateway({
  dev: true,
  host: '127.0.0.1',
  port: 0,
  transport: process.argv[2],
  hooks: {
    rpc({ method }) {
      if (method === 'no') throw new Refusal('permissionDenied', 'not you');
      throw new Disconnection({ code: 4000, reason: 'done' });
    },
  },
  routes: [{ method: 'GET', path: '/hi', handle: () => ({ status: 200, headers: {}, body: 'hi' }) }],
});
const { port } = await gateway.start();
console.log(await (await fetch(\`http://127.0.0.1:\${port}/hi\`)).text());

const socket = new WebSocket(\`ws://127.0.0.1:\${port}/connection/websocket\`);
socket.onmessage = async ({ data }) => {
  for (const line of data.split('\\n')) {
    const { id, push, error } = JSON.parse(line);
    if (id === 2) await gateway.publish('news', { text: 'hello' });
    if (push?.pub) {
      console.log(push.pub.data.text);
      socket.send('{"id":3,"rpc":{"method":"no"}}');
    }
    if (id === 3) {
      console.log(error.code, error.message);
      socket.send('{"id":4,"rpc":{"method":"end"}}');
    }
  }
};
socket.onclose = async ({ code, reason }) => {
  console.log(code, reason);
  await gateway.close();
  console.log('closed');
};
socket.onopen = () => {
  socket.send('{"id":1,"connect":{}}\\n{"id":2,"subscribe":{"channel":"news"}}');
};
`;

test.each(['uws', 'ws'])(
  'a program with it over %s serves, and ends by itself',
  async (transport) => {
    write('program.mjs', PROGRAM);
    const { stdout, stderr } = await run(NODE, ['program.mjs', transport], {
      cwd: project,
      timeout: MINUTES / 3,
    });
    expect(stdout.split('\n')).toEqual([
      'hi',
      'hello',
      '103 permission denied: not you',
      '4000 done',
      'closed',
      '',
    ]);
    expect(stderr).toBe('');
  },
);

const ARCHIVING = `
import { setTimeout as sleep } from 'node:timers/promises';
import { createGateway } from 'sluice';

const archive = { url: 'pglite:./archive' };
const gateway = createGateway({ dev: true, archive, namespaces: { log: { archive: true } } });
await gateway.publish('log:1', { text: 'hello' });
for (let attempt = 0; ; attempt += 1) {
  try {
    const { publications } = await gateway.archive('log:1');
    console.log(publications.map(({ publication }) => publication.data.text).join());
    break;
  } catch (error) {
    // The database is being made.
    if (attempt > 500) throw error;
    await sleep(100);
  }
}
await gateway.close();
console.log('closed');
`;

test(
  'a program with it archives in a folder, in a thread of its own',
  async () => {
    expect(files).toContain('dist/archive/migrations/0001-publications.sql');
    write('archiving.mjs', ARCHIVING);
    const options = { cwd: project, timeout: MINUTES };
    const { stdout, stderr } = await run(NODE, ['archiving.mjs'], options);
    expect([stdout, stderr]).toEqual(['{"text":"hello"}\nclosed\n', '']);
  },
  MINUTES,
);

const TYPED = `
import type { Caller, Gateway, Hooks, HttpResponse, NamespaceInput, Route } from 'sluice';
import { ConfigError, createGateway, Disconnection, Json, json, Refusal } from 'sluice';

const rooms: NamespaceInput = { history: { size: 10, ttl: '1m' }, recovery: true };
const hooks: Hooks = {
  connect: async ({ headers }) => ({ user: headers.get('x-user') ?? 'nobody' }),
  subscribe({ channel }, caller: Caller) {
    if (caller.user === '') throw new Refusal('permissionDenied', channel);
    return { info: { role: 'host' } };
  },
  rpc: ({ method }) => (method === 'now' ? Date.now() : new Json('[1]')),
  message() {
    throw new Disconnection('forceDisconnect');
  },
};
const route: Route = {
  method: 'GET',
  path: '/rooms/:room',
  handle: async ({ params }): Promise<HttpResponse> => json(200, { room: params.get('room') }),
};
const gateway: Gateway = createGateway({
  tokens: { hmacSecret: 'secret' },
  namespaces: { rooms },
  limits: { messageBytes: '64KiB', connectTimeout: '5s', channelsPerConnection: 3 },
  hooks,
  routes: [route],
});
const { port }: { readonly port: number } = await gateway.start();
const { offset, epoch } = await gateway.publish('rooms:1', { a: 1 }, { tags: { lang: 'en' } });
const text: string = \`\${port + offset}\${epoch}\`;
export const known: boolean = new Error(text) instanceof ConfigError;
await gateway.close();

// @ts-expect-error There is no such option.
createGateway({ histroy: {} });
// @ts-expect-error Nor such a rule.
createGateway({ namespaces: { rooms: { recover: true } } });
// @ts-expect-error It is written with its unit.
createGateway({ limits: { connectTimeout: 5 } });
// @ts-expect-error There is no such hook.
createGateway({ hooks: { conect: () => ({}) } });
// @ts-expect-error There is no such refusal.
createGateway({ hooks: { rpc: () => new Refusal('nope') } });
`;

/** What TypeScript says of a file of the project, at its strictest. */
async function typeErrors(file: string): Promise<string> {
  const strict = {
    strict: true,
    exactOptionalPropertyTypes: true,
    module: 'nodenext',
    target: 'es2024',
    lib: ['es2024'],
    types: ['node'],
    noEmit: true,
    skipLibCheck: false,
  };
  const config = `tsconfig.${file}.json`;
  write(config, JSON.stringify({ compilerOptions: strict, files: [file] }));
  const checked = run(join(BIN, 'tsc'), ['-p', join(project, config)], { env: ENV });
  const { stdout } = await checked.catch(({ stdout: errors }: { stdout: string }) => ({
    stdout: errors,
  }));
  return stdout;
}

test('a program with it is checked by TypeScript, its types and theirs', async () => {
  write('typed.ts', TYPED);
  expect(await typeErrors('typed.ts')).toBe('');
});

test('all that it exports can be imported, and has types', async () => {
  const { exports } = manifest();
  const names = Object.keys(exports)
    .filter((path) => path !== './package.json')
    .map((path) => `sluice${path.slice(1)}`);
  expect(names).toContain('sluice');
  write('exports.mjs', names.map((name) => `await import('${name}');`).join('\n'));
  await run(NODE, ['exports.mjs'], { cwd: project });
  write('exports.ts', names.map((name, at) => `export * as n${at} from '${name}';`).join('\n'));
  expect(await typeErrors('exports.ts')).toBe('');
});

test('its command serves, the page of --dev too, and ends by itself at a signal', async () => {
  const child = spawn(join(project, 'node_modules/.bin/sluice'), ['--dev', '--port=0'], {
    cwd: project,
    env: ENV,
  });
  try {
    let printed = '';
    child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    const address = (): string => /http:\/\/[\d.]+:\d+/.exec(printed)?.[0] ?? '';
    await vi.waitFor(() => expect(address()).not.toBe(''), PATIENTLY);
    for (const [path, type] of [
      ['/', 'text/html'],
      ['/api/openapi.json', 'application/json'],
    ] as const) {
      const response = await fetch(`${address()}${path}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toContain(type);
    }
    child.kill('SIGTERM');
    await vi.waitFor(() => expect(child.exitCode).toBe(0), PATIENTLY);
  } finally {
    child.kill('SIGKILL');
  }
});

test('its command tells its version', async () => {
  const { version } = manifest();
  const sluice = join(project, 'node_modules/.bin/sluice');
  const { stdout } = await run(sluice, ['--version'], { cwd: project, env: ENV });
  expect(stdout).toBe(`sluice ${version}\n`);
});
