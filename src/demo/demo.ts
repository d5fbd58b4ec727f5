/** The demo page: builds its parts and joins them to one client of the SDK. */
import { Client } from '../client/client.ts';
import type { Subscribed } from '../client/events.ts';
import { Absence } from './absence.ts';
import { compose } from './composer.ts';
import { Cursors } from './cursors.ts';
import { byId } from './element.ts';
import { Flow } from './flow.ts';
import { keep, ownOf } from './own.ts';
import { People } from './people.ts';
import { Room } from './room.ts';
import type { Message, Signal } from './said.ts';
import { CHAT, SIGNALS, signalOf } from './said.ts';
import { tapped } from './tap.ts';
import { showCommand } from './terminal.ts';
import { Wire } from './wire.ts';

/** Long enough to watch it. */
const RECONNECT_MS = { min: 2000, max: 5000 };
const HISTORY_MAX = 50;

const own = ownOf(sessionStorage);
keep(sessionStorage, own);

const wire = new Wire();
const flow = new Flow();
const people = new People();
const room = new Room(own.tab, ({ client: id }) => people.nameOf(id));

const line = tapped({
  opened() {
    flow.opened();
    wire.note('the socket is open');
  },
  sent: (frame) => flow.frame('sent', wire.frame('sent', frame)),
  received: (frame) => flow.frame('received', wire.frame('received', frame)),
  closed(code, reason) {
    flow.closed();
    wire.note(`the socket is closed: ${code} ${reason}`);
  },
});

const url = new URL('connection/websocket', location.href);
url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';

const client = new Client(url.href, {
  name: 'sluice-demo',
  WebSocket: line.WebSocket,
  minReconnectDelayMs: RECONNECT_MS.min,
  maxReconnectDelayMs: RECONNECT_MS.max,
  // What is written while the socket is cut is sent when it is back.
  offline: 'queue',
});
const chat = client.channel<Message>(CHAT, { joinLeave: true });
const signals = client.channel<Signal>(SIGNALS, { recoverable: false });

const absence = new Absence(() => line.cut());
const cursors = new Cursors((point) => {
  if (people.count > 1) signal({ kind: 'cursor', ...point });
});
let clientId = '';

// The connection.

const status = byId('status', HTMLParagraphElement);
const show = (text: string): void => {
  status.textContent = text;
  status.dataset['state'] = client.state;
  document.body.toggleAttribute('data-away', client.state !== 'connected');
};

client.on('connected', ({ client: id }) => {
  clientId = id;
  people.iAm(id, own.name);
  away = absence.end();
  show('connected');
});
client.on('connecting', ({ code }) => {
  cursors.clear();
  if (code === 0) return;
  absence.begin();
  show('cut off, coming back');
});
client.on('disconnected', ({ code, reason }) => show(`stopped: ${reason} (${code})`));

// The room.

/** The last break, in words. */
let away = '';
let missed = 0;
let isCatchingUp = false;

chat.on('subscribed', (event) => {
  people.isAsked();
  chat.presence().then((infos) => people.are(infos), ignore);
  if (!event.wasRecovering) void begin(event);
  else if (event.recovered) catchUp();
});
chat.on('publication', (publication) => {
  if (isCatchingUp) missed += 1;
  room.add(publication, isCatchingUp ? 'missed' : 'live');
});
chat.on('gap', () => {
  absence.tell('recovered: false');
  room.note('not all that was missed is still there · recovered: false');
});
chat.on('join', ({ info }) => people.joined(info));
chat.on('leave', ({ info }) => {
  people.left(info);
  cursors.left(info.client);
});
chat.on('unsubscribed', ({ code, reason }) => room.note(`the room is closed: ${reason} (${code})`));

/** What was said before: up to where the subscription begins, so that nothing comes twice. */
async function begin({ position }: Subscribed): Promise<void> {
  if (position === null) {
    room.begin([]);
    return;
  }
  const since = { ...position, offset: position.offset + 1 };
  const page = await chat.history({ limit: HISTORY_MAX, since, reverse: true }).catch(ignore);
  room.begin(page?.publications.toReversed() ?? []);
}

/** The publications that were missed follow within this turn. */
function catchUp(): void {
  const tell = room.note('back');
  missed = 0;
  isCatchingUp = true;
  queueMicrotask(() => {
    isCatchingUp = false;
    tell(`${away}, ${missed} missed, all delivered · recovered: true`);
    absence.tell(`${missed} missed, recovered: true`);
  });
}

let sent = 0;

function say(text: string): void {
  const message = { text, name: own.name, key: `${own.tab}-${Date.now()}-${(sent += 1)}` };
  const failed = room.waits(message);
  chat.publish(message).catch((error: unknown) => failed(String(error)));
}

// The signals.

/** Only while there is somebody to see it: it is worth nothing later. */
function signal(said: Signal): void {
  if (client.state === 'connected') signals.publish(said).catch(ignore);
}

function ignore(): undefined {
  return undefined;
}

signals.on('subscribed', () => signal({ kind: 'hello', name: own.name, asks: true }));
signals.on('publication', ({ data, info }) => {
  const said = signalOf(data);
  if (said === null || info === null || info.client === clientId) return;
  hear(info.client, said);
});

function hear(from: string, said: Signal): void {
  switch (said.kind) {
    case 'hello':
      people.isCalled(from, said.name);
      cursors.isCalled(from, said.name);
      if (said.asks) signal({ kind: 'hello', name: own.name, asks: false });
      break;
    case 'typing':
      people.types(from, said.typing);
      break;
    case 'cursor':
      // A last one may come after its author has left.
      if (people.has(from)) cursors.shows(from, people.nameOf(from), said);
      break;
  }
}

compose(own, {
  said: say,
  typing: (typing) => {
    if (people.count > 1) signal({ kind: 'typing', typing });
  },
  renamed(name) {
    own.name = name;
    keep(sessionStorage, own);
    people.iAm(clientId, name);
    signal({ kind: 'hello', name, asks: false });
  },
});

showCommand();
// What ends one of them for good is told by its events.
chat.subscribe().catch(ignore);
signals.subscribe().catch(ignore);
client.connect().catch(ignore);
