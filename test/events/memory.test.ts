/** The journal in process keeps what every journal promises. */
import { expect, test } from 'vitest';
import { MemoryJournal } from '../../src/events/memory.ts';
import { ManualClock } from '../support/clock.ts';
import { Crowd, readAll } from './crowd.ts';
import { journalSuite } from './journal-suite.ts';

journalSuite('in memory', (options) =>
  Promise.resolve(new Crowd((seams) => new MemoryJournal(seams), options)),
);

test('in memory the ids of another process begin after those of the one before', async () => {
  const clock = new ManualClock();
  const open = (): Crowd => new Crowd((seams) => new MemoryJournal(seams), { clock });
  const before = open();
  for (let n = 0; n < 500; n += 1) before.connect(`c${n}`);
  const view = await readAll(before.journal);
  clock.advance(1);
  const after = open();
  after.connect('a');
  await readAll(after.journal, view);
  expect(view.doubles).toBe(0);
  expect(view.state).toEqual({ a: [] });
});
