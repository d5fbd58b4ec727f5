/** What is wrong with a configuration: all of it at once, in words, and never a secret. */

/** Each problem is one line: where it stands, what was given, what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(['the configuration cannot be used:', ...problems].join('\n  '));
    this.problems = problems;
  }
}

const SHOWN_CHARACTERS_MAX = 60;

/** A value in one short line. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return `a ${typeof value}`;
  const text = JSON.stringify(value);
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

/** A path in one line, whatever its keys are. */
export function showPath(path: readonly string[]): string {
  return path.map((key) => (/^[\w-]{1,60}$/.test(key) ? key : show(key))).join('.');
}

/** Of a candidate that ends in the word: worse than one edit of the whole, better than two. */
const FORGOTTEN_GROUP = 1.5;

/** `; did you mean x?`, or nothing when no candidate is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  const wanted = plain(word);
  if (wanted.length > SHOWN_CHARACTERS_MAX) return '';
  const editsMax = Math.min(4, Math.floor(wanted.length / 3));
  let nearest: string | null = null;
  let least = Infinity;
  for (const candidate of candidates) {
    const edits = editsBetween(wanted, plain(candidate));
    // `hmacSecret` for `tokens.hmacSecret`.
    const isEnd = plain(candidate.slice(candidate.lastIndexOf('.') + 1)) === wanted;
    const distance = Math.min(
      edits <= editsMax ? edits : Infinity,
      isEnd ? FORGOTTEN_GROUP : Infinity,
    );
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest === null ? '' : `; did you mean ${nearest}?`;
}

/** `ping_interval`, `ping-interval` and `SLUICE_PING_INTERVAL` are all `ping.interval`. */
function plain(word: string): string {
  return word
    .replace(/^SLUICE_/, '')
    .toLowerCase()
    .replaceAll(/[._-]/g, '');
}

/** Insertions, deletions, replacements and swaps of neighbours (Damerau-Levenshtein). */
function editsBetween(from: string, to: string): number {
  let before: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[row - 1] === to[column - 1];
      const swapped = from[row - 2] === to[column - 1] && from[row - 1] === to[column - 2];
      current[column] = Math.min(
        last[column]! + 1,
        current[column - 1]! + 1,
        last[column - 1]! + (same ? 0 : 1),
        row > 1 && column > 1 && swapped ? before[column - 2]! + 1 : Infinity,
      );
    }
    [before, last] = [last, current];
  }
  return last[to.length]!;
}
