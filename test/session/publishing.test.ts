/** Publications whose broker takes its time: what waits for what. */
import { expect, test } from 'vitest';
import type { Broker } from '../../src/broker/broker.ts';
import { Json } from '../../src/kernel/data.ts';
import type { Given, Rig } from './rig.ts';
import { gateway, KEPT, settle } from './rig.ts';

/** Answers when it is told to, and keeps what it was asked in the order it was. */
function late(given: Given = {}): Rig & { asked: unknown[]; answer: () => Promise<void> } {
  const asked: unknown[] = [];
  const waiting: (() => void)[] = [];
  const slow = (broker: Broker): Broker => ({
    listen: (channel) => broker.listen(channel),
    unlisten: (channel) => broker.unlisten(channel),
    notify: (type, channel, info) => broker.notify(type, channel, info),
    read: (channel, query, rules) => broker.read(channel, query, rules),
    removeHistory: (channel) => broker.removeHistory(channel),
    close: () => broker.close(),
    history(channel, query, rules) {
      asked.push('history');
      return broker.history(channel, query, rules);
    },
    async publish(channel, draft, options) {
      asked.push(draft.data instanceof Json ? draft.data.value() : null);
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
      });
      return broker.publish(channel, draft, options);
    },
  });
  const rig = gateway({
    ...given,
    around: (services) => ({ ...services, broker: slow(services.broker) }),
  });
  const answer = async (): Promise<void> => {
    for (const resolve of waiting.splice(0)) resolve();
    await settle();
  };
  return { ...rig, asked, answer };
}

test('a publication does not wait for the answer to the one before it', async () => {
  const rig = late();
  const peer = await rig.connected();
  await peer.subscribe();
  const first = peer.send(...[1, 2, 3].map((data) => ({ publish: { channel: 'room', data } })));
  expect(rig.asked).toEqual([1, 2, 3]);
  expect(peer.replyTo(first)).toBeUndefined();
  await rig.answer();
  for (const id of [first, first + 1, first + 2]) {
    expect(peer.replyTo(id)).toEqual({ id, publish: {} });
  }
  expect(peer.heard()).toEqual([1, 2, 3]);
});

test('whatever else is asked of the channel waits for the publications before it', async () => {
  const rig = late();
  const peer = await rig.connected();
  const first = peer.send(
    { publish: { channel: 'room', data: 1 } },
    { publish: { channel: 'room', data: 2 } },
    { history: { channel: 'room', limit: 10 } },
    { publish: { channel: 'room', data: 3 } },
  );
  expect(rig.asked).toEqual([1, 2]);
  await rig.answer();
  expect(rig.asked).toEqual([1, 2, 'history', 3]);
  const { publications } = peer.replyTo(first + 2)?.['history'] ?? {};
  expect((publications as { data: unknown }[]).map(({ data }) => data)).toEqual([1, 2]);
});

test('where the application is asked, one is published after the other', async () => {
  const asks: ((answer: object) => void)[] = [];
  const hook = (): Promise<object> => {
    const { promise, resolve } = Promise.withResolvers<object>();
    asks.push(resolve);
    return promise;
  };
  const rig = gateway({
    namespaces: { default: { ...KEPT, hooks: { publish: true } } },
    hooks: { publish: hook },
  });
  const peer = await rig.connected();
  await peer.subscribe();
  peer.send(...[1, 2].map((data) => ({ publish: { channel: 'room', data } })));
  await settle();
  expect(asks).toHaveLength(1);
  asks[0]?.({});
  await settle();
  expect(asks).toHaveLength(2);
  asks[1]?.({});
  await settle();
  expect(peer.heard()).toEqual([1, 2]);
});

test('what waits for the broker counts against the bounds of the connection', async () => {
  const rig = late({ limits: { mailboxMessages: 3 } });
  const peer = await rig.connected();
  const commands = [1, 2, 3, 4].map((data) => ({ publish: { channel: 'room', data } }));
  peer.send(...commands);
  expect(rig.asked).toEqual([1, 2, 3]);
  expect(peer.closedWith).toBe(3013);
});
