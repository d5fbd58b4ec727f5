import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import type { ByChannel } from '../../src/session/by-channel.ts';
import { all, find, including, sizeOf, without } from '../../src/session/by-channel.ts';

interface Item {
  readonly channel: ChannelName;
}

const NAMES = ['a', 'b', 'c'].map((text) => channelNameOf(text, 255));

test('some are what a map of them would be', () => {
  const step = fc.record({
    does: fc.constantFrom('include', 'include', 'take out'),
    channel: fc.constantFrom(...NAMES),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      let some: ByChannel<Item> = null;
      const map = new Map<ChannelName, Item>();
      for (const { does, channel } of steps) {
        if (does === 'take out') {
          some = without(some, channel);
          map.delete(channel);
        } else {
          const item = { channel };
          some = including<Item>(some, item);
          map.set(channel, item);
        }
        expect(sizeOf(some)).toBe(map.size);
        expect([...all(some)]).toEqual([...map.values()]);
        for (const name of NAMES) expect(find(some, name)).toBe(map.get(name) ?? null);
      }
    }),
  );
});

test('all of them may be taken out one by one, as they come', () => {
  for (const names of [[], NAMES.slice(1), NAMES]) {
    let some: ByChannel<Item> = null;
    for (const channel of names) some = including<Item>(some, { channel });
    const seen = [];
    for (const { channel } of all(some)) {
      seen.push(channel);
      some = without(some, channel);
    }
    expect(seen).toEqual(names);
    expect(sizeOf(some)).toBe(0);
  }
});
