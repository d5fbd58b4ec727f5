/**
 * The ceiling: uWebSockets.js with a loop by hand that joins what a turn published in a channel into
 * one frame. It has neither tokens, rules, history nor a policy for slow readers.
 */
import type { WebSocket } from 'uWebSockets.js';
import { App } from 'uWebSockets.js';
import type { System } from './system.ts';
import { alone } from './system.ts';
import { addressed, listen, upgrade, WEBSOCKET } from './uws-app.ts';

const PLUS = 0x2b;
const EQUALS = 0x3d;
const AT = 0x40;
const NEWLINE = Buffer.from('\n');

interface Speaker {
  target: string;
  answers: number;
}

/** What stands around each message. */
interface Envelope {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
}

type Listener = WebSocket<Speaker>;

const channels = new Map<string, Set<Listener>>();
const pending = new Map<string, Uint8Array[]>();
const speakers = new Set<Listener>();

/** At the end of the turn, as late as the gateway's. The message must be a copy. */
function publish(channel: string, message: ArrayBuffer, envelope: Envelope): void {
  if (pending.size === 0 && speakers.size === 0) setImmediate(flush, envelope);
  const copy = new Uint8Array(message);
  const messages = pending.get(channel);
  if (messages === undefined) pending.set(channel, [copy]);
  else messages.push(copy);
}

function flush({ head, tail }: Envelope): void {
  for (const [channel, messages] of pending) {
    const frame = Buffer.concat(
      messages.flatMap((one, i) => (i === 0 ? [head, one, tail] : [NEWLINE, head, one, tail])),
    );
    for (const listener of channels.get(channel) ?? []) listener.send(frame);
  }
  pending.clear();
  for (const speaker of speakers) {
    const data = speaker.getUserData();
    speaker.send(Array.from({ length: data.answers }, () => 'ok').join('\n'));
    data.answers = 0;
  }
  speakers.clear();
}

/** False when the message is none to publish. */
function isPurpose(socket: Listener, message: Uint8Array): boolean {
  const [first] = message;
  if (first !== PLUS && first !== EQUALS) return false;
  const channel = Buffer.from(message.subarray(1)).toString();
  if (first === PLUS) {
    const listeners = channels.get(channel);
    if (listeners === undefined) channels.set(channel, new Set([socket]));
    else listeners.add(socket);
  } else {
    socket.getUserData().target = channel;
  }
  socket.send('ok');
  return true;
}

export const joined = (envelope: Envelope): System => ({
  dialect: 'plain',
  start(options) {
    alone(options);
    const app = App();
    app.ws<Speaker>('/*', {
      ...WEBSOCKET,
      maxBackpressure: options.backlogBytes,
      upgrade: (response, request, context) =>
        upgrade(response, request, context, { target: '', answers: 0 }),
      message(socket, message) {
        if (isPurpose(socket, new Uint8Array(message))) return;
        const data = socket.getUserData();
        if (new Uint8Array(message)[0] === AT) {
          const { channel, rest } = addressed(message);
          publish(channel, rest, envelope);
        } else {
          publish(data.target, message.slice(0), envelope);
        }
        data.answers += 1;
        speakers.add(socket);
      },
      close(socket) {
        speakers.delete(socket);
        for (const listeners of channels.values()) listeners.delete(socket);
      },
    });
    return listen(app);
  },
});

const NOTHING = new Uint8Array();

export const system = joined({ head: NOTHING, tail: NOTHING });
