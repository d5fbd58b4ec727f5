/** A driver process: carries out what the run asks of it, one order at a time. */
import { connects } from './connects.ts';
import { Crowd, publisherOf } from './crowd.ts';
import { Exchange } from './exchange.ts';
import { Flow } from './flow.ts';
import type { Answers, FlowOrder, OpenOrder, Order } from './orders.ts';
import { storm } from './storm.ts';

const crowds: Crowd[] = [];

/** The one that is counted. */
function fast(): Crowd | null {
  return crowds.find(({ order }) => order.crowd === 'fast') ?? null;
}

function heard(): Crowd {
  const crowd = fast();
  if (crowd === null) throw new Error('open comes first');
  return crowd;
}

async function open(order: OpenOrder): Promise<Answers['open']> {
  const crowd = await Crowd.of(order);
  crowds.push(crowd);
  const began = performance.now();
  await crowd.open();
  return { seconds: (performance.now() - began) / 1000 };
}

async function flow(order: FlowOrder): Promise<Answers['flow']> {
  const crowd = heard();
  const { hears } = crowd.order;
  if (hears === null) throw new Error('nobody hears anything');
  const { tally } = crowd;
  const publishers = await Promise.all(
    Array.from({ length: order.publishers }, (_, i) =>
      publisherOf(order, { hears, tally }, { i, of: order.publishers }),
    ),
  );
  const members = crowd.clients.filter(({ mouth }) => mouth !== null);
  for (const one of crowds) if (one !== crowd) one.stopReading();
  try {
    return await new Flow(order, crowd, [...publishers, ...members]).measure(order);
  } finally {
    for (const publisher of publishers) publisher.end();
  }
}

function check(): string {
  const broken = crowds.find(({ tally }) => tally.broken > 0);
  return broken === undefined
    ? ''
    : `${broken.tally.broken} connections broke: ${broken.tally.why}`;
}

function close(): null {
  for (const crowd of crowds.splice(0)) crowd.close();
  return null;
}

function carryOut(order: Order): Promise<Answers[Order['do']]> | Answers[Order['do']] {
  switch (order.do) {
    case 'open':
      return open(order);
    case 'flow':
      return flow(order);
    case 'exchange':
      return new Exchange(order).run(fast());
    case 'connect':
      return connects(order);
    case 'storm':
      return storm(order, heard());
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
