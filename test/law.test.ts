/** The law of imports: which folder sees which, and where each foreign package has its home. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { describe, expect, test } from 'vitest';

/** A folder sees only those of lower ranks, and itself. The files directly in src/ see all. */
const RANKS = [
  ['kernel'],
  ['protocol', 'channel', 'redis'],
  ['hub', 'broker', 'presence', 'quota', 'auth', 'hooks', 'events', 'cache', 'tasks', 'archive'],
  ['session', 'api', 'pusher', 'console'],
  ['server', 'client', 'cli', 'config', 'demo', 'nodes', 'workers'],
];

/**
 * Who sees other than its rank lets it: the SDK is built for browsers. And the options know what
 * they are made of, but only the root knows the options, and hands each part its own.
 */
const SEES: Readonly<Record<string, readonly string[]>> = {
  client: ['kernel', 'protocol'],
  demo: ['kernel', 'protocol', 'client'],
  config: ['kernel', 'channel', 'version.ts'],
  cli: ['kernel', 'protocol', 'redis', 'auth', 'server', 'client', 'config', 'version.ts'],
  workers: ['kernel', 'server', 'config', 'gateway.ts', 'listening.ts', 'process.ts'],
};

/** No `node:` there: they are tested with bytes and a clock, and could run anywhere. */
const PURE = new Set(['kernel', 'protocol', 'channel', 'hub', 'session', 'client', 'demo']);

/** They also run in browsers, so there is no `Buffer` either. */
const PORTABLE = new Set(['protocol', 'client', 'demo']);

/** The files directly in src/. */
const ROOT = '.';

/** Each package has one home: a folder, or a file of the root. zod checks what comes in, at both ends. */
const HOMES: Readonly<Record<string, readonly string[]>> = {
  '@electric-sql/pglite': ['archive'],
  ajv: ['channel'],
  bullmq: ['tasks'],
  commander: ['cli'],
  ioredis: ['redis'],
  jose: ['auth'],
  pg: ['archive'],
  pino: ['process.ts'],
  'prom-client': ['server'],
  'uWebSockets.js': ['server'],
  undici: ['hooks'],
  ws: ['server', 'cli'],
  yaml: ['config'],
  zod: ['config', 'api'],
};

