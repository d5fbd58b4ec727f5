/** What comes in on one connection: from bytes to commands that are carried out in their order. */
import { Refusal } from '../kernel/errors.ts';
import type { Lane, MailboxOwner, Run } from '../kernel/mailbox.ts';
import { Mailbox } from '../kernel/mailbox.ts';
import type { Maybe } from '../kernel/maybe.ts';
import { Disconnection } from '../protocol/close.ts';
import type { Command, Reply, ServerMessage } from '../protocol/frames.ts';
import type { CloseKind, Close } from '../protocol/close.ts';
import { laneOf } from './lanes.ts';
import type { Outbox } from './outbox.ts';
import type { Rated } from './rates.ts';
import { takeCommands, takeFrame } from './rates.ts';
import type { Services } from './services.ts';

/** The session, as its intake sees it. */
export interface IntakeOwner extends Rated {
  readonly services: Services;
  readonly outbox: Outbox;
  readonly client: string;
  readonly isClosed: boolean;
  /** Whether a command of the type may come now. What may not closes the connection. */
  expects(type: Command['type']): boolean;
  /** Carries a command out. Null: nothing to reply, or it was written already. */
  run(command: Command, running: Run): Maybe<Reply | null>;
  tell(message: ServerMessage): void;
  refuse(command: Command, refusal: Refusal): void;
  /** The connect was answered with an error. */
  connectRefused(): void;
  /** The intake is not needed any more, until something comes. */
  rested(): void;
  close(why: CloseKind | Close): void;
}

export class Intake implements MailboxOwner<Command> {
  readonly #session: IntakeOwner;
  readonly #mailbox: Mailbox<Command>;

  constructor(session: IntakeOwner) {
    this.#session = session;
    this.#mailbox = new Mailbox(this, session.services.limits);
  }

  /** Nothing is under way. */
  get isIdle(): boolean {
    return this.#mailbox.size === 0;
  }

  receive(frame: Uint8Array): void {
    const { limits, clock } = this.#session.services;
    if (!takeFrame(this.#session, limits, clock.now())) {
      this.#session.close('tooManyRequests');
      return;
    }
    const commands = this.#decode(frame);
    if (commands === null) return;
    if (!takeCommands(this.#session, commands.length, { limits, nowMs: clock.now() })) {
      this.#session.close('tooManyRequests');
      return;
    }
    for (const command of commands) {
      if (this.#session.isClosed) return;
      this.#accept(command);
    }
  }

  /**
   * For a command that is carried out: takes back what came before it and waits on a lane, and
   * aborts what runs there, as far as it matches.
   */
  withdraw(lane: Lane, matches: (command: Command) => boolean): readonly Command[] {
    this.#mailbox.abort(lane, matches);
    return this.#mailbox.recall(lane, matches);
  }

  /** What waits is dropped, what runs is aborted. */
  close(): void {
    this.#mailbox.close();
  }

  /** Called by the mailbox. */
  handle(command: Command, running: Run): Maybe<void> {
    this.#session.services.counts.commands(command.type);
    try {
      const reply = this.#session.run(command, running);
      if (!(reply instanceof Promise)) {
        if (reply !== null) this.#session.tell(reply);
        return undefined;
      }
      return reply.then(
        (late) => {
          if (late !== null) this.#session.tell(late);
        },
        (error: unknown) => this.#fail(command, error, running),
      );
    } catch (error) {
      this.#fail(command, error, running);
      return undefined;
    }
  }

  /** Called by the mailbox. */
  rested(): void {
    this.#session.rested();
  }

  #decode(frame: Uint8Array): readonly Command[] | null {
    const { outbox, services, client } = this.#session;
    try {
      return outbox.codec.decode(frame);
    } catch (error) {
      if (!(error instanceof Disconnection)) throw error;
      services.log.warn('malformed', { client, bytes: frame.length }, 'closed: malformed frame');
      this.#session.close(error.close);
      return null;
    }
  }

  #accept(command: Command): void {
    const session = this.#session;
    const { services, client } = session;
    if (!session.expects(command.type)) {
      services.log.warn('order', { client, command: command.type }, 'closed: command out of order');
      session.close('badRequest');
    } else if (!this.#mailbox.offer(command, laneOf(command, services), command.bytes)) {
      session.close('tooManyRequests');
    }
  }

  /** The one place where what a command throws ends. */
  #fail(command: Command, error: unknown, running: Run): void {
    const session = this.#session;
    if (error instanceof Disconnection) {
      session.close(error.close);
      return;
    }
    const refusal = refusalOf(error, running);
    if (refusal === null) session.services.fault(`command ${command.type}`, error);
    if (session.isClosed) return;
    session.refuse(command, refusal ?? new Refusal('internal'));
    if (command.type !== 'connect') return;
    session.connectRefused();
    this.#mailbox.close();
  }
}

/** What the peer is told of what was thrown; null when that is a fault of ours. */
function refusalOf(error: unknown, running: Run): Refusal | null {
  if (error instanceof Refusal) return error;
  return running.explains(error) ? new Refusal('notAvailable', 'taken back') : null;
}
