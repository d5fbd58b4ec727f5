/** The kinds of values that count something: numbers, durations, bytes. */
import { DURATION_MS_MAX, DURATION_UNITS } from '../kernel/duration.ts';
import { kind } from './kinds.ts';
import type { Kind } from './kinds.ts';

export function integer(min: number, max = Number.MAX_SAFE_INTEGER): Kind<number> {
  const upTo = max === Number.MAX_SAFE_INTEGER ? ` of at least ${min}` : ` from ${min} to ${max}`;
  return kind({
    name: 'integer',
    allowed: `a whole number${upTo}`,
    schema: { type: 'integer', minimum: min, maximum: max },
    parse: (value) => (isInteger(value) && value >= min && value <= max ? value : undefined),
    fromText: (given) => (/^-?\d{1,15}$/.test(given) ? Number(given) : given),
  });
}

function isInteger(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

const BYTES_UNITS: readonly (readonly [unit: string, bytes: number])[] = [
  ['GiB', 1024 ** 3],
  ['MiB', 1024 ** 2],
  ['KiB', 1024],
  ['B', 1],
];

/** Milliseconds, written with a unit. */
export function duration(minMs: number): Kind<number> {
  return kind({
    name: 'duration',
    allowed: `a duration${minMs > 0 ? ` of at least ${durationText(minMs)}` : ''} such as '500ms', '30s', '5m', '1h' or '7d'`,
    schema: { type: 'string', pattern: '^[0-9]{1,9}(ms|s|m|h|d)$' },
    parse(value) {
      const ms = measured(value, DURATION_UNITS);
      return ms !== undefined && ms >= minMs && ms <= DURATION_MS_MAX ? ms : undefined;
    },
    hint(value) {
      if ((measured(value, DURATION_UNITS) ?? 0) > DURATION_MS_MAX) return 'at most 3650d';
      const bare = String(value);
      return /^\d{1,9}$/.test(bare) ? `write '${bare}s' or '${bare}ms'` : undefined;
    },
  });
}

/** Written with a unit, or plain. */
export function bytes(min: number): Kind<number> {
  return kind({
    name: 'bytes',
    allowed: `a number of bytes of at least ${min} such as 65536, '64KiB' or '1MiB'`,
    schema: {
      oneOf: [
        { type: 'integer', minimum: min },
        { type: 'string', pattern: '^[0-9]{1,9}(B|KiB|MiB|GiB)$' },
      ],
    },
    parse(value) {
      const size = isInteger(value) ? value : measured(value, BYTES_UNITS);
      return size !== undefined && size >= min ? size : undefined;
    },
    fromText: (given) => (/^\d{1,15}$/.test(given) ? Number(given) : given),
  });
}

function measured(
  value: unknown,
  units: readonly (readonly [unit: string, size: number])[],
): number | undefined {
  if (typeof value !== 'string') return undefined;
  const [, count, unit] = /^(\d{1,9})([A-Za-z]+)$/.exec(value) ?? [];
  const size = units.find(([name]) => name === unit)?.[1];
  return size === undefined ? undefined : Number(count) * size;
}

/** `25s` for 25,000: the largest unit that divides it. */
export function durationText(ms: number): string {
  return unitText(ms, DURATION_UNITS, 's');
}

/** `64KiB` for 65,536. */
export function bytesText(size: number): string {
  return unitText(size, BYTES_UNITS, 'B');
}

function unitText(
  count: number,
  units: readonly (readonly [unit: string, size: number])[],
  zero: string,
): string {
  if (count === 0) return `0${zero}`;
  const [unit, size] = units.find(([, each]) => count % each === 0) ?? ['', 1];
  return `${count / size}${unit}`;
}
