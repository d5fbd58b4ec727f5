/** Patterns of channel names: `*` is any characters, `?` is one; all others stand for themselves. */

const STAR = 0x2a;
const QUESTION = 0x3f;

/**
 * Whether `name` fits `pattern`. Only the last `*` is ever tried again, so the time is at most the
 * product of both lengths; a regular expression could take exponentially long.
 */
export function fits(name: string, pattern: string): boolean {
  let at = 0;
  let from = 0;
  let star = -1;
  let starEnd = 0;
  while (at < name.length) {
    const wanted = from < pattern.length ? pattern.charCodeAt(from) : -1;
    if (wanted === STAR) {
      star = from;
      starEnd = at;
      from += 1;
    } else if (wanted === QUESTION) {
      at = next(name, at);
      from += 1;
    } else if (wanted === name.charCodeAt(at)) {
      at += 1;
      from += 1;
    } else if (star === -1) {
      return false;
    } else {
      // The last star takes one more character.
      starEnd = next(name, starEnd);
      at = starEnd;
      from = star + 1;
    }
  }
  while (pattern.charCodeAt(from) === STAR) from += 1;
  return from === pattern.length;
}

/** Where the next character begins; one beyond the Basic Multilingual Plane has two units. */
function next(text: string, at: number): number {
  return (text.charCodeAt(at) & 0xfc00) === 0xd800 ? at + 2 : at + 1;
}
