import { setImmediate } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Lane, Run } from '../../src/kernel/mailbox.ts';
import { BARRIER, Mailbox, URGENT } from '../../src/kernel/mailbox.ts';
import type { Maybe } from '../../src/kernel/maybe.ts';
import type { Act, Plan } from './mailbox-model.ts';
import { Desk } from './mailbox-model.ts';

const NEWS: Lane = { name: 'news', width: 1 };
const CHAT: Lane = { name: 'chat', width: 1 };
const RPC: Lane = { name: 'rpc', width: 3 };

/** A mailbox of names. An item whose name begins with a lower-case letter waits for `end`. */
function office(bounds = { mailboxMessages: 100, mailboxBytes: 1000 }): {
  mailbox: Mailbox<string>;
  told: string[];
  runs: Map<string, Run>;
  during: Map<string, () => void>;
  end: (...items: string[]) => Promise<void>;
} {
  const told: string[] = [];
  const runs = new Map<string, Run>();
  const ends = new Map<string, () => void>();
  const during = new Map<string, () => void>();
  const handle = (item: string, run: Run): Maybe<void> => {
    told.push(item);
    runs.set(item, run);
    during.get(item)?.();
    if (item.toUpperCase() === item) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    ends.set(item, resolve);
    return promise;
  };
  const end = async (...items: string[]): Promise<void> => {
    for (const item of items) ends.get(item)?.();
    await setImmediate();
  };
  return { mailbox: new Mailbox({ handle }, bounds), told, runs, during, end };
}

