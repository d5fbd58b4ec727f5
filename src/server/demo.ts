/** The demo page, as `scripts/build-demo.ts` left it in dist/demo. Only for gateways with `dev`. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { HttpRequest, HttpResponse } from './edge.ts';
import type { Route } from './router.ts';
import { plain } from './router.ts';

/** Where the page tells people to publish. */
export interface DemoApi {
  /** Null: that of the page. */
  readonly port: number | null;
  readonly needsKey: boolean;
}

/** From src/server as from dist/server, to what the package carries. */
const BUILT = new URL('../../dist/demo/', import.meta.url);

const FILES = [
  { path: '/', file: 'index.html', type: 'text/html; charset=utf-8' },
  { path: '/demo/demo.js', file: 'demo.js', type: 'text/javascript; charset=utf-8' },
  { path: '/demo/demo.css', file: 'demo.css', type: 'text/css; charset=utf-8' },
  { path: '/demo/icon.svg', file: 'icon.svg', type: 'image/svg+xml' },
] as const;

const NOT_BUILT =
  'The demo page is not built: run `node scripts/build-demo.ts`, then load it again.\n';

/** The files are read at each request, so that a build shows at once. */
export function demoRoutes(api: DemoApi, directory: URL = BUILT): Route[] {
  return FILES.map(({ path, file, type }) => ({
    method: 'GET',
    path,
    async handle(request) {
      const bytes = await readBuilt(new URL(file, directory));
      if (bytes === null) return plain(503, NOT_BUILT);
      const body = file === 'index.html' ? filledIn(bytes.toString('utf8'), api) : bytes;
      return answer(request, type, body);
    },
  }));
}

/** Null: nobody has built it. */
async function readBuilt(url: URL): Promise<Buffer | null> {
  try {
    return await readFile(url);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function filledIn(html: string, { port, needsKey }: DemoApi): string {
  return html
    .replace('"sluice-api-port" content=""', `"sluice-api-port" content="${port ?? ''}"`)
    .replace(
      '"sluice-api-key" content=""',
      `"sluice-api-key" content="${needsKey ? 'needed' : ''}"`,
    );
}

function answer(request: HttpRequest, type: string, body: Uint8Array | string): HttpResponse {
  const etag = `"${createHash('sha256').update(body).digest('base64url')}"`;
  const headers = {
    etag,
    // A browser asks each time, and mostly hears 304: a build has no other name than the one before.
    'cache-control': 'no-cache',
    'content-security-policy': policy(request.headers.get('host') ?? ''),
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  };
  if (matches(request.headers.get('if-none-match') ?? '', etag)) {
    return { status: 304, headers, body: '' };
  }
  return { status: 200, headers: { ...headers, 'content-type': type }, body };
}

/** RFC 9110 §13.1.2: a list, compared weakly. */
function matches(condition: string, etag: string): boolean {
  return condition.split(',').some((one) => one.trim().replace(/^W\//, '') === etag);
}

/** A host name or an address, with a port: nothing that could end a directive. */
const HOST = /^[\w.-]+(?::\d+)?$|^\[[\da-fA-F:.]+\](?::\d+)?$/;

/**
 * Everything from here and nothing else, and no text becomes markup. 'self' is to stand for the
 * WebSocket of the same host too, but older browsers take it for `http:` alone.
 */
function policy(host: string): string {
  const sockets = HOST.test(host) ? ` ws://${host} wss://${host}` : '';
  return [
    `default-src 'none'`,
    `script-src 'self'`,
    `style-src 'self'`,
    `img-src 'self'`,
    `connect-src 'self'${sockets}`,
    `base-uri 'none'`,
    `form-action 'none'`,
    `frame-ancestors 'none'`,
    `require-trusted-types-for 'script'`,
    `trusted-types 'none'`,
  ].join('; ');
}
