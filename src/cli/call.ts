/** One call of the server API, over HTTP. */
import type { Members } from '../auth/json.ts';
import { membersOf } from '../auth/json.ts';
import { Fault } from './exits.ts';
import { membersIn, textIn } from './fields.ts';
import { unreachable } from './place.ts';
import type { ApiPlace } from './place.ts';
import { printable } from './text.ts';

const ANSWER_MS = 10_000;

/** The result. @throws {Fault} when the gateway cannot be reached or refuses. */
export async function call(place: ApiPlace, method: string, body: string): Promise<Members> {
  const { status, text } = await exchange(place, method, body);
  const answer = membersOf(parsed(text));
  const result = membersOf(answer?.get('result'));
  if (status === 200 && result !== null) return result;
  const message = answer === null ? '' : textIn(membersIn(answer, 'error'), 'message');
  if (message !== '') throw refusal(status, printable(message));
  throw status === 413
    ? new Fault('refused', 'the gateway refused it: it is larger than limits.apiBodyBytes')
    : unreachable(place.base, `HTTP ${status}, not the answer of a Sluice API`);
}

/** A body of JSON in which `data` stands as it is written. */
export function bodyOf(fields: Readonly<Record<string, unknown>>, data?: string): string {
  const text = JSON.stringify(fields);
  return data === undefined ? text : `${text.slice(0, -1)},"data":${data}}`;
}

async function exchange(
  { base, key }: ApiPlace,
  method: string,
  body: string,
): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(`${base}/api/${method}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(key === null ? {} : { 'x-api-key': key }),
      },
      body,
      // Whoever is elsewhere was not meant to hear the key.
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    throw unreachable(base, whyOf(error), { cause: error });
  }
}

function refusal(status: number, message: string): Fault {
  if (status === 401) {
    return new Fault(
      'refused',
      `the gateway refused it: ${message}; --api-key or api.keys gives one`,
    );
  }
  if (status === 429 || status >= 500) {
    return new Fault('failed', `the gateway cannot do it now: ${message}; try again later`);
  }
  return new Fault('refused', `the gateway refused it: ${message}`);
}

/** What `fetch` says is only that it failed; the reason is behind it. */
export function whyOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return `no answer within ${ANSWER_MS / 1000} s`;
  const cause = error.cause instanceof Error ? error.cause : error;
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  return printable(cause.message === '' || code === 'ECONNREFUSED' ? code : cause.message);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