/** Statements begin their line; what stands in a template or in a comment does not. */
const STATEMENT = /^(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])(.*?)\1|^import\s*(['"])(.*?)\3/gm;
/** `import('x')` as a call or as a type, and `require('x')`. One that is computed has no text. */
const CALL = /\b(?:import|require)\s*\(\s*(?:(['"`])([^'"`$]*)\1\s*[,)])?/g;
/** What a worker is started with. */
const WORKER = /\bnew URL\(\s*(['"])(.*?\.ts)\1/g;
const COMMENT = /\/\*[^]*?\*\/|\/\/.*/g;

const COMPUTED = '';

function importsOf(text: string): string[] {
  return [STATEMENT, CALL, WORKER].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => match[2] ?? match[4] ?? COMPUTED),
  );
}

/** `file` is a path within src/. */
function violationsOf(file: string, text: string): string[] {
  const folder = folderOf(file);
  if (folder !== ROOT && rankOf(folder) === -1) return [`${folder}/ has no rank in the law`];
  const violations = importsOf(text).flatMap((target) => {
    if (target === COMPUTED) return ['an import must name what it imports'];
    if (target.startsWith('.')) return checkPath(folder, join(dirname(file), target));
    if (target.startsWith('node:'))
      return PURE.has(folder) ? [`${folder}/ is pure: no ${target}`] : [];
    return checkPackage(file, target);
  });
  if (PORTABLE.has(folder) && /\bBuffer\b/.test(text.replaceAll(COMMENT, ''))) {
    violations.push(`${folder}/ runs in browsers: no Buffer`);
  }
  return violations;
}

function checkPath(from: string, path: string): string[] {
  const to = folderOf(path) === ROOT ? path : folderOf(path);
  if (from === ROOT || from === to || seenBy(from).includes(to)) return [];
  return [`${from}/ may not import ${to === path ? path : `${to}/`}`];
}

function checkPackage(file: string, target: string): string[] {
  const name = target.split('/', target.startsWith('@') ? 2 : 1).join('/');
  const homes = Object.hasOwn(HOMES, name) ? HOMES[name] : undefined;
  if (homes === undefined) return [`${name} has no home in the law`];
  if (homes.includes(folderOf(file)) || homes.includes(file)) return [];
  return [`${name} is at home in ${homes.join(' and ')}, not in ${file}`];
}

function folderOf(file: string): string {
  return file.includes('/') ? file.slice(0, file.indexOf('/')) : ROOT;
}

function rankOf(folder: string): number {
  return RANKS.findIndex((rank) => rank.includes(folder));
}

function seenBy(folder: string): readonly string[] {
  return SEES[folder] ?? RANKS.slice(0, rankOf(folder)).flat();
}

const SOURCES = new URL('../src/', import.meta.url);
const files = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => file.endsWith('.ts'));

test.each(files)('%s keeps the law', (file) => {
  expect(violationsOf(file, readFileSync(new URL(file, SOURCES), 'utf8'))).toEqual([]);
});

test('every dependency has a home, and nothing else has', () => {
  const manifest: unknown = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  expect(manifest).toHaveProperty('dependencies');
  const { dependencies } = manifest as { dependencies: Record<string, string> };
  expect(Object.keys(HOMES).toSorted()).toEqual(Object.keys(dependencies).toSorted());
});

describe('the law itself', () => {
  test.each([
    [
      'hub/hub.ts',
      `import type { Session } from '../session/session.ts';`,
      'hub/ may not import session/',
    ],
    ['hub/hub.ts', `import { a } from '../broker/broker.ts';`, 'hub/ may not import broker/'],
    ['kernel/log.ts', `import '../protocol/close.ts';`, 'kernel/ may not import protocol/'],
    [
      'channel/rules.ts',
      `export * from '../protocol/close.ts';`,
      'channel/ may not import protocol/',
    ],
    [
      'api/publish.ts',
      `import { a } from '../session/session.ts';`,
      'api/ may not import session/',
    ],
    [
      'session/commands/publish.ts',
      `import {\n  a,\n  b,\n} from '../../server/uws.ts';`,
      'session/ may not import server/',
    ],
    [
      'client/client.ts',
      `import { a } from '../channel/name.ts';`,
      'client/ may not import channel/',
    ],
    [
      'session/session.ts',
      `import { a } from '../gateway.ts';`,
      'session/ may not import gateway.ts',
    ],
    [
      'broker/redis.ts',
      `const a = await import('../presence/redis.ts');`,
      'broker/ may not import presence/',
    ],
    ['broker/redis.ts', `type A = import('../hub/hub.ts').Hub;`, 'broker/ may not import hub/'],
    [
      'archive/sql.ts',
      `new Worker(new URL('../tasks/worker.ts', import.meta.url));`,
      'archive/ may not import tasks/',
    ],
    ['server/uws.ts', `await import(name);`, 'an import must name what it imports'],
    ['server/uws.ts', 'await import(`./${name}.ts`);', 'an import must name what it imports'],
    ['hub/hub.ts', `import { join } from 'node:path';`, 'hub/ is pure: no node:path'],
    ['session/session.ts', `await import('node:fs');`, 'session/ is pure: no node:fs'],
    [
      'hub/hub.ts',
      `import WebSocket from 'ws';`,
      'ws is at home in server and cli, not in hub/hub.ts',
    ],
    [
      'server/ws.ts',
      `const jose = await import("jose");`,
      'jose is at home in auth, not in server/ws.ts',
    ],
    [
      'gateway.ts',
      `import { pino } from 'pino';`,
      'pino is at home in process.ts, not in gateway.ts',
    ],
    [
      'api/body.ts',
      `import Ajv from 'ajv/dist/2020.js';`,
      'ajv is at home in channel, not in api/body.ts',
    ],
    ['auth/jwt.ts', `import a from '@left/pad/deep.js';`, '@left/pad has no home in the law'],
    ['auth/jwt.ts', `const fs = require('fs');`, 'fs has no home in the law'],
    [
      'cli/serve.ts',
      `import '../../package.json' with { type: 'json' };`,
      'cli/ may not import ../',
    ],
    ['server/uws.ts', `import { a } from '../config/config.ts';`, 'server/ may not import config/'],
    ['config/config.ts', `import { a } from '../auth/jwt.ts';`, 'config/ may not import auth/'],
    ['auth/jwt.ts', `import { VERSION } from '../version.ts';`, 'auth/ may not import version.ts'],
    ['utils/bytes.ts', ``, 'utils/ has no rank in the law'],
    ['protocol/pack.ts', `return Buffer.from(text);`, 'protocol/ runs in browsers: no Buffer'],
  ])('%s: %s is refused', (file, text, violation) => {
    expect(violationsOf(file, text)).toEqual([violation]);
  });

  test.each([
    ['hub/fan-out.ts', `import { a } from '../channel/name.ts';\nimport { b } from './feed.ts';`],
    [
      'session/commands/publish.ts',
      `import { a } from '../session.ts';\nimport '../../kernel/log.ts';`,
    ],
    ['server/uws.ts', `import type { Transport } from '../session/transport.ts';`],
    ['client/client.ts', `import { a } from '../protocol/json.ts';`],
    ['gateway.ts', `import { a } from './server/uws.ts';\nimport { b } from './hub/hub.ts';`],
    ['process.ts', `import { pino } from 'pino';\nimport '../package.json' with { type: 'json' };`],
    ['api/routes.ts', `import { z } from 'zod';\nimport { createHash } from 'node:crypto';`],
    [
      'protocol/pack.ts',
      `/** No Buffer here. */\nconst bytes = new ArrayBuffer(8); // not a Buffer`,
    ],
    ['kernel/bytes.ts', `export const name = Array.from('abc');\nexport const from = 'ws';`],
  ])('%s: %s is allowed', (file, text) => {
    expect(violationsOf(file, text)).toEqual([]);
  });
});
