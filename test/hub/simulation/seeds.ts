/**
 * Whatever the network does, a subscriber reads every publication once and in order, or is told
 * that it cannot. Thousands of runs, each from a seed; one that fails is made as short as it can be.
 */
import { expect } from 'vitest';
import type { Act, ActKind, Plan } from './plan.ts';
import { ACTS, NAMES } from './plan.ts';
import { World } from './world.ts';

/** mulberry32. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** How often an act is done, unless a seed takes it out or does it more. */
const WEIGHTS: Readonly<Record<ActKind, number>> = {
  publish: 10,
  publishMany: 2,
  publishPast: 1,
  reset: 0.3,
  failOver: 0.5,
  goBack: 0.2,
  trim: 0.7,
  command: 8,
  executeRead: 6,
  answerRead: 10,
  failRead: 0.7,
  failPresence: 0.3,
  deliver: 12,
  deliverMany: 4,
  turn: 10,
  present: 8,
  connect: 6,
  cut: 2,
  die: 1,
  bury: 2,
  subscribe: 8,
  unsubscribe: 2,
  slow: 3,
  drain: 6,
  breakLink: 0.5,
  mendLink: 1,
  check: 0.5,
  wait: 2,
};

/** After these something is missing until it is looked for. */
const LOSSY: ReadonlySet<ActKind> = new Set([
  'reset',
  'failOver',
  'goBack',
  'failRead',
  'breakLink',
]);

interface Script {
  readonly plan: Plan;
  readonly acts: readonly Act[];
}

function scriptOf(seed: number): Script {
  const random = randomOf(seed);
  const remedy = (['check', 'publication', 'none'] as const)[random(3)]!;
  const firstName = random(NAMES.length);
  const plan: Plan = {
    remedy,
    channels: [...NAMES, ...NAMES].slice(firstName, firstName + 1 + random(NAMES.length)),
    gateways: 1 + random(3),
    clients: 1 + random(4),
    historySize: 2 + random(30),
    drops: remedy === 'none' ? 0 : random(2) * random(30),
    doubles: random(2) * random(30),
    sync: random(4) === 0,
    ordered: random(4) > 0,
    outboxBytes: [700, 2000, 20_000][random(3)]!,
    heldMax: 1 + random(10),
    flushBytes: [300, 2000, 65_536][random(3)]!,
    recoveryMax: [3, 10, 300][random(3)]!,
  };
  // Each run does some things more often than others, and some not at all.
  const weights = ACTS.map((kind) => {
    const zeal = [0, 0.3, 1, 1, 1, 4, WEIGHTS[kind] < 1 ? 15 : 1][random(7)]!;
    return remedy === 'none' && LOSSY.has(kind) ? 0 : WEIGHTS[kind] * zeal;
  });
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const kindOf = (): ActKind => {
    let left = (random(1_000_000) / 1_000_000) * total;
    return ACTS.find((_, at) => (left -= weights[at]!) < 0) ?? 'turn';
  };
  const acts: Act[] = random(4) > 0 ? arrival(plan.clients) : [];
  for (let n = 20 + random(130); n > 0; n -= 1) {
    acts.push({ kind: kindOf(), a: random(1000), b: random(1000), ticks: random(6) });
  }
  return { plan, acts };
}

/** Everyone connects and is subscribed, for most of what can go wrong comes after that. */
function arrival(clients: number): Act[] {
  const acts: Act[] = [];
  const add = (kind: ActKind, a = 0, b = 0): void => void acts.push({ kind, a, b, ticks: 5 });
  for (let client = 0; client < clients; client += 1) {
    add('connect', client, client);
    for (let desk = 0; desk < 3; desk += 1) add('subscribe', client, desk);
  }
  for (let gateway = 0; gateway < 3; gateway += 1) {
    for (const kind of ['command', 'answerRead', 'present', 'turn'] as const) {
      for (let n = 0; n < clients * 3; n += 1) add(kind, gateway);
    }
  }
  return acts;
}

async function failureOf({ plan, acts }: Script): Promise<unknown> {
  try {
    await new World(plan).run(acts);
    return null;
  } catch (error) {
    return error;
  }
}

/** Takes out all acts that are not needed to fail, the longest stretches first. */
async function shortest(script: Script): Promise<Script> {
  let { acts } = script;
  for (let length = acts.length >> 1; length > 0; length >>= 1) {
    for (let at = 0; at + length <= acts.length;) {
      const fewer = acts.toSpliced(at, length);
      if ((await failureOf({ ...script, acts: fewer })) === null) at += length;
      else acts = fewer;
    }
  }
  return { ...script, acts };
}

async function report(seed: number): Promise<string> {
  const script = await shortest(scriptOf(seed));
  const world = new World(script.plan, true);
  const failure = await world.run(script.acts).catch((error: unknown) => error);
  const what = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
  return `seed ${seed}\n${JSON.stringify(script.plan)}\n${world.trace.join('\n')}\n${what}`;
}

/** Runs so many seeds, from the first on. */
export async function expectNoFailure(first: number, seeds: number): Promise<void> {
  for (let seed = first; seed < first + seeds; seed += 1) {
    if ((await failureOf(scriptOf(seed))) !== null) expect.fail(await report(seed));
  }
}
