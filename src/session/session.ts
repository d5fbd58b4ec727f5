/** One connection: its state, its commands in their order, and what it is told. */
import type { ChannelName } from '../channel/name.ts';
import { channelNameOf } from '../channel/name.ts';
import type { ClientInfo } from '../channel/publication.ts';
import type { Rules } from '../channel/rules.ts';
import { assert } from '../kernel/assert.ts';
import type { Data } from '../kernel/data.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Maybe } from '../kernel/maybe.ts';
import type { Caller } from '../hooks/hooks.ts';
import type { Lane } from '../kernel/mailbox.ts';
import { Run } from '../kernel/mailbox.ts';
import type { Close, CloseKind } from '../protocol/close.ts';
import { CLOSES } from '../protocol/close.ts';
import type { Codec } from '../protocol/codec.ts';
import type { Command, Reply, ServerMessage } from '../protocol/frames.ts';
import { SessionCaller } from './caller.ts';
import type { Credentials } from './credentials.ts';
import { Heartbeat, NEVER } from './heartbeat.ts';
import type { IntakeOwner } from './intake.ts';
import { Intake } from './intake.ts';
import type { OutboxOwner } from './outbox.ts';
import { Outbox } from './outbox.ts';
import { unspent } from './rates.ts';
import type { RenewalOwner } from './renewal.ts';
import { renewByServer } from './renewal.ts';
import type { Services } from './services.ts';
import type { Peer, SubscribeOrder } from '../hub/roster.ts';
import type { SubscriptionsOwner } from './subscriptions.ts';
import { Subscriptions } from './subscriptions.ts';
import { subscribeResult } from './subscribe-result.ts';
import { serverTerms } from './terms.ts';
import { expiryOf } from './expiry.ts';
import type { Receiver, Transport } from './transport.ts';

/** What the upgrade request told. */
export interface Origin {
  readonly headers: ReadonlyMap<string, string>;
  readonly remoteAddress: string;
}

/** How a session is reached. */
export interface Line {
  readonly transport: Transport;
  readonly codec: Codec;
  readonly origin: Origin;
}

/** Carries out a command; `commands.ts` is the table behind it. */
export type RunCommand = (session: Session, command: Command, running: Run) => Maybe<Reply | null>;

/**
 *     opened --connect--> connecting --accepted--> connected
 *        |                    '------refused-----> refused
 *        '----------- close, from everywhere ----> closed
 */
type State =
  | { readonly kind: 'opened'; readonly origin: Origin }
  | { readonly kind: 'connecting'; readonly origin: Origin }
  | Connected
  /** Its connect was answered with an error: nothing more is taken from it. */
  | { readonly kind: 'refused' }
  | { readonly kind: 'closed' };

interface Connected extends Credentials {
  readonly kind: 'connected';
}

const CLOSED: State = { kind: 'closed' };
const REFUSED: State = { kind: 'refused' };

