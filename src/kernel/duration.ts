/** Durations as people write them: a whole number with its unit, `500ms`, `30s`, `5m`, `1h`, `7d`. */

/** From the longest to the shortest. */
export const DURATION_UNITS: readonly (readonly [unit: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
];

/** Ten years; what is longer was not meant. */
export const DURATION_MS_MAX = 3650 * 86_400_000;

/** Milliseconds; undefined for what is no duration. */
export function durationMs(text: string): number | undefined {
  const [, count, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
  const size = DURATION_UNITS.find(([name]) => name === unit)?.[1];
  const ms = Number(count) * (size ?? NaN);
  return ms <= DURATION_MS_MAX ? ms : undefined;
}
