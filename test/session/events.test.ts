/** What a session tells of itself, and what it does not. */
import { expect, test } from 'vitest';
import type { Events, Who } from '../../src/events/events.ts';
import type { Given, Rig } from './rig.ts';
import { Gate, gateway, heldBack, OPEN, settle, token } from './rig.ts';

/** Keeps what it is told, in words. */
class Kept implements Events {
  readonly told: string[] = [];
  readonly #names = new Map<string, string>();

  connected(who: Who): void {
    this.told.push(`${this.#name(who)} connected`);
  }

  disconnected(who: Who, { code, reason }: { code: number; reason: string }): void {
    this.told.push(`${this.#name(who)} disconnected ${code} ${reason}`.trim());
  }

  subscribed(who: Who, channel: string): void {
    this.told.push(`${this.#name(who)} subscribed ${channel}`);
  }

  unsubscribed(who: Who, channel: string, { code }: { code: number }): void {
    this.told.push(`${this.#name(who)} unsubscribed ${channel} ${code}`);
  }

  #name({ client, user }: Who): string {
    const name = this.#names.get(client) ?? (user === '' ? `nobody${this.#names.size}` : user);
    this.#names.set(client, name);
    return name;
  }
}

function rig(given: Given = {}): Rig & { readonly told: string[] } {
  const events = new Kept();
  const { around = (same) => same } = given;
  const one = gateway({ ...given, around: (services) => around({ ...services, events }) });
  return Object.assign(one, { told: events.told });
}

test('a life from its beginning to its end', async () => {
  const { connected, told } = rig();
  const peer = await connected({ token: await token({ sub: 'ann' }) });
  await peer.subscribe('room');
  await peer.subscribe('news');
  await peer.ask({ unsubscribe: { channel: 'room' } });
  peer.cut(1001);
  peer.cut(1001);
  expect(told).toEqual([
    'ann connected',
    'ann subscribed room',
    'ann subscribed news',
    'ann unsubscribed room 0',
    'ann unsubscribed news 1',
    'ann disconnected 1001',
  ]);
});

test('who never connected is not spoken of', async () => {
  const { open, told } = rig({ anonymous: false });
  open().cut();
  expect(await open().connect()).toMatchObject({ error: { code: 101 } });
  const peer = open();
  peer.raw('no JSON');
  await settle();
  expect(peer.closedWith).toBe(3501);
  expect(told).toEqual([]);
});

test('what the server subscribes comes after the connection, and its failure ends both', async () => {
  const hooks = { connect: () => ({ user: 'ann', channels: ['own', 'nowhere:x'] }) };
  const { open, told } = rig({ hooks });
  await open().connect();
  await settle();
  expect(told[0]).toBe('ann connected');
  expect(told.at(-1)).toMatch(/^ann disconnected 3501/);
  expect(told.filter((words) => words.includes('subscribed own'))).toHaveLength(
    2 * told.filter((words) => words === 'ann subscribed own').length,
  );
});

test('a subscription that is refused or taken back was none', async () => {
  const gate = new Gate();
  const { connected, told } = rig({
    namespaces: {
      default: OPEN,
      shut: { subscribe: 'nobody' },
      small: { ...OPEN, maxSubscribers: 1 },
    },
    around: heldBack(gate),
  });
  const first = await connected();
  const subscribing = first.subscribe('small:1');
  await settle();
  gate.open();
  await subscribing;
  const peer = await connected();
  told.length = 0;
  await peer.subscribe('shut:1');
  await peer.subscribe('small:1');
  const id = peer.send({ subscribe: { channel: 'held' } });
  await settle();
  await peer.ask({ unsubscribe: { channel: 'held' } });
  gate.open();
  await settle();
  expect(peer.replyTo(id)).toMatchObject({ error: { code: 108 } });
  peer.send({ subscribe: { channel: 'late' } });
  await settle();
  peer.cut();
  gate.open();
  await settle();
  expect(told).toEqual(['nobody1 disconnected 1006']);
});

test('what the server ends has its code, and so has what expires', async () => {
  const { connected, told, clock, operations } = rig({ pings: false });
  const peer = await connected({ token: await token({ sub: 'ann' }) });
  await peer.subscribe('room');
  await operations.unsubscribe('ann', 'room');
  const expiring = await token({ sub: 'ann', channel: '$private', exp: clock.now() / 1000 + 10 });
  await peer.subscribe('$private', { token: expiring });
  clock.advance(60_000);
  await operations.disconnect('ann', { code: 4000, reason: 'enough' });
  expect(told).toEqual([
    'ann connected',
    'ann subscribed room',
    'ann unsubscribed room 2000',
    'ann subscribed $private',
    'ann unsubscribed $private 2501',
    'ann disconnected 4000 enough',
  ]);
});

test('a connection that ends while it is closed ends once', async () => {
  const { connected, told, operations } = rig();
  const peer = await connected({ token: await token({ sub: 'ann' }) });
  await peer.subscribe('room');
  // The socket refuses the last words, and so closes the session from within.
  peer.transport.dead = true;
  await operations.publish('room', 'words');
  await operations.disconnect('ann');
  await settle();
  expect(told.filter((words) => words.includes('disconnected'))).toHaveLength(1);
  expect(told.at(-1)).toMatch(/^ann disconnected /);
});
