/** One in ten stops reading: what the others notice of it. */
import type { Measure, Scenario } from '../harness/scenario.ts';
import type { Stage } from '../harness/stage.ts';
import type { Load } from './load.ts';
import { flow, measureOf, ONE_ROOM, rateOf, sceneOf } from './load.ts';

/** The same readers, without the slow ones and with them. */
async function measure(stage: Stage, load: Load): Promise<Measure> {
  const at = async (slow: number): Promise<Omit<Measure, 'main'> & { rate: number }> => {
    const one = { ...load, slow };
    const scene = await sceneOf(stage, one);
    const flowed = await flow(stage, scene, one);
    const measured = { ...measureOf(flowed, scene, one), rate: rateOf(flowed) };
    await stage.clear();
    return measured;
  };
  const alone = await at(0);
  const among = await at(load.slow);
  return {
    ...among,
    main: Math.round((among.rate / alone.rate) * 1000) / 10,
    figures: {
      'deliveries/s': among.rate,
      'without them': alone.rate,
      ...among.figures,
    },
    lost: alone.lost + among.lost,
  };
}

const ONE_IN_TEN: Load = { ...ONE_ROOM, subscribers: 900, slow: 100 };

const common = {
  unit: '% of the rate without them',
  better: 'more',
  systems: ['uws-raw', 'sluice'],
  targets: [{ bound: 90 }],
} as const;

export const SLOW: readonly Scenario[] = [
  {
    ...common,
    name: 'slow',
    about:
      '900 that read, and 100 that stop: disconnected when a MiB waits (uws-raw: lost in silence)',
    run: (stage) => measure(stage, ONE_IN_TEN),
  },
  {
    ...common,
    name: 'slow-skip',
    about:
      '900 that read, and 100 that stop and are caught up from a history of 100 when they read again',
    run: (stage) => measure(stage, { ...ONE_IN_TEN, slowConsumer: 'skip', history: 100 }),
  },
];
