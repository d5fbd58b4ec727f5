/** A publisher that is not sure says it again, with the same key: it is in the history once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Running } from '../support/gateway.ts';
import { api } from '../support/http.ts';
import { RedisServer } from '../support/redis.ts';
import { gatewayOn } from './gateways.ts';

const PUBLISHERS = 8;
const CHANNELS = ['red', 'blue'];
const RULES = { default: { history: { size: 100_000, ttl: '1h' } } };

interface Acknowledged {
  readonly channel: string;
  readonly data: string;
  readonly offset: number;
}

/** Until it is over; each is said until it is acknowledged. Returns how often one was said again. */
async function publishAll(
  gateways: readonly Running[],
  who: number,
  { isOver, acknowledged }: { isOver: () => boolean; acknowledged: Acknowledged[] },
): Promise<number> {
  let retries = 0;
  for (let n = 0; !isOver(); n += 1) {
    const channel = CHANNELS[n % CHANNELS.length]!;
    const data = `${who} ${n}`;
    const body = { channel, data, idempotency_key: data };
    for (let attempt = 0; ; attempt += 1) {
      // The next attempt goes to another gateway.
      const { http } = gateways[(who + attempt) % gateways.length]!;
      const { status, answer } = await api(http, 'publish', body);
      if (status === 200) {
        const { offset } = answer['result'] as { readonly offset: number };
        acknowledged.push({ channel, data, offset });
        break;
      }
      expect(status).toBe(503);
      retries += 1;
      await sleep(5);
    }
  }
  return retries;
}

/** The data of a channel, each at its offset. */
async function historyOf(gateway: Running, channel: string): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const since = { offset: all.length, epoch: '' };
    const { answer } = await api(gateway.http, 'history', { channel, limit: 300, since });
    const { publications } = answer['result'] as {
      readonly publications: readonly { readonly offset: number; readonly data: string }[];
    };
    if (publications.length === 0) return all;
    for (const { offset, data } of publications) {
      expect(offset).toBe(all.length + 1);
      all.push(data);
    }
  }
}

test('what is said again while connections are killed is kept once', async () => {
  const redis = await RedisServer.start();
  const options = { namespaces: RULES };
  const gateways = await Promise.all([1, 2].map(() => gatewayOn(redis.url, options)));
  const acknowledged: Acknowledged[] = [];
  let isOver = false;
  const publishing = Array.from({ length: PUBLISHERS }, (_, who) =>
    publishAll(gateways, who, { isOver: () => isOver, acknowledged }),
  );
  for (let round = 0; round < 12; round += 1) {
    await sleep(100);
    await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
  }
  // It is asked, and answers when nobody waits any more.
  redis.pause();
  await sleep(1200);
  redis.resume();
  await sleep(300);
  isOver = true;
  const retries = await Promise.all(publishing);
  expect(Math.min(...retries)).toBeGreaterThan(0);
  expect(acknowledged.length).toBeGreaterThan(100);
  for (const channel of CHANNELS) {
    const kept = await historyOf(gateways[0]!, channel);
    const said = acknowledged.filter((one) => one.channel === channel);
    expect(kept.toSorted()).toEqual(said.map(({ data }) => data).toSorted());
    for (const { data, offset } of said) expect(kept[offset - 1]).toBe(data);
  }
});
