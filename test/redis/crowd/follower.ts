/** One client of a crowd: as light as can be, but it comes back and recovers as the SDKs do, and checks all it reads. */
import { WebSocket } from 'ws';

/** What is counted by code. */
export type Counted = 'closes' | 'errors' | 'refusals' | 'unsubscribes';

/** What it tells of itself. */
export interface Company {
  readonly url: string;
  count(what: Counted, code: number): void;
  blame(fault: string): void;
  /** It was told that something may be missing. */
  told(): void;
  /** It is in all of its channels; it is not any more. */
  arrived(): void;
  left(): void;
  /** Something was said at a place in a stream. */
  compare(place: string, said: string): void;
}

interface Publication {
  readonly offset?: number;
  readonly epoch?: string;
  readonly data: { readonly by: number; readonly n: number };
}

interface SubscribeResult {
  readonly offset?: number;
  readonly epoch?: string;
  readonly recovered?: boolean;
  readonly publications?: readonly Publication[];
}

interface Message {
  readonly id?: number;
  readonly error?: { readonly code: number; readonly temporary?: boolean };
  readonly subscribe?: SubscribeResult;
  readonly push?: {
    readonly channel: string;
    readonly pub?: Publication;
    readonly unsubscribe?: { readonly code: number };
  };
}

/** What it knows of a channel, and keeps when it is cut off. */
interface Place {
  readonly channel: string;
  offset: number;
  epoch: string;
  /** Whether it was there before. */
  known: boolean;
  isIn: boolean;
}

const DELAY_MS = { min: 100, max: 5000 };
const CONNECT_ID = 1;

export class Follower {
  readonly #crowd: Company;
  readonly #localAddress: string;
  readonly #places: readonly Place[];
  /** Subscribes that are not answered yet. */
  readonly #asked = new Map<number, Place>();
  #socket: WebSocket | null = null;
  #lastId = CONNECT_ID;
  #attempts = 0;
  #isThere = false;

  constructor(crowd: Company, channels: readonly string[], localAddress: string) {
    this.#crowd = crowd;
    this.#localAddress = localAddress;
    this.#places = channels.map((channel) => {
      return { channel, offset: 0, epoch: '', known: false, isIn: false };
    });
  }

  /** How far it is in a channel; null where it is not in it. */
  offsetIn(channel: string): number | null {
    const place = this.#places.find((one) => one.channel === channel);
    return place === undefined ? null : place.offset;
  }

  connect(): void {
    const { url } = this.#crowd;
    const socket = new WebSocket(url, {
      localAddress: this.#localAddress,
      perMessageDeflate: false,
    });
    this.#socket = socket;
    let isOpen = false;
    socket.on('open', () => {
      isOpen = true;
      this.#begin();
    });
    socket.on('unexpected-response', (_request, { statusCode = 0 }) => {
      this.#crowd.count('refusals', statusCode);
      socket.terminate();
    });
    socket.on('message', (frame: Buffer) => this.#hear(frame.toString()));
    socket.on('error', () => {});
    socket.on('close', (code) => this.#closed(isOpen ? code : null));
  }

  end(): void {
    this.#socket?.removeAllListeners('close');
    this.#socket?.terminate();
  }

  /** As the SDKs do: the connect and all subscribes in one frame. */
  #begin(): void {
    this.#lastId = CONNECT_ID;
    const lines = [JSON.stringify({ id: CONNECT_ID, connect: {} })];
    for (const place of this.#places) lines.push(this.#subscribeLine(place));
    this.#socket?.send(lines.join('\n'));
  }

  #subscribeLine(place: Place): string {
    this.#lastId += 1;
    this.#asked.set(this.#lastId, place);
    const { channel, offset, epoch, known } = place;
    const recover = known ? { recover: true, offset, epoch } : {};
    return JSON.stringify({
      id: this.#lastId,
      subscribe: { channel, recoverable: true, ...recover },
    });
  }

  #hear(frame: string): void {
    for (const line of frame.split('\n')) {
      if (line === '{}') this.#socket?.send('{}');
      else this.#read(JSON.parse(line) as Message);
    }
  }

  #read({ id = 0, error, subscribe, push }: Message): void {
    if (push !== undefined) {
      const place = this.#places.find(({ channel }) => channel === push.channel);
      if (place === undefined) this.#crowd.blame(`a push of ${push.channel}`);
      else if (push.pub !== undefined) this.#take(place, push.pub);
      else if (push.unsubscribe !== undefined) this.#lost(place, push.unsubscribe.code);
      return;
    }
    const place = this.#asked.get(id);
    this.#asked.delete(id);
    if (error !== undefined) this.#refused(place, error);
    else if (place !== undefined && subscribe !== undefined) this.#join(place, subscribe);
    else this.#attempts = 0;
  }

  #refused(place: Place | undefined, error: NonNullable<Message['error']>): void {
    this.#crowd.count('errors', error.code);
    if (error.temporary !== true) this.#crowd.blame(`error ${error.code}`);
    else if (place === undefined) this.#socket?.terminate();
    else this.#later(() => this.#ask(place));
  }

  #ask(place: Place): void {
    if (this.#socket?.readyState !== WebSocket.OPEN || place.isIn) return;
    this.#socket.send(this.#subscribeLine(place));
  }

  #join(place: Place, result: SubscribeResult): void {
    const { recovered = false, offset = 0, epoch = '', publications = [] } = result;
    if (place.known && !recovered) this.#crowd.told();
    if (recovered && offset !== place.offset) {
      this.#crowd.blame(`recovered from ${offset}, not ${place.offset}`);
    }
    place.isIn = true;
    place.known = true;
    place.offset = offset;
    place.epoch = epoch;
    for (const publication of publications) this.#take(place, publication);
    this.#tell();
  }

  #lost(place: Place, code: number): void {
    this.#crowd.count('unsubscribes', code);
    if (code < 2500) this.#crowd.blame(`unsubscribed with ${code}`);
    place.isIn = false;
    this.#tell();
    this.#ask(place);
  }

  #take(place: Place, { offset = 0, epoch = place.epoch, data }: Publication): void {
    const { channel } = place;
    if (!place.isIn) this.#crowd.blame(`${channel}: a publication before the subscription`);
    if (offset !== place.offset + 1) {
      this.#crowd.blame(`${channel}: ${offset} came where ${place.offset + 1} was next`);
    }
    this.#crowd.compare(`${channel} ${epoch} ${offset}`, `${data.by} ${data.n}`);
    place.offset = offset;
    place.epoch = epoch;
  }

  /** Null: it never got through. */
  #closed(code: number | null): void {
    if (code !== null) this.#crowd.count('closes', code);
    this.#asked.clear();
    for (const place of this.#places) place.isIn = false;
    this.#tell();
    this.#later(() => this.connect());
  }

  /** The crowd hears when it is in all of its channels, and when it is not any more. */
  #tell(): void {
    const isThere = this.#places.every(({ isIn }) => isIn);
    if (isThere === this.#isThere) return;
    this.#isThere = isThere;
    if (isThere) this.#crowd.arrived();
    else this.#crowd.left();
  }

  /** With full jitter, as the SDKs wait. */
  #later(act: () => void): void {
    const { min, max } = DELAY_MS;
    const most = Math.min(max, min * 2 ** Math.min(this.#attempts, 10));
    this.#attempts += 1;
    setTimeout(act, Math.min(max, min + Math.random() * most));
  }
}
