/** How a batch can fail to be delivered. */

/**
 * Nobody was reached, so that no event can be to blame; it failed there, which may pass; or it is
 * refused, and would be again.
 */
export const FAILURE_KINDS = ['unreachable', 'failed', 'refused'] as const;
export type FailureKind = (typeof FAILURE_KINDS)[number];

export interface UndeliveredOptions extends ErrorOptions {
  /** The backend asked not to be tried before. */
  readonly retryAfterMs?: number;
}

export class Undelivered extends Error {
  override readonly name = 'Undelivered';
  readonly kind: FailureKind;
  readonly retryAfterMs: number;

  constructor(kind: FailureKind, message: string, options: UndeliveredOptions = {}) {
    const { retryAfterMs = 0, ...rest } = options;
    super(message, rest);
    this.kind = kind;
    this.retryAfterMs = retryAfterMs;
  }
}
