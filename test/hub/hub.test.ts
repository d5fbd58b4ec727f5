import { describe, expect, test } from 'vitest';
import { channelNameOf } from '../../src/channel/name.ts';
import { CHANNEL, range, Reader, rig, settled } from './rig.ts';

describe('a channel comes and goes', () => {
  test('with its first subscriber and its last', async () => {
    const { hub, source, subscribe, open } = rig();
    const readers = range(1, 3).map(() => new Reader());
    for (const reader of readers) await subscribe(reader);
    expect([...hub.channels()]).toEqual([CHANNEL]);
    const feed = await open();
    for (const reader of readers) feed.leave(reader);
    expect(hub.size).toBe(1);
    feed.release();
    expect(hub.size).toBe(0);
    expect(source.calls.at(-1)).toBe('unlisten');
    expect(source.listened.size).toBe(0);
  });

  test('one who opens a feed and does not join leaves nothing behind', async () => {
    const { hub, source, open } = rig();
    const feed = await open();
    feed.release();
    expect(hub.size).toBe(0);
    expect(source.listened.size).toBe(0);
  });

  test('and comes again: it is listened to and read anew', async () => {
    const { source, open, subscribe, publish, drop, turn } = rig();
    const feed = await open();
    feed.release();
    drop(1);
    const reader = new Reader();
    await subscribe(reader);
    expect(source.calls).toEqual(['listen', 'read top', 'unlisten', 'listen', 'read top']);
    publish(2);
    turn();
    expect(reader.joined?.position?.offset).toBe(1);
    expect(reader.seen).toEqual([2]);
  });

  test('one who leaves while another opens does not take the feed away', async () => {
    const { hub, source, subscribe, open, publish, turn } = rig();
    const first = new Reader();
    await subscribe(first);
    const feed = await open();
    source.sync = false;
    const second = new Reader();
    const back = { since: { offset: 0, epoch: 'e1' }, mode: 'stream', publicationsMax: 9 } as const;
    const joining = feed.join(second, back, () => {});
    feed.leave(first);
    publish(1);
    await source.next.answer();
    await joining;
    feed.release();
    publish(2);
    turn();
    expect(hub.size).toBe(1);
    expect(second.seen).toEqual([2]);
  });

  test('to leave twice, or without having joined, does nothing', async () => {
    const { hub, open, subscribe } = rig();
    const reader = new Reader();
    await subscribe(reader);
    const feed = await open();
    feed.leave(new Reader());
    feed.leave(reader);
    feed.leave(reader);
    expect(hub.size).toBe(1);
    feed.release();
    expect(hub.size).toBe(0);
  });

  test('channels do not hear each other', async () => {
    const { hub, subscribe, source } = rig();
    const reader = new Reader();
    await subscribe(reader);
    hub.receive(channelNameOf('other', 255), source.stream.publish(1), 'e1');
    hub.notify('join', channelNameOf('other', 255), {
      client: 'c',
      user: '',
      connInfo: null,
      chanInfo: null,
    });
    expect(reader.seen).toEqual([]);
    expect(hub.subscribersOf(channelNameOf('other', 255))).toBe(0);
  });
});

describe('what fails leaves nothing behind', () => {
  const fault = new Error('no');

  test.each(['listen', 'read'] as const)('a %s that throws at once', async (which) => {
    const { hub, source, open, subscribe, publish, turn } = rig();
    if (which === 'listen') {
      source.fault = fault;
    } else {
      const listen = source.listen.bind(source);
      source.listen = (channel) => {
        const listening = listen(channel);
        source.fault = fault;
        source.listen = listen;
        return listening;
      };
    }
    await expect(open()).rejects.toBe(fault);
    expect(hub.size).toBe(0);
    expect(source.listened.size).toBe(0);
    // Had the feed stayed, it would know no place and drop everything in silence.
    const reader = new Reader();
    await subscribe(reader);
    publish(1);
    turn();
    expect(reader.seen).toEqual([1]);
  });

  test.each(['listen', 'read'] as const)(
    'a %s that fails later, for all who waited',
    async (which) => {
      const { hub, source, open, subscribe, publish, turn } = rig();
      source.sync = false;
      const opened = range(1, 3).map(() => open());
      const outcomes = Promise.allSettled(opened);
      if (which === 'read') await source.next.answer();
      await source.next.fail(fault);
      for (const outcome of await outcomes)
        expect(outcome).toEqual({ status: 'rejected', reason: fault });
      expect(hub.size).toBe(0);
      expect(source.listened.size).toBe(0);
      source.sync = true;
      const reader = new Reader();
      await subscribe(reader);
      publish(1);
      turn();
      expect(reader.seen).toEqual([1]);
    },
  );

  test('whoever opens right after a failure starts anew', async () => {
    const { hub, source, open } = rig();
    source.sync = false;
    const first = open().catch(() => open());
    await source.next.fail(fault);
    source.sync = true;
    await source.next.answer();
    await settled();
    await first;
    expect(hub.size).toBe(1);
    expect(source.listened.size).toBe(1);
  });
});
