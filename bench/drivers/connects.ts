/** How fast connections come to be: opened in one go, closed, and opened again. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Crowd } from './crowd.ts';
import { Histogram } from './histogram.ts';
import type { Connected, ConnectOrder } from './orders.ts';
import { Usage } from './usage.ts';

/** After all of them were closed the system has time to see to that. */
const PAUSE_MS = 500;

export async function connects(order: ConnectOrder): Promise<Connected> {
  const { connections, warmupSeconds, seconds, pids } = order;
  const latency = new Histogram();
  const crowd = await Crowd.of({
    ...order,
    do: 'open',
    crowd: 'fast',
    firstIndex: 0,
    speakers: 0,
  });
  const round = async (): Promise<void> => crowd.open((ms) => latency.record(ms * 1000));
  const rest = async (): Promise<void> => {
    crowd.close();
    await sleep(PAUSE_MS);
  };
  const warm = performance.now() + warmupSeconds * 1000;
  while (performance.now() < warm) {
    await round();
    await rest();
  }
  latency.clear();
  const usage = new Usage(pids);
  let opened = 0;
  for (;;) {
    usage.resume();
    await round();
    const used = usage.pause();
    opened += connections;
    await rest();
    if (used.seconds >= seconds) return { ...used, connections: opened, latency: latency.sparse() };
  }
}
