/** How a driver asks a system for the same thing in that system's own words. */

export interface Dialect {
  readonly path: string;
  readonly protocol: string;
  /** Sent one after the other: each waits for the answer to the one before it. */
  greeting(token: string, purpose: Purpose): readonly Step[];
  publish(channel: string, id: number, data: string): string;
  /** Text that the server sends to see whether we live, and our answer. */
  readonly ping: string;
  readonly pong: string;
}

/** What a connection is for: to hear one channel, to speak to one, or neither. */
export interface Purpose {
  readonly hears: string | null;
  readonly speaksTo: string | null;
}

/** A text to send, or null to only wait; and what the answer to it contains. */
export interface Step {
  readonly send: string | null;
  readonly answer: string;
}

const sluice: Dialect = {
  path: '/connection/websocket',
  protocol: '',
  greeting(token, { hears }) {
    const connect = `{"id":1,"connect":{"token":"${token}"}}`;
    if (hears === null) return [{ send: connect, answer: '"connect":{' }];
    // What an SDK does: the subscriptions follow the connect without waiting for its reply.
    const subscribe = `{"id":2,"subscribe":{"channel":"${hears}"}}`;
    return [{ send: `${connect}\n${subscribe}`, answer: '"subscribe":{' }];
  },
  publish: (channel, id, data) => `{"id":${id},"publish":{"channel":"${channel}","data":${data}}}`,
  ping: '{}',
  pong: '{}',
};

/**
 * For systems made by hand: `+channel` subscribes, `=channel` says where all that follows goes, and
 * each message is answered `ok`. So what is published is the message and nothing has to be parsed.
 */
const plain: Dialect = {
  path: '/',
  protocol: '',
  greeting: (_token, { hears, speaksTo }) => [
    ...(hears === null ? [] : [{ send: `+${hears}`, answer: 'ok' }]),
    ...(speaksTo === null ? [] : [{ send: `=${speaksTo}`, answer: 'ok' }]),
  ],
  publish: (_channel, _id, data) => data,
  ping: '',
  pong: '',
};

/** Engine.IO 4 over WebSocket alone, and Socket.IO 5 in it. */
const socketio: Dialect = {
  path: '/socket.io/?EIO=4&transport=websocket',
  protocol: '',
  greeting(_token, { hears }) {
    const open = [
      { send: null, answer: '0{' },
      { send: '40', answer: '40{' },
    ];
    if (hears === null) return open;
    return [...open, { send: `420["subscribe","${hears}"]`, answer: '430[' }];
  },
  publish: (channel, id, data) => `42${id}["publish","${channel}",${data}]`,
  ping: '2',
  pong: '3',
};

export const DIALECTS = { sluice, plain, socketio } as const satisfies Record<string, Dialect>;
export type DialectName = keyof typeof DIALECTS;
