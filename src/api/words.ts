/** What is wrong with a request, in words that name the field. */
import type * as z from 'zod';

/** A peer's own names are repeated to it, but not at any length. */
const NAME_LENGTH_MAX = 40;

/** Undefined where the schema or zod has better words. */
export function wordsOf(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === 'invalid_type') {
    const absent = issue.input === undefined || (issue.input === null && isField(issue.path));
    return absent ? MISSING : `must be ${expectedOf(issue.expected)}`;
  }
  if (issue.code === 'too_small') {
    return issue.input === '' ? MISSING : `must ${bound(issue.origin, 'at least', issue.minimum)}`;
  }
  if (issue.code === 'too_big') {
    return `must ${bound(issue.origin, 'at most', issue.maximum)}`;
  }
  if (issue.code === 'unrecognized_keys') {
    return `has no field ${JSON.stringify((issue.keys[0] ?? '').slice(0, NAME_LENGTH_MAX))}`;
  }
  return undefined;
}

/** `broadcast.channels[3]`. */
export function placeOf(method: string, path: readonly PropertyKey[]): string {
  let place = method;
  for (const key of path) place += typeof key === 'number' ? `[${key}]` : `.${String(key)}`;
  return place;
}

const MISSING = 'is missing';

/** The path of the body itself is empty. */
function isField(path: readonly PropertyKey[] | undefined): boolean {
  return path !== undefined && path.length > 0;
}

const EXPECTED: ReadonlyMap<string, string> = new Map([
  ['int', 'an integer'],
  ['array', 'an array'],
  ['object', 'an object'],
]);

function expectedOf(type: string): string {
  return EXPECTED.get(type) ?? `a ${type}`;
}

function bound(origin: string, most: string, count: number | bigint): string {
  if (origin === 'string') return `have ${most} ${count} characters`;
  if (origin === 'array') return `have ${most} ${count} ${Number(count) === 1 ? 'item' : 'items'}`;
  return `be ${most} ${count}`;
}