const all = (): boolean => true;

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('lanes', () => {
  test('an item of an idle lane is handled within offer', () => {
    const { mailbox, told } = office();
    mailbox.offer('slow', NEWS, 1);
    mailbox.offer('QUICK', CHAT, 1);
    expect(told).toEqual(['slow', 'QUICK']);
  });

  test('an item of a busy lane waits for those before it', async () => {
    const { mailbox, told, end } = office();
    mailbox.offer('a', NEWS, 1);
    mailbox.offer('B', NEWS, 1);
    mailbox.offer('c', NEWS, 1);
    mailbox.offer('D', NEWS, 1);
    expect(told).toEqual(['a']);
    await end('a');
    expect(told).toEqual(['a', 'B', 'c']);
    await end('c');
    expect(told).toEqual(['a', 'B', 'c', 'D']);
    expect(mailbox.size).toBe(0);
  });

  test('as many run at once as a lane is wide, and they may end in any order', async () => {
    const { mailbox, told, end } = office();
    for (const item of ['a', 'b', 'c', 'd', 'e']) mailbox.offer(item, RPC, 1);
    expect(told).toEqual(['a', 'b', 'c']);
    await end('b');
    expect(told).toEqual(['a', 'b', 'c', 'd']);
    await end('d', 'a');
    expect(told).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('an item of width 1 runs alone among wider ones, which run side by side', async () => {
    const { mailbox, told, end } = office();
    const wide: Lane = { name: 'news', width: Infinity };
    mailbox.offer('a', wide, 1);
    mailbox.offer('b', wide, 1);
    mailbox.offer('alone', NEWS, 1);
    mailbox.offer('c', wide, 1);
    mailbox.offer('d', wide, 1);
    expect(told).toEqual(['a', 'b']);
    await end('a');
    expect(told).toEqual(['a', 'b']);
    await end('b');
    expect(told).toEqual(['a', 'b', 'alone']);
    await end('alone');
    expect(told).toEqual(['a', 'b', 'alone', 'c', 'd']);
  });

  test('what fits when an item before it is taken back is started', async () => {
    const { mailbox, told, end } = office();
    const wide: Lane = { name: 'news', width: Infinity };
    mailbox.offer('a', wide, 1);
    mailbox.offer('alone', NEWS, 1);
    mailbox.offer('B', wide, 1);
    mailbox.withdraw(NEWS, (item) => item === 'alone');
    expect(told).toEqual(['a', 'B']);
    await end('a');
    expect(mailbox.size).toBe(0);
  });

  test('what is urgent waits for nothing but a barrier', async () => {
    const { mailbox, told, end } = office();
    mailbox.offer('pong', URGENT, 1);
    mailbox.offer('slow', NEWS, 1);
    mailbox.offer('ping', URGENT, 1);
    expect(told).toEqual(['pong', 'slow', 'ping']);
    mailbox.offer('barrier', BARRIER, 1);
    mailbox.offer('PING', URGENT, 1);
    expect(told).toEqual(['pong', 'slow', 'ping']);
    await end('pong', 'slow', 'ping');
    await end('barrier');
    expect(told).toEqual(['pong', 'slow', 'ping', 'barrier', 'PING']);
  });
});

describe('a barrier', () => {
  test('starts at once when nothing runs, and all waits for it', async () => {
    const { mailbox, told, end } = office();
    mailbox.offer('connect', BARRIER, 1);
    mailbox.offer('A', NEWS, 1);
    mailbox.offer('B', CHAT, 1);
    expect(told).toEqual(['connect']);
    await end('connect');
    expect(told).toEqual(['connect', 'A', 'B']);
  });

  test('waits for all before it, among them what waits in a lane', async () => {
    const { mailbox, told, end } = office();
    mailbox.offer('a', NEWS, 1);
    mailbox.offer('b', NEWS, 1);
    mailbox.offer('c', CHAT, 1);
    mailbox.offer('barrier', BARRIER, 1);
    mailbox.offer('D', RPC, 1);
    await end('a', 'c');
    expect(told).toEqual(['a', 'c', 'b']);
    await end('b');
    expect(told).toEqual(['a', 'c', 'b', 'barrier']);
    await end('barrier');
    expect(told).toEqual(['a', 'c', 'b', 'barrier', 'D']);
  });

  test('several part what is between them', async () => {
    const { mailbox, told, end } = office();
    mailbox.offer('one', BARRIER, 1);
    mailbox.offer('a', NEWS, 1);
    mailbox.offer('b', CHAT, 1);
    mailbox.offer('two', BARRIER, 1);
    mailbox.offer('three', BARRIER, 1);
    mailbox.offer('C', NEWS, 1);
    await end('one');
    expect(told).toEqual(['one', 'a', 'b']);
    await end('b');
    expect(told).toEqual(['one', 'a', 'b']);
    await end('a');
    expect(told).toEqual(['one', 'a', 'b', 'two']);
    await end('two');
    await end('three');
    expect(told).toEqual(['one', 'a', 'b', 'two', 'three', 'C']);
  });

  test('that does not wait holds nothing back', () => {
    const { mailbox, told } = office();
    mailbox.offer('CONNECT', BARRIER, 1);
    mailbox.offer('A', NEWS, 1);
    expect(told).toEqual(['CONNECT', 'A']);
  });

  test('that is taken back lets go what only waited for it', async () => {
    const { mailbox, told, end } = office();
    mailbox.offer('a', NEWS, 1);
    mailbox.offer('barrier', BARRIER, 1);
    mailbox.offer('B', CHAT, 1);
    mailbox.offer('C', NEWS, 1);
    expect(mailbox.withdraw(BARRIER, all)).toEqual(['barrier']);
    expect(told).toEqual(['a', 'B']);
    mailbox.offer('D', CHAT, 1);
    expect(told).toEqual(['a', 'B', 'D']);
    await end('a');
    expect(told).toEqual(['a', 'B', 'D', 'C']);
    expect(mailbox.size).toBe(0);
  });
});

describe('bounds', () => {
  test('only so many items may wait or run', async () => {
    const { mailbox, end } = office({ mailboxMessages: 2, mailboxBytes: 1000 });
    expect(mailbox.offer('a', NEWS, 1)).toBe(true);
    expect(mailbox.offer('b', NEWS, 1)).toBe(true);
    expect(mailbox.offer('C', NEWS, 1)).toBe(false);
    expect(mailbox.offer('D', CHAT, 1)).toBe(false);
    await end('a');
    expect(mailbox.size).toBe(1);
    expect(mailbox.offer('E', NEWS, 1)).toBe(true);
  });

  test('only so many bytes may wait or run', async () => {
    const { mailbox, end } = office({ mailboxMessages: 100, mailboxBytes: 10 });
    expect(mailbox.offer('a', NEWS, 6)).toBe(true);
    expect(mailbox.offer('B', NEWS, 5)).toBe(false);
    expect(mailbox.offer('B', NEWS, 4)).toBe(true);
    await end('a');
    expect(mailbox.offer('C', NEWS, 11)).toBe(false);
    expect(mailbox.offer('C', NEWS, 10)).toBe(true);
  });

  test('an item counts while its handler is called, whatever lets it in', async () => {
    const { mailbox, told, during, end } = office({ mailboxMessages: 3, mailboxBytes: 1000 });
    const taken: boolean[] = [];
    during.set('x', () => {
      for (const item of ['y', 'z']) taken.push(mailbox.offer(item, CHAT, 1));
    });
    mailbox.offer('barrier', BARRIER, 1);
    mailbox.offer('x', NEWS, 1);
    mailbox.offer('Last', RPC, 1);
    await end('barrier');
    expect(taken).toEqual([true, false]);
    expect(mailbox.size).toBe(3);
    expect(told).toEqual(['barrier', 'x', 'Last', 'y']);
  });
});

describe('withdraw and abort', () => {
  test('what waits is given back in order and never handled', async () => {
    const { mailbox, told, end } = office();
    for (const item of ['a', 'B', 'C', 'D']) mailbox.offer(item, NEWS, 1);
    mailbox.offer('barrier', BARRIER, 1);
    mailbox.offer('E', NEWS, 1);
    mailbox.offer('F', CHAT, 1);
    expect(mailbox.withdraw(NEWS, (item) => item !== 'C')).toEqual(['B', 'D', 'E']);
    expect(mailbox.size).toBe(4);
    await end('a');
    await end('barrier');
    expect(told).toEqual(['a', 'C', 'barrier', 'F']);
    expect(mailbox.size).toBe(0);
  });

  test('what runs is aborted where it matches, and ends by itself', async () => {
    const { mailbox, told, runs, end } = office();
    for (const item of ['a', 'b', 'c', 'd']) mailbox.offer(item, RPC, 1);
    mailbox.offer('other', NEWS, 1);
    mailbox.abort(RPC, (item) => item === 'b' || item === 'd' || item === 'other');
    const aborted = [...runs].filter(([, run]) => run.aborted).map(([item]) => item);
    expect(aborted).toEqual(['b']);
    expect(told).not.toContain('d');
    await end('b');
    expect(runs.get('d')?.aborted).toBe(false);
  });

  test('a signal asked for late is aborted like one asked for early', () => {
    const { mailbox, runs } = office();
    mailbox.offer('early', NEWS, 1);
    mailbox.offer('late', CHAT, 1);
    const early = runs.get('early')?.signal;
    mailbox.close();
    expect(early?.aborted).toBe(true);
    expect(runs.get('late')?.signal.aborted).toBe(true);
  });

  test('a handler may abort its own item before it waits', () => {
    const { mailbox, runs, during } = office();
    during.set('a', () => mailbox.abort(NEWS, all));
    mailbox.offer('a', NEWS, 1);
    expect(runs.get('a')?.aborted).toBe(true);
    mailbox.offer('b', CHAT, 1);
    expect(runs.get('b')?.aborted).toBe(false);
  });

  test('what is offered by a listener of the signal is not aborted with it', async () => {
    const { mailbox, runs, during } = office();
    during.set('a', () => {
      runs.get('a')?.signal.addEventListener('abort', () => mailbox.offer('b', RPC, 1));
    });
    mailbox.offer('a', RPC, 1);
    mailbox.abort(RPC, all);
    expect(runs.get('a')?.aborted).toBe(true);
    expect(runs.get('b')?.aborted).toBe(false);
  });
});

describe('close', () => {
  test('drops what waits, aborts what runs, and starts nothing more', async () => {
    const { mailbox, told, runs, end } = office();
    mailbox.offer('a', NEWS, 1);
    mailbox.offer('B', NEWS, 1);
    mailbox.offer('barrier', BARRIER, 1);
    mailbox.offer('C', CHAT, 1);
    mailbox.close();
    mailbox.close();
    expect(runs.get('a')?.aborted).toBe(true);
    expect(mailbox.size).toBe(0);
    expect(mailbox.offer('D', CHAT, 5000)).toBe(true);
    await end('a');
    expect(told).toEqual(['a']);
    expect(mailbox.size).toBe(0);
    expect(mailbox.withdraw(NEWS, all)).toEqual([]);
  });

  test('from within a handler aborts that one too, before it waits', () => {
    const { mailbox, runs, during } = office();
    let aborted: boolean | undefined;
    during.set('a', () => {
      mailbox.close();
      aborted = runs.get('a')?.signal.aborted;
    });
    mailbox.offer('a', NEWS, 1);
    expect(aborted).toBe(true);
    expect(mailbox.size).toBe(0);
  });

  test.each(['Q', 'q'])('from within a handler that %s was let in starts nothing', async (item) => {
    const { mailbox, told, during, end } = office();
    during.set(item, () => mailbox.close());
    mailbox.offer('a', NEWS, 1);
    mailbox.offer(item, NEWS, 1);
    mailbox.offer('C', NEWS, 1);
    mailbox.offer('barrier', BARRIER, 1);
    mailbox.offer('D', CHAT, 1);
    await end('a');
    expect(told).toEqual(['a', item]);
    expect(mailbox.size).toBe(0);
  });

  test('from within what a barrier had held starts nothing', async () => {
    const { mailbox, told, during, end } = office();
    during.set('A', () => mailbox.close());
    mailbox.offer('barrier', BARRIER, 1);
    mailbox.offer('A', NEWS, 1);
    mailbox.offer('B', CHAT, 1);
    await end('barrier');
    expect(told).toEqual(['barrier', 'A']);
  });
});

describe('a handler that offers', () => {
  test('to its own lane waits for itself, whether it waits or not', async () => {
    const { mailbox, told, during, end } = office();
    const order: string[] = [];
    during.set('A', () => {
      mailbox.offer('b', NEWS, 1);
      order.push('A ends');
    });
    during.set('b', () => {
      order.push('b starts');
      mailbox.offer('C', NEWS, 1);
    });
    mailbox.offer('A', NEWS, 1);
    expect(order).toEqual(['A ends', 'b starts']);
    expect(told).toEqual(['A', 'b']);
    await end('b');
    expect(told).toEqual(['A', 'b', 'C']);
  });

  test('to another lane has it handled within', () => {
    const { mailbox, told, during } = office();
    during.set('A', () => {
      mailbox.offer('B', CHAT, 1);
      told.push('A ends');
    });
    mailbox.offer('A', NEWS, 1);
    expect(told).toEqual(['A', 'B', 'A ends']);
    expect(mailbox.size).toBe(0);
  });

  test('does not overtake what waits in its lane', async () => {
    const { mailbox, told, during, end } = office();
    during.set('B', () => mailbox.offer('D', NEWS, 1));
    for (const item of ['a', 'B', 'C']) mailbox.offer(item, NEWS, 1);
    await end('a');
    expect(told).toEqual(['a', 'B', 'C', 'D']);
  });

  test('does not overtake what a barrier had held', async () => {
    const { mailbox, told, during, end } = office();
    during.set('A', () => mailbox.offer('C', CHAT, 1));
    mailbox.offer('barrier', BARRIER, 1);
    mailbox.offer('A', NEWS, 1);
    mailbox.offer('B', CHAT, 1);
    await end('barrier');
    expect(told).toEqual(['barrier', 'A', 'B', 'C']);
  });

  test('a barrier is waited for, and as a barrier is waited for', async () => {
    const { mailbox, told, during, end } = office();
    during.set('A', () => {
      mailbox.offer('barrier', BARRIER, 1);
      told.push('A ends');
    });
    during.set('barrier', () => mailbox.offer('B', CHAT, 1));
    mailbox.offer('A', NEWS, 1);
    expect(told).toEqual(['A', 'A ends', 'barrier']);
    await end('barrier');
    expect(told).toEqual(['A', 'A ends', 'barrier', 'B']);
  });

  test('to its own lane again and again needs no deeper stack', () => {
    let left = 100_000;
    let refused = 0;
    const handle = (item: number): void => {
      left -= 1;
      if (left > 0 && !mailbox.offer(item, NEWS, 1)) refused += 1;
    };
    const mailbox = new Mailbox({ handle }, { mailboxMessages: 2, mailboxBytes: 2 });
    mailbox.offer(0, NEWS, 1);
    expect({ left, refused, size: mailbox.size }).toEqual({ left: 0, refused: 0, size: 0 });
  });
});

describe('the owner', () => {
  test('hears when the last that outlived its offer has ended', async () => {
    const told: string[] = [];
    const gates = new Map<string, () => void>();
    const mailbox = new Mailbox<string>(
      {
        handle(item) {
          if (item === 'at once') return undefined;
          const { promise, resolve } = Promise.withResolvers<void>();
          gates.set(item, resolve);
          return promise.then(() => void told.push(item));
        },
        rested: () => told.push('rested'),
      },
      { mailboxMessages: 8, mailboxBytes: 8 },
    );
    const end = async (item: string): Promise<void> => {
      gates.get(item)?.();
      await setImmediate();
    };
    mailbox.offer('at once', NEWS, 1);
    for (const item of ['first', 'second']) mailbox.offer(item, NEWS, 1);
    mailbox.offer('beside', CHAT, 1);
    await end('beside');
    await end('first');
    await end('second');
    mailbox.offer('at once', NEWS, 1);
    mailbox.offer('last', NEWS, 1);
    mailbox.close();
    await end('last');
    expect(told).toEqual(['beside', 'first', 'second', 'rested', 'last']);
  });
});

describe('what does not wait', () => {
  test('shares one run, unless somebody may still hold it', () => {
    const runs: Run[] = [];
    const handle = (item: string, run: Run): void => {
      runs.push(run);
      if (item === 'listens') run.signal.throwIfAborted();
    };
    const one = new Mailbox({ handle }, { mailboxMessages: 1, mailboxBytes: 1 });
    const two = new Mailbox({ handle }, { mailboxMessages: 1, mailboxBytes: 1 });
    one.offer('', NEWS, 1);
    one.offer('', CHAT, 1);
    two.offer('', NEWS, 1);
    two.offer('listens', NEWS, 1);
    two.offer('', NEWS, 1);
    two.offer('', NEWS, 1);
    expect(runs[1]).toBe(runs[0]);
    expect(runs[2]).toBe(runs[0]);
    expect(runs[4]).not.toBe(runs[3]);
    expect(runs[5]).toBe(runs[4]);
  });

  test('makes no lanes, and an idle mailbox keeps none', async () => {
    const { mailbox, during, end } = office();
    const made = vi.fn<() => void>();
    class CountedMap<K, V> extends Map<K, V> {
      constructor() {
        super();
        made();
      }
    }
    vi.stubGlobal('Map', CountedMap);
    for (let round = 0; round < 100; round += 1) mailbox.offer('A', NEWS, 1);
    expect(made).toHaveBeenCalledTimes(0);
    mailbox.offer('b', NEWS, 1);
    mailbox.offer('c', CHAT, 1);
    expect(made).toHaveBeenCalledTimes(1);
    await end('b', 'c');
    mailbox.offer('b', NEWS, 1);
    expect(made).toHaveBeenCalledTimes(2);
    await end('b');
    during.set('A', () => mailbox.offer('B', CHAT, 1));
    mailbox.offer('A', NEWS, 1);
    expect(made).toHaveBeenCalledTimes(3);
  });
});

/** Of every kind one, and most items in few lanes, so that they meet. */
const PAIR: Lane = { name: 'pair', width: 2 };
const WIDE_NEWS: Lane = { name: 'news', width: Infinity };
const meeting = [NEWS, NEWS, NEWS, WIDE_NEWS, WIDE_NEWS, CHAT, CHAT, RPC, RPC];
const lanes = fc.constantFrom(...meeting, URGENT, BARRIER, PAIR);

const { act } = fc.letrec<{ act: Act; nested: readonly Act[]; plan: Plan }>((tie) => ({
  act: fc.oneof(
    { weight: 12, arbitrary: fc.record({ do: fc.constant('offer'), plan: tie('plan') }) },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('withdraw'), lane: lanes, flag: fc.boolean() }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('abort'), lane: lanes, flag: fc.boolean() }),
    },
  ) as fc.Arbitrary<Act>,
  nested: fc.oneof(
    { weight: 3, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(tie('act'), { minLength: 1, maxLength: 3 }) },
  ),
  plan: fc.record({
    lane: lanes,
    bytes: fc.integer({ min: 0, max: 9 }),
    flag: fc.boolean(),
    waits: fc.boolean(),
    listens: fc.boolean(),
    aborted: fc.oneof({ maxDepth: 3 }, fc.constant([]), tie('nested')),
    first: fc.oneof({ maxDepth: 3 }, fc.constant([]), tie('nested')),
    late: fc.oneof({ maxDepth: 3 }, fc.constant([]), tie('nested')),
  }),
}));

