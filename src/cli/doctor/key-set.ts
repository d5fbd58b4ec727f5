/** Whether the keys of the issuer can be fetched, and what time it is there. */
import { whyOf } from '../call.ts';
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

const ANSWER_MS = 5000;

export interface KeySetFinding {
  /** Null: there is none to look at. */
  readonly finding: Finding | null;
  /** The time of the issuer; null if it did not tell. */
  readonly dateMs: number | null;
}

/** The URL is not shown: it may hold a secret. */
export async function checkKeySet(url: string | undefined): Promise<KeySetFinding> {
  if (url === undefined) return { finding: null, dateMs: null };
  const name = 'key set';
  const advice = 'look at tokens.jwksUrl, and whether this machine reaches it';
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    const text = await response.text();
    const dateMs = Date.parse(response.headers.get('date') ?? '');
    const good = response.ok && text.includes('"keys"');
    const finding = good
      ? found(name, 'ok', 'the keys of the issuer can be read')
      : found(name, 'fail', `HTTP ${response.status}, and no key set`, advice);
    return { finding, dateMs: Number.isNaN(dateMs) ? null : dateMs };
  } catch (error) {
    return { finding: found(name, 'fail', whyOf(error), advice), dateMs: null };
  }
}
