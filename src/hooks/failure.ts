/** The table of how an endpoint can fail, and the error that carries one of them. */

interface Failure {
  readonly means: string;
  /** Nobody may be there: it counts for the circuit breaker. */
  readonly isAbsence: boolean;
}

/**
 * Whatever it is, a client of the gateway hears the temporary error 100. A whole answer that is of
 * no use does not count for the breaker: one question that breaks the backend would take away all
 * the others.
 */
export const FAILURES = {
  timeout: { means: 'no whole answer within the time limit', isAbsence: true },
  unreachable: { means: 'no connection could be made', isAbsence: true },
  broken: {
    means: 'the connection ended before the answer did, or what came is not HTTP',
    isAbsence: true,
  },
  unavailable: { means: 'the answer has status 502, 503 or 504', isAbsence: true },
  status: { means: 'the answer has another status than 200', isAbsence: false },
  redirect: { means: 'the answer leads elsewhere; that is never followed', isAbsence: false },
  too_large: { means: 'the answer is larger than answerBytes', isAbsence: false },
  malformed: {
    means: 'the answer is not JSON, or not one that the question may have',
    isAbsence: false,
  },
  busy: { means: 'as many calls run and wait as concurrency and queue allow', isAbsence: false },
  open: { means: 'the circuit breaker is open: it failed just now', isAbsence: false },
  closed: { means: 'the gateway is closing', isAbsence: false },
  unknown: { means: 'there is no endpoint of that name', isAbsence: false },
} as const satisfies Record<string, Failure>;

export type FailureKind = keyof typeof FAILURES;

/** An endpoint gave no answer that could be used. */
export class EndpointError extends Error {
  override readonly name = 'EndpointError';
  readonly endpoint: string;
  readonly kind: FailureKind;

  /** `detail` is for the log of the operator. It never holds a part of a body. */
  constructor(endpoint: string, kind: FailureKind, options: EndpointErrorOptions = {}) {
    const { detail, ...rest } = options;
    const words =
      detail === undefined ? FAILURES[kind].means : `${FAILURES[kind].means}: ${detail}`;
    super(`endpoint ${endpoint}: ${words}`, rest);
    this.endpoint = endpoint;
    this.kind = kind;
  }

  get isAbsence(): boolean {
    return FAILURES[this.kind].isAbsence;
  }
}

export interface EndpointErrorOptions extends ErrorOptions {
  readonly detail?: string;
}

/** An answer that is not one the question may have. The words hold no part of it. */
export class MalformedAnswer extends Error {
  override readonly name = 'MalformedAnswer';
}
