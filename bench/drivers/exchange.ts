/** Requests and their answers: each connection asks again when it is answered. */
import { setTimeout as sleep } from 'node:timers/promises';
import { DIALECTS } from '../dialects/dialects.ts';
import { Client } from './client.ts';
import type { Crowd } from './crowd.ts';
import { tokenOf } from './crowd.ts';
import { Histogram } from './histogram.ts';
import { HttpSocket } from './http-socket.ts';
import { Mouth } from './mouth.ts';
import { nowUs } from './now.ts';
import type { Exchanged, ExchangeOrder } from './orders.ts';
import { stamper } from './stamp.ts';
import { Tally } from './tally.ts';
import { Usage } from './usage.ts';

/** One connection that asks. */
interface Asker {
  ask(seq: number, timeUs: number): void;
  end(): void;
}

const PATIENCE_MS = 15_000;

export class Exchange {
  readonly #order: ExchangeOrder;
  readonly #latency = new Histogram();
  #askers: readonly Asker[] = [];
  /** When each connection asked what it waits for. */
  readonly #askedAtUs: number[] = [];
  #asked = 0;
  #answered = 0;
  #stopped = false;
  #problem = '';

  constructor(order: ExchangeOrder) {
    this.#order = order;
  }

  /** `crowd` hears what is published, if that is what is asked for. */
  async run(crowd: Crowd | null): Promise<Exchanged> {
    const { connections, by, warmupSeconds, seconds, pids, payloadBytes } = this.#order;
    if (crowd !== null) crowd.tally.messageBytes = payloadBytes;
    const open = by === 'rpc' ? openRpc : openHttp;
    this.#askers = await Promise.all(
      Array.from({ length: connections }, (_, i) => open(this.#order, i, this.#loop(i))),
    );
    for (const i of this.#askers.keys()) this.#ask(i, 1);
    await sleep(warmupSeconds * 1000);
    this.#latency.clear();
    const usage = new Usage(pids);
    const before = this.#answered;
    await sleep(seconds * 1000);
    const used = usage.pause();
    const answers = this.#answered - before;
    const latency = this.#latency.sparse();
    this.#stopped = true;
    await this.#drained(crowd);
    for (const asker of this.#askers) asker.end();
    const heard = crowd?.tally;
    const missing = this.#asked - this.#answered;
    const unheard = crowd === null ? 0 : this.#asked * crowd.audience - crowd.tally.deliveries;
    return {
      ...used,
      answers,
      latency,
      lost: missing + Math.max(0, unheard) + (heard?.disordered ?? 0),
      problem: this.#problem,
    };
  }

  /** What the how-many-eth connection does with an answer. */
  #loop(i: number): Loop {
    let seq = 1;
    return {
      answered: () => {
        this.#answered += 1;
        this.#latency.record(nowUs() - (this.#askedAtUs[i] ?? 0));
        if (this.#stopped) return;
        seq += 1;
        this.#ask(i, seq);
      },
      failed: (why) => {
        this.#problem ||= why;
      },
    };
  }

  #ask(i: number, seq: number): void {
    const timeUs = nowUs();
    this.#askedAtUs[i] = timeUs;
    this.#asked += 1;
    this.#askers[i]?.ask(seq, timeUs);
  }

  async #drained(crowd: Crowd | null): Promise<void> {
    const until = performance.now() + PATIENCE_MS;
    const missing = (): boolean =>
      this.#answered < this.#asked ||
      (crowd !== null && crowd.tally.deliveries < this.#asked * crowd.audience);
    while (missing() && performance.now() < until) await sleep(20);
  }
}

interface Loop {
  answered(): void;
  failed(why: string): void;
}

async function openRpc(order: ExchangeOrder, i: number, loop: Loop): Promise<Asker> {
  const dialect = DIALECTS[order.dialect];
  const tally = new Tally();
  const mouth = new Mouth({ dialect, streams: [], tally });
  const client = new Client({
    dialect,
    port: order.ports[i % order.ports.length] ?? 0,
    index: i,
    token: await tokenOf(order, `caller-${i}`),
    purpose: { hears: [], speaksTo: [], since: null },
    tally,
    ear: null,
    mouth,
  });
  mouth.answered = () => {
    if (tally.refusal !== '') loop.failed(`refused: ${tally.refusal}`);
    loop.answered();
  };
  await client.ready;
  const stamp = stamper(order.payloadBytes);
  return {
    ask: (seq, timeUs) => mouth.ask(client.socket, stamp({ seq, stream: i, timeUs })),
    end: () => client.end(),
  };
}

async function openHttp(order: ExchangeOrder, i: number, loop: Loop): Promise<Asker> {
  const socket = new HttpSocket(
    {
      port: order.ports[i % order.ports.length] ?? 0,
      path: '/api/publish',
      headers: { 'X-API-Key': order.apiKey, 'Content-Type': 'application/json' },
    },
    {
      answered(status) {
        if (status !== 200) loop.failed(`HTTP ${status}`);
        loop.answered();
      },
      lost: (why) => loop.failed(why),
    },
  );
  await socket.ready;
  const stamp = stamper(order.payloadBytes);
  return {
    ask(seq, timeUs) {
      socket.post(`{"channel":"room","data":${stamp({ seq, stream: i, timeUs })}}`);
    },
    end: () => socket.end(),
  };
}
