/** What one check found. */

export interface Finding {
  readonly name: string;
  /** `warn`: it works, but not as well as it could, or not for long. */
  readonly state: 'ok' | 'warn' | 'fail';
  readonly says: string;
  /** What to do; null when there is nothing. */
  readonly advice: string | null;
}

export function found(
  name: string,
  state: Finding['state'],
  says: string,
  advice: string | null = null,
): Finding {
  return { name, state, says, advice };
}
