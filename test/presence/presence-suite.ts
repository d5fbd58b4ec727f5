/**
 * What every presence promises, whatever it is made of. An implementation is opened by its factory,
 * anew for each test; all is awaited, so that it may answer at once or over a wire.
 */
import { describe, expect, test, vi } from 'vitest';
import type { ChannelName } from '../../src/channel/name.ts';
import { channelNameOf } from '../../src/channel/name.ts';
import type { ClientInfo } from '../../src/channel/publication.ts';
import { Json } from '../../src/kernel/data.ts';
import type { Presence } from '../../src/presence/presence.ts';

export interface Opened {
  readonly presence: Presence;
  /** What whoever listens to the channel is told from now on, such as `join a`. */
  readonly listen: (channel: ChannelName) => Promise<readonly string[]>;
}

/** A presence under test. Its factory sees to it that it is closed after the test. */
export type OpenPresence = () => Promise<Opened>;

function member(client: string, user = '', set: Partial<ClientInfo> = {}): ClientInfo {
  return { client, user, connInfo: null, chanInfo: null, ...set };
}

let rigs = 0;

export function presenceSuite(name: string, open: OpenPresence): void {
  async function rig(): Promise<{
    presence: Presence;
    listen: Opened['listen'];
    channel: ChannelName;
    other: ChannelName;
    who: (channel?: ChannelName) => Promise<string[]>;
  }> {
    rigs += 1;
    const { presence, listen } = await open();
    const channel = channelNameOf(`room ${rigs}`, 255);
    const other = channelNameOf(`other ${rigs}`, 255);
    const who = async (of = channel): Promise<string[]> => {
      const members = await presence.members(of, 1000);
      return members.map(({ client }) => client).toSorted();
    };
    return { presence, listen, channel, other, who };
  }

  describe(`${name}: presence`, () => {
    test('of an empty channel is empty', async () => {
      const { presence, channel, who } = await rig();
      expect(await who()).toEqual([]);
      expect(await presence.stats(channel)).toEqual({ clients: 0, users: 0 });
    });

    test('shows who came and not who left', async () => {
      const { presence, channel, who } = await rig();
      for (const client of ['a', 'b', 'c']) await presence.add(channel, member(client, client));
      await presence.remove(channel, member('b', 'b'));
      expect(await who()).toEqual(['a', 'c']);
      expect(await presence.stats(channel)).toEqual({ clients: 2, users: 2 });
    });

    test('shows a member whole', async () => {
      const { presence, channel } = await rig();
      const ann = member('c1', 'ünï', {
        connInfo: new Json('{ "n" : 12345678901234567890 }'),
        chanInfo: Uint8Array.of(0, 255, 10),
      });
      await presence.add(channel, ann);
      const [got] = await presence.members(channel, 1);
      expect(got).toMatchObject({ client: 'c1', user: 'ünï', connInfo: ann.connInfo });
      expect([...((got?.chanInfo ?? []) as Uint8Array)]).toEqual([0, 255, 10]);
    });

    test('counts a user once, however many of its clients are there', async () => {
      const { presence, channel } = await rig();
      const clients = ['1', '2', '3'].map((client) => member(client, 'ann'));
      for (const one of clients) await presence.add(channel, one);
      await presence.add(channel, member('4', 'bob'));
      // Nobody in particular is one user, too.
      await presence.add(channel, member('5'));
      await presence.add(channel, member('6'));
      expect(await presence.stats(channel)).toEqual({ clients: 6, users: 3 });
      await presence.remove(channel, clients[0]!);
      await presence.remove(channel, clients[1]!);
      expect(await presence.stats(channel)).toEqual({ clients: 4, users: 3 });
      await presence.remove(channel, clients[2]!);
      expect(await presence.stats(channel)).toEqual({ clients: 3, users: 2 });
    });

    test('counts who comes twice once, with what it said last', async () => {
      const { presence, channel } = await rig();
      await presence.add(channel, member('a', 'ann', { connInfo: Json.of('before') }));
      await presence.add(channel, member('a', 'ann', { connInfo: Json.of('after') }));
      expect(await presence.stats(channel)).toEqual({ clients: 1, users: 1 });
      const [got] = await presence.members(channel, 10);
      expect(got?.connInfo).toEqual(Json.of('after'));
      await presence.remove(channel, member('a', 'ann'));
      expect(await presence.stats(channel)).toEqual({ clients: 0, users: 0 });
    });

    test('lets go of who leaves twice, or never came', async () => {
      const { presence, channel, who } = await rig();
      await presence.add(channel, member('a', 'ann'));
      await presence.remove(channel, member('b', 'ann'));
      await presence.remove(channel, member('a', 'ann'));
      await presence.remove(channel, member('a', 'ann'));
      await presence.add(channel, member('c', 'ann'));
      expect(await who()).toEqual(['c']);
      expect(await presence.stats(channel)).toEqual({ clients: 1, users: 1 });
    });

    test('of one channel is not that of another', async () => {
      const { presence, channel, other, who } = await rig();
      await presence.add(channel, member('a', 'ann'));
      await presence.add(other, member('a', 'ann'));
      await presence.add(other, member('b', 'bob'));
      await presence.remove(channel, member('a', 'ann'));
      expect(await who(channel)).toEqual([]);
      expect(await who(other)).toEqual(['a', 'b']);
      expect(await presence.stats(other)).toEqual({ clients: 2, users: 2 });
    });

    test('is refused where it is larger than may be told, and still counted', async () => {
      const { presence, channel } = await rig();
      for (const client of ['a', 'b', 'c']) await presence.add(channel, member(client));
      expect(await presence.members(channel, 3)).toHaveLength(3);
      const members = Promise.resolve().then(() => presence.members(channel, 2));
      await expect(members).rejects.toThrow('limit exceeded');
      expect(await presence.stats(channel)).toEqual({ clients: 3, users: 1 });
    });

    test('takes comings and goings in the order they are asked for', async () => {
      const { presence, channel, who } = await rig();
      const ann = member('a', 'ann');
      await Promise.all([
        presence.add(channel, ann),
        presence.remove(channel, ann),
        presence.add(channel, ann),
        presence.add(channel, member('b', 'bob')),
        presence.remove(channel, member('b', 'bob')),
      ]);
      expect(await who()).toEqual(['a']);
      expect(await presence.stats(channel)).toEqual({ clients: 1, users: 1 });
    });

    test('tells a join when it is announced, once, and the leave of who was announced', async () => {
      const { presence, listen, channel, other } = await rig();
      const told = await listen(channel);
      const [ann, bob] = [member('a', 'ann'), member('b', 'bob')];
      await presence.add(channel, ann);
      await presence.add(channel, bob);
      await presence.announce(channel, ann);
      await presence.announce(channel, ann);
      await presence.add(channel, ann);
      await presence.announce(channel, member('c', 'who never came'));
      await presence.add(other, ann);
      await presence.announce(other, ann);
      await presence.remove(channel, bob);
      await presence.remove(channel, ann);
      await presence.remove(channel, ann);
      await presence.add(channel, ann);
      await presence.announce(channel, ann);
      await presence.remove(channel, ann);
      const all = ['join a', 'leave a', 'join a', 'leave a'];
      await vi.waitFor(() => expect(told).toHaveLength(all.length));
      expect(told).toEqual(all);
    });
  });
}
