/** Whom a hook is asked about, as the session knows it. */
import type { ClientInfo } from '../channel/publication.ts';
import type { Caller } from '../hooks/hooks.ts';
import type { Run } from '../kernel/mailbox.ts';
import { valueOf } from './values.ts';

/** What is only made for a hook that looks at it is got from a class: a literal defines it each time. */
export class SessionCaller implements Caller {
  readonly client: string;
  readonly user: string;
  readonly meta: unknown;
  readonly #info: ClientInfo;
  readonly #run: Run;

  constructor(info: ClientInfo, meta: unknown, run: Run) {
    this.client = info.client;
    this.user = info.user;
    this.meta = meta;
    this.#info = info;
    this.#run = run;
  }

  get info(): unknown {
    return valueOf(this.#info.connInfo);
  }

  get signal(): AbortSignal {
    return this.#run.signal;
  }
}