/** An act of the owner, or the places among those that run of who may end. */
const step = fc.oneof(
  { weight: 3, arbitrary: act },
  { weight: 2, arbitrary: fc.array(fc.nat(20), { minLength: 1, maxLength: 4 }) },
);
const steps = fc.array(step, { minLength: 1, maxLength: 40 });
const bounds = fc.record({
  mailboxMessages: fc.integer({ min: 1, max: 14 }),
  mailboxBytes: fc.integer({ min: 5, max: 60 }),
});

async function carryOut(desk: Desk, script: readonly (Act | readonly number[])[]): Promise<void> {
  for (const each of script) {
    await ('do' in each ? desk.act(each) : desk.end(each));
    if (desk.faults.length > 0) break;
  }
  expect(desk.faults).toEqual([]);
}

/** Ends what runs, and what runs then, in an order that `pick` decides. */
async function carryThrough(desk: Desk, pick: number): Promise<void> {
  while (desk.running.length > 0) {
    await desk.end([pick]);
    expect(desk.faults).toEqual([]);
  }
}

describe('whatever comes and however long it takes', () => {
  const runs = { numRuns: 1000 };

  test('order, width, barriers, bounds, withdrawals and aborts are kept', async () => {
    await fc.assert(
      fc.asyncProperty(bounds, steps, fc.nat(20), async (limits, script, pick) => {
        const desk = new Desk(limits.mailboxMessages, limits.mailboxBytes);
        await carryOut(desk, script);
        await carryThrough(desk, pick);
        expect(desk.mailbox.size).toBe(0);
        // It is as good as new: all of its room is there, and no lane is in use.
        for (const lane of [NEWS, CHAT, RPC, URGENT, BARRIER]) {
          for (const bytes of [limits.mailboxBytes, limits.mailboxBytes + 1]) {
            const plan = {
              flag: true,
              waits: false,
              listens: false,
              aborted: [],
              first: [],
              late: [],
            };
            await carryOut(desk, [{ do: 'offer', plan: { ...plan, lane, bytes } }]);
            expect(desk.mailbox.size).toBe(0);
          }
        }
      }),
      runs,
    );
  });

  test('after close nothing starts and nothing counts, wherever close was called', async () => {
    const close: Act = { do: 'close' };
    const closing = fc
      .tuple(steps, step, fc.boolean(), steps)
      .map(([before, at, isLate, after]) => {
        if (!('do' in at) || at.do !== 'offer') return [...before, close, ...after];
        const { first, late } = at.plan;
        const plan = isLate
          ? { ...at.plan, late: [close, ...late] }
          : { ...at.plan, first: [close, ...first] };
        return [...before, { ...at, plan }, ...after];
      });
    await fc.assert(
      fc.asyncProperty(bounds, closing, fc.nat(20), async (limits, script, pick) => {
        const desk = new Desk(limits.mailboxMessages, limits.mailboxBytes);
        await carryOut(desk, script);
        await carryThrough(desk, pick);
        expect(desk.mailbox.size).toBe(0);
      }),
      runs,
    );
  });
});
