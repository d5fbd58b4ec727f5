/** The thread of an embedded database: it computes here, and never on the event loop of the gateway. */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { assert } from '../kernel/assert.ts';
import { takeFolder } from './folder.ts';
import type { Answer, Order, Place, Question } from './pglite-wire.ts';
import type { SqlRow } from './sql.ts';

/** A log is written once and read seldom: a small cache serves it, and the write-ahead log stays small. */
const SETTINGS = ['shared_buffers=16MB', 'min_wal_size=32MB', 'max_wal_size=64MB'];

async function open({ folder }: Place): Promise<PGlite> {
  const startParams = PGlite.defaultStartParams.concat(SETTINGS.flatMap((one) => ['-c', one]));
  if (folder === null) return PGlite.create({ startParams });
  const lock = await takeFolder(folder);
  try {
    const dataDir = join(folder, 'data');
    if (!existsSync(join(dataDir, 'PG_VERSION'))) await make(dataDir);
    return await PGlite.create({ dataDir, startParams });
  } catch (error) {
    // The next attempt is one of another thread.
    lock.close();
    throw error;
  }
}

/** Whole, or not at all. */
async function make(dataDir: string): Promise<void> {
  const part = `${dataDir}.part`;
  rmSync(part, { recursive: true, force: true });
  const made = await PGlite.create(part);
  await made.close();
  renameSync(part, dataDir);
}

async function answer(database: Promise<PGlite>, { text, params }: Question): Promise<Answer> {
  try {
    const opened = await database;
    if (params === null) {
      const results = await opened.exec(text);
      return { rows: results.at(-1)?.rows ?? [] };
    }
    return { rows: (await opened.query<SqlRow>(text, [...params])).rows };
  } catch (error) {
    const { message } = error instanceof Error ? error : new Error(String(error));
    const state = error instanceof Error && 'code' in error ? String(error.code) : null;
    return { rows: null, message, state };
  }
}

async function close(database: Promise<PGlite>): Promise<void> {
  try {
    await (await database).close();
  } finally {
    process.exit();
  }
}

const port = parentPort;
assert(port !== null, 'this is a thread');
const place: Place = workerData;
const database = open(place);
database.then(
  () => port.postMessage('open' satisfies Answer),
  // Whoever asks hears of it.
  () => {},
);
port.on('message', (order: Order) => {
  if (order === 'close') void close(database);
  else void answer(database, order).then((answered) => port.postMessage(answered));
});
