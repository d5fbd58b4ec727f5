import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import type { Few } from '../../src/session/few.ts';
import { all, find, including, sizeOf, without } from '../../src/session/few.ts';

interface Item {
  readonly channel: ChannelName;
}

const NAMES = ['a', 'b', 'c'].map((text) => channelNameOf(text, 255));

test('a few are what a map of them would be', () => {
  const step = fc.record({
    does: fc.constantFrom('include', 'include', 'take out'),
    channel: fc.constantFrom(...NAMES),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let few: Few<Item> = null;
      const map = new Map<ChannelName, Item>();
      for (const { does, channel } of steps) {
        if (does === 'take out') {
          few = without(few, channel);
          map.delete(channel);
        } else {
          const item = { channel };
          few = including<Item>(few, item);
          map.set(channel, item);
        }
        expect(sizeOf(few)).toBe(map.size);
        expect([...all(few)]).toEqual([...map.values()]);
        for (const name of NAMES) expect(find(few, name)).toBe(map.get(name) ?? null);
      }
    }),
  );
});

test('all of them may be taken out one by one, as they come', () => {
  for (const names of [[], NAMES.slice(1), NAMES]) {
    let few: Few<Item> = null;
    for (const channel of names) few = including<Item>(few, { channel });
    const seen = [];
    for (const { channel } of all(few)) {
      seen.push(channel);
      few = without(few, channel);
    }
    expect(seen).toEqual(names);
    expect(sizeOf(few)).toBe(0);
  }
});
