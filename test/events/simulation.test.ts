/** Connections come and go in any order, and the backend reads when it likes: its view is true. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { batchOf } from '../../src/events/event.ts';
import { MemoryJournal } from '../../src/events/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { Crowd, readAll } from './crowd.ts';
import { View } from './view.ts';

const CHANNELS = ['red', 'green', 'blue'];

interface Living {
  readonly act: 'connect' | 'disconnect' | 'subscribe' | 'unsubscribe';
  readonly who: number;
  readonly where?: number;
}

type Act =
  | Living
  /** The backend takes some; or takes them, and nobody hears that it did. */
  | { readonly act: 'read' | 'hear'; readonly eventsMax: number }
  | { readonly act: 'wait'; readonly ms: number };

const who = fc.nat(9);
const ACT: fc.Arbitrary<Act> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ act: fc.constantFrom('connect', 'disconnect'), who }) },
  {
    weight: 8,
    arbitrary: fc.record({
      act: fc.constantFrom('subscribe', 'unsubscribe'),
      who,
      where: fc.nat(CHANNELS.length - 1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constantFrom('read', 'hear'),
      eventsMax: fc.integer({ min: 1, max: 12 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('wait'), ms: fc.nat(1500) }) },
);

class World {
  readonly clock = new ManualClock();
  readonly view = new View();
  readonly crowd: Crowd<MemoryJournal>;

  constructor(eventsMax: number, vacateDelayMs: number) {
    const { clock } = this;
    const options = { clock, eventsMax, vacateDelayMs };
    this.crowd = new Crowd((seams) => new MemoryJournal(seams), options);
  }

  act(act: Act): void {
    if ('who' in act) this.#live(act);
    else if (act.act === 'wait') this.clock.advance(act.ms);
    else this.#read(act.eventsMax, act.act);
  }

  #live(act: Living): void {
    const { crowd } = this;
    const client = `c${act.who}`;
    const isThere = crowd.clients.includes(client);
    if (act.act === 'connect') {
      if (!isThere) crowd.connect(client, `u${act.who % 4}`);
    } else if (isThere) {
      const channel = CHANNELS[act.where ?? 0]!;
      crowd[act.act](client, channel);
    }
  }

  #read(eventsMax: number, how: 'read' | 'hear'): void {
    const { journal } = this.crowd;
    const page = journal.take(eventsMax);
    if ('restMs' in page) return;
    const batch = batchOf(page.batch);
    // What is not heard of as delivered is told again, and the number of those dropped, too.
    this.view.take(how === 'hear' ? { ...batch, dropped: 0 } : batch);
    if (how === 'read') journal.done(page, 'delivered');
  }
}

test.each([
  ['a large', 10_000],
  ['a small', 15],
  ['a tiny', 2],
])('with %s bound, what the backend knows in the end is what is', async (_, eventsMax) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(ACT, { minLength: 20, maxLength: 200 }),
      fc.constantFrom(0, 500),
      async (acts, vacateDelayMs) => {
        const world = new World(eventsMax, vacateDelayMs);
        const { crowd, view, clock } = world;
        for (const act of acts) {
          world.act(act);
          // Of what happened at once a little more may wait than was allowed.
          expect(crowd.journal.size).toBeLessThanOrEqual(
            Math.max(eventsMax, 2 + eventsMax / 2 + 7) + 3,
          );
        }
        await readAll(crowd.journal, view);
        clock.advance(500);
        await readAll(crowd.journal, view);
        expect(view.faults).toEqual([]);
        expect(view.state).toEqual(crowd.state);
        expect([...view.occupied].toSorted()).toEqual(
          [...new Set(Object.values(crowd.state).flat())].toSorted(),
        );
        const lost = crowd.dropped.get('backlog') ?? 0;
        expect(view.dropped).toBe(lost);
        expect(view.resets > 1).toBe(lost > 0);
      },
    ),
    { numRuns: 300 },
  );
});
