/** Credentials that the server renews: the refresh hook is asked when they run out. */
import { Refusal } from '../kernel/errors.ts';
import type { Run } from '../kernel/mailbox.ts';
import { Disconnection } from '../protocol/close.ts';
import type { Caller } from '../hooks/hooks.ts';
import type { Close, CloseKind } from '../protocol/close.ts';
import type { Credentials } from './credentials.ts';
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

/** Renews the session's credentials, or closes it. Never rejects. `run` aborts when it closes. */
export async function renewByServer(session: RenewalOwner, run: Run): Promise<void> {
  const { hooks, fault } = session.services;
  try {
    const answer = await hooks.refresh?.(session.caller(run));
    if (session.isClosed) return;
    if (answer === undefined) {
      session.close('expired');
      return;
    }
    session.renew({
      ...session.credentials,
      connInfo: dataOf(answer.info) ?? session.credentials.connInfo,
      expireAtMs: answer.expireAtMs ?? null,
    });
  } catch (error) {
    if (error instanceof Disconnection) {
      session.close(error.close);
      return;
    }
    if (!(error instanceof Refusal) && !run.explains(error)) fault('refresh hook', error);
    session.close('expired');
  }
}
