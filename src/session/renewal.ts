/** Credentials that the server renews: the refresh hook is asked when they run out. */
import { Refusal } from '../kernel/errors.ts';
import type { Run } from '../kernel/mailbox.ts';
import { Disconnection } from '../protocol/close.ts';
import type { Caller } from '../hooks/hooks.ts';
import type { Close, CloseKind } from '../protocol/close.ts';
import type { Credentials } from './credentials.ts';
import { informed } from './credentials.ts';
import type { Services } from './services.ts';
import { dataOf } from './values.ts';

/** The session, as its renewal sees it. */
export interface RenewalOwner {
  readonly services: Services;
  readonly isClosed: boolean;
  readonly credentials: Credentials;
  caller(run: Run): Caller;
  renew(credentials: Credentials): void;
  close(why: CloseKind | Close): void;
}

/** Until the backend is asked again that could not answer; half of it by chance. */
const RETRY_MS = 5000;

/**
 * Renews the session's credentials, or closes it; or tells when to try again, where the backend
 * could not answer and there is time. Never rejects. `run` aborts when the session closes.
 */
export async function renewByServer(session: RenewalOwner, run: Run): Promise<number | null> {
  const { hooks, fault } = session.services;
  try {
    const answer = await hooks.refresh?.(session.caller(run));
    if (session.isClosed) return null;
    if (answer === undefined) session.close('expired');
    else {
      const { credentials } = session;
      session.renew({
        ...credentials,
        info: informed(credentials.info, dataOf(answer.info)),
        expireAtMs: answer.expireAtMs ?? null,
      });
    }
    return null;
  } catch (error) {
    if (error instanceof Disconnection) {
      session.close(error.close);
      return null;
    }
    if (!(error instanceof Refusal) && !run.explains(error)) fault('refresh hook', error);
    const againMs = isTemporary(error) ? againAt(session) : null;
    if (againMs === null) session.close('expired');
    return againMs;
  }
}

function isTemporary(error: unknown): boolean {
  return error instanceof Refusal && error.entry.temporary;
}

/** A backend that is away for a moment ends nobody's connection. Null: the grace is over. */
function againAt(session: RenewalOwner): number | null {
  if (session.isClosed) return null;
  const { services, credentials } = session;
  const endMs = (credentials.expireAtMs ?? 0) + services.settings.connectionGraceMs;
  const atMs = services.clock.now() + RETRY_MS * (0.5 + services.random() / 2);
  return atMs > endMs ? null : atMs;
}