export class Session
  extends Heartbeat
  implements Receiver, Peer, OutboxOwner, IntakeOwner, RenewalOwner, SubscriptionsOwner
{
  readonly services: Services;
  readonly outbox: Outbox;
  readonly subscriptions: Subscriptions;
  readonly client: string;
  /** '' before the connect and for an anonymous client; kept to the end. */
  user = '';
  framesLeft: number;
  commandsLeft: number;
  filledAt: number;
  readonly #run: RunCommand;
  /** Only while something comes in or is under way: most connections are idle. */
  #intake: Intake | null = null;
  #state: State;
  /** The refresh hook is being asked. */
  #renewal: Run | null = null;

  constructor(services: Services, line: Line, run: RunCommand) {
    super();
    const { transport, codec, origin } = line;
    this.services = services;
    this.#run = run;
    this.client = services.newClientId();
    this.#state = { kind: 'opened', origin };
    this.outbox = new Outbox(this, transport, codec);
    this.subscriptions = new Subscriptions(this);
    const nowMs = services.clock.now();
    const { framesLeft, commandsLeft, filledAt } = unspent(services.limits, nowMs);
    this.framesLeft = framesLeft;
    this.commandsLeft = commandsLeft;
    this.filledAt = filledAt;
    this.awaitConnect(nowMs + services.limits.connectTimeoutMs);
    services.roster.opened(this);
  }

  get isClosed(): boolean {
    return this.#state.kind === 'closed';
  }

  /** Only of a connected session. */
  get credentials(): Credentials {
    assert(this.#state.kind === 'connected', 'the session is connected');
    return this.#state;
  }

  /** Only of a connected session. */
  get info(): ClientInfo {
    return this.credentials.info;
  }

  /** Only of a session that is connecting. */
  get origin(): Origin {
    assert(this.#state.kind === 'connecting', 'the origin is known until the connect is answered');
    return this.#state.origin;
  }

  /** Whether a command of the type may come now. What may not closes the connection. */
  expects(type: Command['type']): boolean {
    switch (this.#state.kind) {
      case 'opened':
        if (type !== 'connect') return false;
        this.#state = { kind: 'connecting', origin: this.#state.origin };
        return true;
      case 'connecting':
      case 'connected':
        return type !== 'connect';
      case 'refused':
      case 'closed':
        return false;
    }
  }

  receive(frame: Uint8Array): void {
    if (this.isClosed) return;
    const intake = this.#intake ?? new Intake(this);
    this.#intake = intake;
    intake.receive(frame);
    if (intake.isIdle) this.rested();
  }

  drained(): void {
    if (!this.isClosed && this.outbox.drained()) this.subscriptions.resume();
  }

  closed(code: number): void {
    if (!this.isClosed) this.#end({ code, reason: '' });
  }

  refused(): void {
    this.close('slow');
  }

  /** Idempotent. What was written before leaves first. */
  close(why: CloseKind | Close): void {
    if (this.isClosed) return;
    const { code, reason } = typeof why === 'string' ? CLOSES[why] : why;
    this.outbox.endTurn();
    // A transport that took nothing more closes the session from within.
    if (this.isClosed) return;
    this.#end({ code, reason });
    this.outbox.close(code, reason);
  }

  /** The connect was accepted. The reply is the caller's to send. */
  connected(credentials: Credentials): void {
    this.#state = connected(credentials);
    this.user = credentials.info.user;
    this.services.roster.connected(this);
    this.services.events.connected(this);
    const { pingIntervalMs } = this.services.settings;
    // Spread over half of the interval, so that those who came together are not pinged together.
    const firstPingMs = pingIntervalMs * (0.5 + this.services.random() / 2);
    this.startPings(this.services.clock.now() + firstPingMs);
    this.#expireWithCredentials();
  }

  /** New credentials of the same user. */
  renew(credentials: Credentials): void {
    this.#state = connected(credentials);
    this.#expireWithCredentials();
  }

  /** Writes a reply or a push; a client that reads too slowly for it is closed. */
  tell(message: ServerMessage): void {
    if (!this.isClosed) this.#write(this.outbox.codec.encode(message));
  }

  run(command: Command, running: Run): Maybe<Reply | null> {
    return this.#run(this, command, running);
  }

  /** Answers a command with an error; a `send` wants no answer. */
  refuse(command: Command, refusal: Refusal): void {
    this.services.counts.errors(String(refusal.entry.code));
    if (command.id === 0) return;
    const { code, temporary } = refusal.entry;
    this.tell({
      type: 'error',
      id: command.id,
      error: { code, message: refusal.message, temporary },
    });
  }

  /** The connect was answered with an error. */
  connectRefused(): void {
    this.#state = REFUSED;
  }

  /** Whom a hook is asked about. Only of a connected session. */
  caller(running: Run): Caller {
    const { info, meta } = this.credentials;
    return new SessionCaller(info, meta, running);
  }

  rested(): void {
    this.#intake = null;
  }

  withdraw(lane: Lane, matches: (command: Command) => boolean): readonly Command[] {
    return this.#intake?.withdraw(lane, matches) ?? [];
  }

  /** @throws {Refusal} when the name is none, or its namespace is not configured. */
  channel(text: string): { readonly channel: ChannelName; readonly rules: Rules } {
    const channel = channelNameOf(text, this.services.limits.channelNameLength);
    const rules = this.services.rulesOf(channel);
    if (rules === null) throw new Refusal('unknownChannel');
    return { channel, rules };
  }

  async subscribe(channel: ChannelName, order: SubscribeOrder): Promise<void> {
    if (this.subscriptions.get(channel) !== null) return;
    if (this.subscriptions.size >= this.services.limits.channelsPerConnection) {
      // Without the channel the client would not be what the server takes it for.
      this.close('channelLimit');
      return;
    }
    const { rules } = this.channel(channel);
    const terms = serverTerms(rules, order, order.expireAtMs);
    const { since } = order;
    await this.subscriptions.enter({
      channel,
      terms,
      since,
      welcome: (joined) => {
        const result = subscribeResult(terms, { since, joined, nowMs: this.services.clock.now() });
        this.tell({ type: 'subscribed', channel, result });
        // The push has no room for what was missed, so that follows as if it came now.
        if (result.publications.length === 0 || this.isClosed) return;
        this.#write(this.outbox.codec.publications(channel, result.publications));
      },
    });
  }

  unsubscribe(channel: ChannelName, reason: Close): boolean {
    const subscription = this.subscriptions.get(channel);
    // One that is still joining is taken back: whoever asked for it hears so.
    if (subscription === null) return this.subscriptions.leave(channel);
    this.subscriptions.end(subscription, reason);
    return true;
  }

  refresh(expireAtMs: number | null): void {
    this.renew({ ...this.credentials, expireAtMs });
    this.tell({ type: 'refreshed', expiry: expiryOf(expireAtMs, this.services.clock.now()) });
  }

  message(data: Data): void {
    this.tell({ type: 'message', data });
  }

  channels(): readonly ChannelName[] {
    return this.subscriptions.channels();
  }

  pong(): void {
    if (!this.takePong()) this.close('badRequest');
  }

  protected connectOverdue(): void {
    this.close('stale');
  }

  protected pongOverdue(): void {
    this.close('noPong');
  }

  protected sendPing(): void {
    this.tell({ type: 'serverPing' });
  }

  protected expiryDue(nowMs: number): number {
    const connection = this.#expireConnection(nowMs);
    return this.isClosed ? NEVER : Math.min(connection, this.subscriptions.expireDue(nowMs));
  }

  #write(bytes: Uint8Array): void {
    if (this.outbox.admits(bytes.length)) this.outbox.write(bytes);
    else this.close('slow');
  }

  #end(why: Close): void {
    const wasConnected = this.#state.kind === 'connected';
    // First, for what hears of the end may want to end it, too.
    this.#state = CLOSED;
    this.services.counts.closes(String(why.code));
    this.stopHeartbeat();
    this.#intake?.close();
    this.#renewal?.abort();
    this.services.roster.closed(this);
    if (this.user !== '') this.services.quota?.release(this.user, this.client);
    this.subscriptions.close();
    if (wasConnected) this.services.events.disconnected(this, why);
  }

  #expireWithCredentials(): void {
    const { expireAtMs } = this.credentials;
    if (expireAtMs !== null) this.expireBy(expireAtMs);
  }

  /** Ends or renews credentials that expired, and tells when to look again. */
  #expireConnection(nowMs: number): number {
    const { expireAtMs, renewal } = this.credentials;
    if (expireAtMs === null) return NEVER;
    if (nowMs < expireAtMs) return expireAtMs;
    if (renewal === 'server') {
      if (this.#renewal === null) {
        this.#renewal = new Run();
        void renewByServer(this, this.#renewal).then((againMs) => {
          this.#renewal = null;
          if (againMs !== null) this.expireBy(againMs);
        });
      }
      return NEVER;
    }
    const endMs = expireAtMs + this.services.settings.connectionGraceMs;
    if (nowMs < endMs) return endMs;
    this.close('expired');
    return NEVER;
  }
}

/** In one object, for each connection has one. */
function connected({ info, meta, expireAtMs, renewal }: Credentials): Connected {
  return { kind: 'connected', info, meta, expireAtMs, renewal };
}
