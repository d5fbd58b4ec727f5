/** The table of HTTP statuses: which one each error is answered with. */
import type { ErrorKind, Refusal } from '../kernel/errors.ts';
import { ERRORS } from '../kernel/errors.ts';

export const STATUSES = {
  /** An organ that cannot do it now, such as a store that is away: trying again may help. */
  internal: 503,
  unauthorized: 401,
  unknownChannel: 404,
  permissionDenied: 403,
  methodNotFound: 404,
  alreadySubscribed: 409,
  limitExceeded: 429,
  badRequest: 400,
  notAvailable: 400,
  tokenExpired: 401,
  expired: 401,
  tooManyRequests: 429,
  unrecoverablePosition: 416,
  conflict: 409,
  unknownTask: 404,
} as const satisfies Record<ErrorKind, number>;

/** What was no refusal but a fault of ours. Its code is that of `internal`, too. */
export const FAULT_STATUS = 500;

/** The errors of an application, which a hook of it may answer with. */
const APP_STATUS = 400;
const APP_STATUS_TEMPORARY = 503;

export function statusOf({ entry }: Refusal): number {
  const kind = KINDS.find((one) => ERRORS[one].code === entry.code);
  if (kind !== undefined) return STATUSES[kind];
  return entry.temporary ? APP_STATUS_TEMPORARY : APP_STATUS;
}

function isKind(name: string): name is ErrorKind {
  return Object.hasOwn(ERRORS, name);
}

const KINDS: readonly ErrorKind[] = Object.keys(ERRORS).filter(isKind);

/** The kinds that are answered with `status`. */
export function kindsOf(status: number): readonly ErrorKind[] {
  return KINDS.filter((kind) => STATUSES[kind] === status);
}
