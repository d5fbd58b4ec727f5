/**
 * What every quota promises, whatever it is made of. An implementation is opened by its factory, anew
 * for each test, with two places for each user.
 */
import { describe, expect, test, vi } from 'vitest';
import type { Admission, Quota } from '../../src/quota/quota.ts';

export type OpenQuota = () => Promise<Quota>;

const SOON = { timeout: 10_000, interval: 5 };

let rigs = 0;

export function quotaSuite(name: string, open: OpenQuota): void {
  /** A user that no other test knows. */
  async function rig(): Promise<{ quota: Quota; user: string }> {
    rigs += 1;
    return { quota: await open(), user: `ann ${rigs}` };
  }

  async function take(quota: Quota, user: string, ...clients: string[]): Promise<Admission[]> {
    const admissions: Admission[] = [];
    for (const client of clients) admissions.push(await quota.take(user, client));
    return admissions;
  }

  describe(`${name}: a quota`, () => {
    test('has so many places for a user and no more', async () => {
      const { quota, user } = await rig();
      expect(await take(quota, user, '1', '2', '3', '4')).toEqual([
        'taken',
        'taken',
        'full',
        'full',
      ]);
    });

    test('has them for each user', async () => {
      const { quota, user } = await rig();
      await take(quota, user, '1', '2');
      expect(await take(quota, `${user}, too`, '3', '4', '5')).toEqual(['taken', 'taken', 'full']);
    });

    test('gives each connection one place, however often it asks', async () => {
      const { quota, user } = await rig();
      expect(await take(quota, user, '1', '1', '1', '2', '2', '3', '1')).toEqual([
        'taken',
        'taken',
        'taken',
        'taken',
        'taken',
        'full',
        'taken',
      ]);
    });

    test('has a place again when one was given back, and only then', async () => {
      const { quota, user } = await rig();
      await take(quota, user, '1', '2');
      quota.release(user, '3');
      quota.release(`${user}, too`, '1');
      expect(await take(quota, user, '3')).toEqual(['full']);
      quota.release(user, '1');
      quota.release(user, '1');
      expect(await take(quota, user, '3', '4')).toEqual(['taken', 'full']);
    });

    test('gives its places to no more than there are, of many who ask at once', async () => {
      const { quota, user } = await rig();
      const clients = Array.from({ length: 20 }, (_, index) => `${index}`);
      const admissions = await Promise.all(clients.map(async (client) => quota.take(user, client)));
      expect(admissions.filter((admission) => admission === 'taken')).toHaveLength(2);
      for (const client of clients) quota.release(user, client);
      await vi.waitFor(async () => expect(await quota.take(user, 'new')).toBe('taken'), SOON);
    });

    test('takes any name of a user', async () => {
      const { quota, user } = await rig();
      for (const odd of ['a:b', '{a}', 'a\0b', 'ä', ' ', 'x'.repeat(1000), '%z', '\n']) {
        expect(await take(quota, odd + user, '1', '2', '3')).toEqual(['taken', 'taken', 'full']);
        quota.release(odd + user, '2');
        expect(await take(quota, odd + user, '3')).toEqual(['taken']);
      }
    });
  });
}
