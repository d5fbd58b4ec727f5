/** How a driver asks a system for the same thing in that system's own words. */

export interface Dialect {
  readonly protocol: string;
  /** Whether its frames are binary WebSocket messages. */
  readonly binary: boolean;
  path(purpose: Purpose): string;
  /** Sent one after the other: each waits for the answer to the one before it. */
  greeting(token: string, purpose: Purpose): readonly Step[];
  /** To one of the channels that the connection speaks to. */
  publish(channel: string, id: number, data: string, speaksTo: readonly string[]): Message;
  /** Asks for `data` back. */
  rpc(id: number, data: string): Message;
  /** Stands once in each answer to a publication or an rpc, and in nothing else. */
  readonly answer: Buffer;
  /** Stands in what says that something was refused; '' where nothing does. */
  readonly refusal: string;
  /** What the server sends by itself to see whether we live, and our answer. */
  readonly ping: string;
  readonly pong: string;
}

export type Message = string | Uint8Array;

/** What a connection is for. */
export interface Purpose {
  readonly hears: readonly string[];
  readonly speaksTo: readonly string[];
  /** Where it was in the one channel it hears, when it comes back there. */
  readonly since: Place | null;
}

export interface Place {
  readonly offset: number;
  readonly epoch: string;
}

/** A message to send, or null to only wait; and what the answer to it contains, in latin1. */
export interface Step {
  readonly send: Message | null;
  readonly answer: string;
}
