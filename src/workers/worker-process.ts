/** The process of a worker, as its primary sees it: from its start to its end. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { systemClock } from '../kernel/clock.ts';
import { Deferred } from '../kernel/deferred.ts';
import type { Readings } from '../server/metrics.ts';
import type { Begin, ToPrimary, ToWorker } from './worker-wire.ts';
import { BEAT_MS, isFromWorker } from './worker-wire.ts';

/** Beside this file, and of the same kind: `.ts` in a checkout, `.js` in the package. */
const WORKER = new URL(import.meta.url.replace(/worker-process(\.\w+)$/, 'worker$1'));

/** Whoever does not listen by then never will. */
const START_MS = 30_000;
/** Whoever says nothing for so many beats serves nobody, and the kernel still sends it connections. */
const SILENT_BEATS_MAX = 10;
/** Whoever is asked what it counted, and does not answer within it, is left out. */
const READ_MS = 1000;

/** How a worker ended. */
export interface Ending {
  readonly reason: string;
  /** By itself, and as it was meant to. */
  readonly isClean: boolean;
  readonly livedMs: number;
  readonly hasListened: boolean;
}

export class WorkerProcess {
  readonly number: number;
  /** False when it ended before. */
  readonly listening: Promise<boolean>;
  readonly ended: Promise<Ending>;
  readonly #child: ChildProcess;
  readonly #listening = new Deferred<boolean>();
  readonly #onGather: (worker: WorkerProcess) => void;
  #hasListened = false;
  /** Beats that it missed in a row. They are counted, so that nobody is blamed for a pause of us all. */
  #missed = 0;
  /** What it said of its end. */
  #reason: string | null = null;
  #reading: Deferred<Readings | null> | null = null;

  /** `onGather` is called when it wants what all workers counted. */
  constructor(begin: Begin, onGather: (worker: WorkerProcess) => void) {
    this.number = begin.worker;
    this.listening = this.#listening.promise;
    this.#onGather = onGather;
    this.#child = fork(WORKER, [], { stdio: ['ignore', 2, 2, 'ipc'] });
    this.#child.on('message', (message) => {
      if (isFromWorker(message)) this.#hear(message);
    });
    this.ended = this.#end();
    const watch = setInterval(() => this.#miss(), BEAT_MS).unref();
    void this.ended.then(() => clearInterval(watch));
    this.say(begin);
    const overdue = systemClock.after(START_MS, () =>
      this.kill(`it did not listen within ${START_MS} ms`),
    );
    void this.listening.then(() => overdue.cancel());
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Does nothing when it is gone. */
  say(message: ToWorker): void {
    // Its end is told by `ended`, whatever else was not.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  kill(reason: string): void {
    this.#reason ??= reason;
    this.#child.kill('SIGKILL');
  }

  /** What it counted; null when it does not answer. */
  async read(): Promise<Readings | null> {
    if (!this.#hasListened || !this.#child.connected) return null;
    if (this.#reading === null) {
      const reading = new Deferred<Readings | null>();
      this.#reading = reading;
      this.say({ type: 'read' });
      systemClock.after(READ_MS, () => this.#hasRead(reading, null));
    }
    return this.#reading.promise;
  }

  #miss(): void {
    if (!this.#hasListened) return;
    this.#missed += 1;
    if (this.#missed > SILENT_BEATS_MAX) {
      this.kill(`it was silent for ${(SILENT_BEATS_MAX * BEAT_MS) / 1000} s`);
    }
  }

  #hear(message: ToPrimary): void {
    this.#missed = 0;
    switch (message.type) {
      case 'beat':
        return;
      case 'listening':
        this.#hasListened = true;
        this.#listening.resolve(true);
        return;
      case 'failed':
        this.#reason = message.reason;
        return;
      case 'readings':
        this.#hasRead(this.#reading, message.readings);
        return;
      case 'gather':
        this.#onGather(this);
    }
  }

  #hasRead(reading: Deferred<Readings | null> | null, readings: Readings | null): void {
    reading?.resolve(readings);
    if (this.#reading === reading) this.#reading = null;
  }

  async #end(): Promise<Ending> {
    const bornMs = performance.now();
    const how = new Deferred<string>();
    this.#child.once('exit', (code, signal) => how.resolve(signal ?? `exit code ${code}`));
    // There is no process when it could not even be made.
    this.#child.on('error', (error) => how.resolve(error.message));
    const reason = await how.promise;
    this.#listening.resolve(false);
    this.#hasRead(this.#reading, null);
    return {
      reason: this.#reason ?? reason,
      isClean: this.#child.exitCode === 0,
      livedMs: Math.round(performance.now() - bornMs),
      hasListened: this.#hasListened,
    };
  }
}
