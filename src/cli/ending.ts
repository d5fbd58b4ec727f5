/** Why a subscription came to its end, in one line. */
import { SluiceError } from '../client/errors.ts';
import type { Reason } from '../client/events.ts';
import { ERRORS } from '../kernel/errors.ts';
import { CLOSES } from '../protocol/close.ts';
import { Fault } from './exits.ts';
import { printable } from './text.ts';

/** Errors of a gateway, and close codes, have codes from here on. */
const GATEWAY_CODES_FROM = 100;

export function reasonText({ code, reason }: Reason): string {
  return reason === '' ? `code ${code}` : `${printable(reason)}, code ${code}`;
}

/** Codes that a gateway answers a wrong token with. */
const TOKEN_CODES = new Set<number>([ERRORS.unauthorized.code, ERRORS.tokenExpired.code]);

/** What ends it for good, in the words of the gateway. */
export function refusal(error: SluiceError | Reason): Fault {
  const { code } = error;
  const reason = error instanceof SluiceError ? error.message : error.reason;
  const words = reasonText({ code, reason });
  if (code < GATEWAY_CODES_FROM) return new Fault('failed', `it failed: ${words}`);
  return new Fault('refused', `the gateway refused it: ${words}${adviceFor(code)}`);
}

function adviceFor(code: number): string {
  if (TOKEN_CODES.has(code) || code === CLOSES.invalidToken.code) {
    return '; --token takes one, --user makes one, sluice token check looks at one';
  }
  if (code !== ERRORS.permissionDenied.code) return '';
  return '; the rules of its namespace say who may, --subscription-token or --user lets others in';
}
