/** What all commands are given. */
import type { Config, Source } from '../config/config.ts';
import type { Log } from '../kernel/log.ts';
import type { Sink, Terminal } from './terminal.ts';

/** Where a gateway listens. */
interface Address {
  readonly port: number;
  readonly internalPort: number;
}

/** A gateway of this process, or the workers that it keeps. */
export interface Served {
  readonly log: Log;
  start(): Promise<Address>;
  /** Ends it without a rush. */
  drain(): Promise<void>;
}

/** What the root of the program does for its commands. */
export interface Host {
  /** Builds what `serve` runs; `source` is what the configuration was read from. */
  open(config: Config, source: Source): Promise<Served>;
  /** What a person is told when it listens. */
  welcome(config: Config, address: Address): string;
}

/** Where results go. */
export interface Out extends Sink {
  /** What nobody has taken yet. */
  readonly writableLength: number;
  on(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
}

export interface Streams {
  readonly out: Out;
  readonly err: Sink;
}

export interface Shell {
  readonly terminal: Terminal;
  readonly out: Out;
  readonly host: Host;
  /** What becomes of the process when nobody reads its output any more: it ends, quietly. */
  readonly onBrokenPipe: (act: () => void) => void;
}
