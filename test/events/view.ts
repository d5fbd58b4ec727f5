/** What a backend knows from the events alone, and what is wrong with how it was told. */
import type { EventBatch, GatewayEvent } from '../../src/events/event.ts';

type ConnectionEvent = Extract<GatewayEvent, { readonly client: string }>;

interface Connection {
  readonly user: string;
  readonly channels: Set<string>;
  seq: number;
}

/** As a backend would keep it: doubles are recognised by their id, and a reset forgets everything. */
export class View {
  readonly connections = new Map<string, Connection>();
  readonly occupied = new Set<string>();
  /** All that was heard, without doubles. */
  readonly events: GatewayEvent[] = [];
  /** What no backend should ever hear. */
  readonly faults: string[] = [];
  doubles = 0;
  dropped = 0;
  resets = 0;
  #lastId = 0;

  readonly take = (batch: EventBatch): void => {
    this.dropped += batch.dropped;
    for (const event of batch.events) {
      if (event.id <= this.#lastId) {
        this.doubles += 1;
        continue;
      }
      this.#lastId = event.id;
      this.events.push(event);
      this.#apply(event);
    }
  };

  /** Who is connected, and where each of them is subscribed. */
  get state(): Record<string, string[]> {
    const entries = [...this.connections].map(
      ([client, { channels }]) => [client, [...channels].toSorted()] as const,
    );
    return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** `connected a`, `subscribed a room`, in the order they came. */
  get words(): string[] {
    return this.events.map(wordsOf);
  }

  #apply(event: GatewayEvent): void {
    switch (event.type) {
      case 'reset':
        this.resets += 1;
        this.connections.clear();
        this.occupied.clear();
        break;
      case 'channel_occupied':
        this.#expect(!this.occupied.has(event.channel), event);
        this.occupied.add(event.channel);
        break;
      case 'channel_vacated':
        this.#expect(this.occupied.delete(event.channel), event);
        break;
      case 'connected':
      case 'disconnected':
      case 'subscribed':
      case 'unsubscribed':
        this.#applyTo(event);
        break;
    }
  }

  #applyTo(event: ConnectionEvent): void {
    const { client, user, seq } = event;
    const known = this.connections.get(client);
    const connection = known ?? { user, channels: new Set<string>(), seq: 0 };
    this.#expect((known === undefined) === (event.type === 'connected'), event);
    this.#expect(connection.user === user && connection.seq + 1 === seq, event);
    connection.seq = seq;
    const { channels } = connection;
    if (event.type === 'connected') this.connections.set(client, connection);
    if (event.type === 'subscribed') this.#expect(!channels.has(event.channel), event);
    if (event.type === 'subscribed') channels.add(event.channel);
    if (event.type === 'unsubscribed') this.#expect(channels.delete(event.channel), event);
    if (event.type !== 'disconnected') return;
    this.#expect(channels.size === 0, event);
    this.connections.delete(client);
  }

  #expect(holds: boolean, event: GatewayEvent): void {
    if (!holds) this.faults.push(JSON.stringify(event));
  }
}

export function wordsOf(event: GatewayEvent): string {
  const client = 'client' in event ? [event.client] : [];
  const channel = 'channel' in event ? [event.channel] : [];
  return [event.type, ...client, ...channel].join(' ');
}
