/** The process of one system under test: starts it, and answers about its memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import { writeHeapSnapshot } from 'node:v8';
import { isSystemName, SYSTEMS } from './systems.ts';
import type { SystemOptions } from './system.ts';
import { Absent } from './system.ts';

export interface HostOrder {
  readonly do: 'churn' | 'settle' | 'snapshot' | 'stop';
  /** Where a snapshot goes. */
  readonly path?: string;
}

export interface Settled {
  readonly heapUsed: number;
  readonly heapTotal: number;
  readonly external: number;
}

/** Collections until nothing more is to be had: some only come free by the one before. */
const COLLECTIONS = 6;

const CHURN_OBJECTS = 4_000_000;

/** Touches every page of V8's young generation, and leaves nothing behind. */
function churn(): null {
  let last = { i: 0, of: {} };
  for (let i = 0; i < CHURN_OBJECTS; i += 1) last = { i, of: { i: last.i } };
  return null;
}

async function settle(): Promise<Settled> {
  for (let left = COLLECTIONS; left > 0; left -= 1) {
    globalThis.gc?.();
    await sleep(150);
  }
  const { heapUsed, heapTotal, external } = process.memoryUsage();
  return { heapUsed, heapTotal, external };
}

async function carryOut(order: HostOrder): Promise<Settled | string | null> {
  if (order.do === 'churn') return churn();
  if (order.do === 'settle') return settle();
  if (order.do === 'snapshot') return writeHeapSnapshot(order.path);
  // Leaves by itself, so that a profile is written.
  process.exit();
}

async function main(name = '', options = '{}'): Promise<void> {
  if (!isSystemName(name)) throw new Error(`there is no system ${name}`);
  process.on('message', (order: HostOrder) => {
    void carryOut(order).then((answer) => process.send?.({ answer }));
  });
  process.on('disconnect', () => process.exit());
  try {
    const { system } = await SYSTEMS[name]();
    const started = await system.start(JSON.parse(options) as SystemOptions);
    process.send?.({ answer: { pid: process.pid, ...started, dialect: system.dialect } });
  } catch (error) {
    if (!(error instanceof Absent)) throw error;
    process.send?.({ answer: { absent: error.message } });
  }
}

await main(...process.argv.slice(2));
