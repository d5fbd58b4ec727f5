/** A process with clients in every state, which `process.test.ts` starts; each is closed at its end. */
import { WebSocket } from 'ws';
import { Client } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/options.ts';

const [url = '', socket] = process.argv.slice(2);
const options: ClientOptions = socket === 'ws' ? { WebSocket } : {};
const NOWHERE = 'ws://127.0.0.1:1/connection/websocket';

const idle = new Client(url, options);
const asking = new Client(url, { ...options, getToken: () => new Promise(() => undefined) });
const refused = new Client(NOWHERE, options);
const dialing = new Client(url, options);
const used = new Client(url, { ...options, offline: 'queue' });

const outcomes: Promise<string>[] = [];

function note(promise: Promise<unknown>): void {
  outcomes.push(
    promise.then(
      () => 'resolved',
      () => 'rejected',
    ),
  );
}

note(asking.connect());
note(refused.connect());
const connected = used.connect();
note(used.publish('kept:3', 'early'));
const channel = used.channel<string>('kept:1');

async function read(): Promise<void> {
  for await (const { data } of channel) console.log(data);
}

const reading = read();
await connected;
await channel.subscribe();
await channel.publish('hello');
note(used.rpc('never'));
note(dialing.connect());
note(dialing.channel('kept:2').subscribe());
for (const one of [idle, asking, refused, dialing, used]) one.close();
await reading;
console.log((await Promise.all(outcomes)).join(' '));
