/** A driver process: carries out what the run asks of it, one order at a time. */
import { signToken } from '../../src/auth/sign.ts';
import { Flow } from './flow.ts';
import { DIALECTS } from './dialect.ts';
import type { Answers, OpenOrder, Order } from './orders.ts';
import { Publisher } from './publisher.ts';
import { Subscriber } from './subscriber.ts';
import { Tally } from './tally.ts';

/** One subscriber in so many is looked into message by message. */
const SAMPLE_EVERY = 50;

const tally = new Tally();
const subscribers: Subscriber[] = [];
let opened: OpenOrder | null = null;

async function open(order: OpenOrder): Promise<Answers['open']> {
  opened = order;
  const tokens = await Promise.all(
    Array.from({ length: order.connections }, (_, i) =>
      token(order, `user-${order.firstIndex + i}`),
    ),
  );
  const began = performance.now();
  let next = 0;
  const openSome = async (): Promise<void> => {
    while (next < tokens.length) {
      const i = next;
      next += 1;
      const subscriber = subscriberOf(order, i, tokens[i] ?? '');
      subscribers.push(subscriber);
      await subscriber.ready;
    }
  };
  await Promise.all(Array.from({ length: order.atOnce }, openSome));
  return { seconds: (performance.now() - began) / 1000 };
}

function subscriberOf(order: OpenOrder, i: number, bearer: string): Subscriber {
  const index = order.firstIndex + i;
  const place = { dialect: DIALECTS[order.dialect], port: order.port, index };
  const channel = order.hears === 'all' ? order.channel : `${order.channel}-${index}`;
  return new Subscriber(place, {
    token: bearer,
    channel,
    tally,
    sampled: i % SAMPLE_EVERY === 0,
  });
}

function token({ secret, dialect }: OpenOrder, sub: string): Promise<string> {
  if (dialect !== 'sluice') return Promise.resolve('');
  return signToken({ sub }, { secret });
}

async function flow(order: Extract<Order, { do: 'flow' }>): Promise<Answers['flow']> {
  if (opened === null) throw new Error('open comes first');
  const { dialect, port, channel } = opened;
  const place = { dialect: DIALECTS[dialect], port, index: 0 };
  const bearer = await token(opened, 'publisher');
  const publisher = new Publisher(place, {
    token: bearer,
    channel,
    payloadBytes: order.payloadBytes,
  });
  await publisher.ready;
  try {
    return await new Flow(order, { publisher, subscribers, tally }).run();
  } finally {
    publisher.end();
  }
}

function check(): string {
  return tally.broken === 0 ? '' : `${tally.broken} connections broke: ${tally.why}`;
}

function close(): null {
  for (const subscriber of subscribers) subscriber.end();
  return null;
}

function carryOut(order: Order): Promise<Answers[Order['do']]> | Answers[Order['do']] {
  switch (order.do) {
    case 'open':
      return open(order);
    case 'flow':
      return flow(order);
    case 'check':
      return check();
    case 'close':
      return close();
  }
}

process.on('message', (order: Order) => {
  void (async () => {
    try {
      process.send?.({ answer: await carryOut(order) });
    } catch (error) {
      process.send?.({
        problem: error instanceof Error ? (error.stack ?? error.message) : String(error),
      });
    }
  })();
});
// Whoever started us is gone.
process.on('disconnect', () => process.exit());
