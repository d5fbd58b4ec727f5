import * as fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Deferred } from '../../src/kernel/turn.ts';
import { Turn } from '../../src/kernel/turn.ts';

let scheduled: (() => void)[];
let told: string[];
let turn: Turn;

beforeEach(() => {
  scheduled = [];
  told = [];
  turn = new Turn((run) => scheduled.push(run));
});

/** Lets what was scheduled so far run, as the event loop does. */
function nextTurn(): void {
  for (const run of scheduled.splice(0)) run();
}

function deferred(name: string, then: () => void = () => {}): Deferred {
  return {
    endTurn: () => {
      told.push(name);
      then();
    },
  };
}

describe('a turn', () => {
  test('ends once, with all that was put off in it, in order', () => {
    turn.gather(deferred('a'));
    turn.gather(deferred('b'));
    expect(told).toEqual([]);
    expect(scheduled).toHaveLength(1);
    nextTurn();
    expect(told).toEqual(['a', 'b']);
    expect(scheduled).toHaveLength(0);
  });

  test('joins the channels before it sends to the connections', () => {
    turn.send(deferred('connection'));
    turn.gather(deferred('channel'));
    nextTurn();
    expect(told).toEqual(['channel', 'connection']);
  });

  test('sends what the channels wrote in the same turn, and needs no other', () => {
    turn.gather(deferred('channel', () => turn.send(deferred('connection'))));
    nextTurn();
    expect(told).toEqual(['channel', 'connection']);
    expect(scheduled).toHaveLength(0);
  });

  test.each(['gather', 'send'] as const)('leaves a %s of the second wave to the next', (wave) => {
    turn.send(deferred('connection', () => turn[wave](deferred('late'))));
    nextTurn();
    expect(told).toEqual(['connection']);
    expect(scheduled).toHaveLength(1);
    nextTurn();
    expect(told).toEqual(['connection', 'late']);
  });

  test('leaves a channel that is put off by another to the next', () => {
    turn.gather(deferred('channel', () => turn.gather(deferred('late'))));
    turn.gather(deferred('other'));
    turn.send(deferred('connection'));
    nextTurn();
    expect(told).toEqual(['channel', 'other', 'connection']);
    expect(scheduled).toHaveLength(1);
    nextTurn();
    expect(told.at(-1)).toBe('late');
  });

  test('runs each as often as it was put off', () => {
    const twice = deferred('twice');
    turn.gather(twice);
    turn.gather(twice);
    nextTurn();
    expect(told).toEqual(['twice', 'twice']);
  });

  test('may be ended early; what comes then is for the next', () => {
    turn.gather(deferred('a'));
    turn.flush();
    expect(told).toEqual(['a']);
    turn.gather(deferred('b'));
    expect(told).toEqual(['a']);
    nextTurn();
    expect(told).toEqual(['a', 'b']);
  });

  test('may be ended from within itself', () => {
    turn.gather(
      deferred('a', () => {
        turn.gather(deferred('c'));
        turn.flush();
      }),
    );
    turn.gather(deferred('b', () => turn.send(deferred('connection'))));
    nextTurn();
    nextTurn();
    expect(told).toEqual(['a', 'c', 'b', 'connection']);
  });
});

describe('whoever throws', () => {
  const fail = (): void => {
    throw new Error('mine');
  };

  test('costs nobody the turn, and is heard of', () => {
    turn.gather(deferred('bad channel', fail));
    turn.gather(deferred('channel'));
    turn.send(deferred('bad connection', fail));
    turn.send(deferred('connection'));
    expect(nextTurn).toThrow(AggregateError);
    expect(told).toEqual(['bad channel', 'channel', 'bad connection', 'connection']);
  });

  test('does not stop the turns after it', () => {
    turn.gather(deferred('bad', fail));
    turn.send(deferred('again', () => turn.send(deferred('late'))));
    expect(nextTurn).toThrow(AggregateError);
    nextTurn();
    turn.gather(deferred('new'));
    nextTurn();
    expect(told).toEqual(['bad', 'again', 'late', 'new']);
  });
});

describe('whatever is put off by whom', () => {
  interface Work {
    readonly wave: 'gather' | 'send';
    readonly throws: boolean;
    readonly puts: readonly Work[];
  }
  const { work } = fc.letrec<{ work: Work }>((tie) => ({
    work: fc.record({
      wave: fc.constantFrom('gather' as const, 'send' as const),
      throws: fc.boolean(),
      puts: fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(tie('work'), { maxLength: 3 })),
    }),
  }));

  test('each runs once, in its own turn or the next, and a turn is never without an end', () => {
    fc.assert(
      fc.property(fc.array(work, { maxLength: 6 }), (works) => {
        const waiting: (() => void)[] = [];
        const turns = new Turn((run) => waiting.push(run));
        let now = 0;
        let wave: 'gather' | 'send' | null = null;
        let left = 0;
        const faults: string[] = [];
        const putOff = (item: Work): void => {
          left += 1;
          const isForThis = wave === 'gather' && item.wave === 'send';
          const due = wave === null || isForThis ? now : now + 1;
          turns[item.wave]({
            endTurn: () => {
              left -= 1;
              if (now !== due) faults.push(`${item.wave} of turn ${due} in turn ${now}`);
              if (wave === 'send' && item.wave === 'gather') faults.push('a wave too late');
              wave = item.wave;
              for (const each of item.puts) putOff(each);
              if (item.throws) throw new Error('mine');
            },
          });
          if (waiting.length === 0 && wave !== 'gather') faults.push('nothing is scheduled');
          if (waiting.length > 1) faults.push('scheduled twice');
        };
        for (const item of works) putOff(item);
        while (waiting.length > 0) {
          const run = waiting.shift();
          try {
            run?.();
          } catch (error) {
            if (!(error instanceof AggregateError)) throw error;
          }
          now += 1;
          wave = null;
        }
        expect({ left, faults }).toEqual({ left: 0, faults: [] });
      }),
      { numRuns: 1000 },
    );
  });
});
