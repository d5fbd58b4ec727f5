/** A client that stays: prints every reading, and how far measurements are. */
import { Client } from 'sluice/client';
import { follow } from './follow.ts';

const service = process.argv[2] ?? 'http://127.0.0.1:8000';
const print = (value: unknown): void => console.log(JSON.stringify(value));

const client = new Client(`${service.replace(/^http/, 'ws')}/connection/websocket`);
client.on('connecting', ({ reason }) => console.error('connecting:', reason));
client.on('connected', () => console.error('connected'));
void client.connect();

const measurements = client.channel('measurements');
measurements.on('publication', ({ data }) => print(data));
void measurements.subscribe();

await follow(client, service, print);
