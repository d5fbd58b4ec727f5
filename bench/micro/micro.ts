/** A part of the hot path that is measured by itself. */

export interface Micro {
  readonly name: string;
  /** Prepares, and gives what is measured: it is done so many times in a row. */
  prepare(): (times: number) => void;
}
