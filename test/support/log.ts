/** A log that keeps its lines. */
import type { Fields, Log } from '../../src/kernel/log.ts';

export interface Line {
  readonly level: keyof Log;
  readonly fields: Fields;
  readonly message: string;
  readonly atMs: number;
}

export class KeptLog implements Log {
  readonly lines: Line[] = [];

  debug(fields: Fields, message: string): void {
    this.#keep('debug', fields, message);
  }

  info(fields: Fields, message: string): void {
    this.#keep('info', fields, message);
  }

  warn(fields: Fields, message: string): void {
    this.#keep('warn', fields, message);
  }

  error(fields: Fields, message: string): void {
    this.#keep('error', fields, message);
  }

  of(level: keyof Log): Line[] {
    return this.lines.filter((line) => line.level === level);
  }

  /** The times of the warnings of each kind. */
  kinds(): ReadonlyMap<string, readonly number[]> {
    const kinds = new Map<string, number[]>();
    for (const { fields, message, atMs } of this.of('warn')) {
      const { kind } = fields;
      const name = typeof kind === 'string' ? kind : message;
      kinds.set(name, [...(kinds.get(name) ?? []), atMs]);
    }
    return kinds;
  }

  #keep(level: keyof Log, fields: Fields, message: string): void {
    this.lines.push({ level, fields, message, atMs: Date.now() });
  }
}
