/** A WebSocket client on a plain TCP socket: a handshake, frames out, frames in, and no more. */
import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

export interface Target {
  readonly port: number;
  readonly path: string;
  readonly protocol: string;
  /** A source address of 127/8: each has ports of its own. */
  readonly from: string;
}

/** What comes in. The bytes are only good for the call. */
export interface Sink {
  opened(): void;
  message(bytes: Buffer, from: number, to: number): void;
  /** The peer closed, or the connection broke. Not called after `end`. */
  lost(why: string): void;
}

/** All sockets of a process read into one buffer: what is read is done with before the next read. */
const READ_BYTES = 512 * 1024;
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/** A masked frame. The mask is zeros, which is within the format and saves the driver the XOR. */
export function clientFrame(payload: Uint8Array | string, binary: boolean): Buffer {
  return frameOf(payload, binary ? BINARY : TEXT);
}

function frameOf(payload: Uint8Array | string, opcode: number): Buffer {
  const length = Buffer.byteLength(payload);
  const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = 2 + extended;
  const frame = Buffer.alloc(head + 4 + length);
  frame[0] = 0x80 | opcode;
  frame[1] = 0x80 | (extended === 0 ? length : extended === 2 ? 126 : 127);
  if (extended === 2) frame.writeUInt16BE(length, 2);
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  if (typeof payload === 'string') frame.write(payload, head + 4);
  else frame.set(payload, head + 4);
  return frame;
}

export class RawSocket {
  readonly #sink: Sink;
  readonly #socket: Socket;
  #upgraded = false;
  #ended = false;
  /** The beginning of a frame whose rest has not come yet. */
  #stash: Buffer | null = null;
  #stashed = 0;

  constructor(target: Target, sink: Sink) {
    this.#sink = sink;
    const { port, from } = target;
    const onread = {
      buffer: readBuffer,
      callback: (count: number): boolean => this.#read(count),
    };
    this.#socket = connect({ host: '127.0.0.1', port, localAddress: from, noDelay: true, onread });
    this.#socket.on('connect', () => this.#socket.write(handshake(target), 'latin1'));
    this.#socket.on('error', (error) => this.#lose(error.message));
    this.#socket.on('close', () => this.#lose('the connection was closed'));
  }

  /** Writes frames that `clientFrame` made. */
  write(frames: Uint8Array): void {
    this.#socket.write(frames);
  }

  /** Stops reading from the kernel: a slow reader. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** At once, by a reset: an end in order would keep the port for a minute. */
  end(): void {
    this.#ended = true;
    this.#socket.resetAndDestroy();
  }

  #lose(why: string): void {
    if (this.#ended) return;
    this.end();
    this.#sink.lost(why);
  }

  #read(count: number): boolean {
    if (this.#stash === null) {
      this.#keep(readBuffer, this.#take(readBuffer, 0, count), count);
      return true;
    }
    const end = this.#stashed + count;
    const stash = grown(this.#stash, this.#stashed, end);
    readBuffer.copy(stash, this.#stashed, 0, count);
    const taken = this.#take(stash, 0, end);
    if (taken === 0) {
      this.#stash = stash;
      this.#stashed = end;
    } else {
      this.#keep(stash, taken, end);
    }
    return true;
  }

  /** Remembers what is left over. */
  #keep(bytes: Buffer, from: number, to: number): void {
    if (from === to) {
      this.#stash = null;
      this.#stashed = 0;
      return;
    }
    const stash = bytes === this.#stash ? bytes : Buffer.allocUnsafeSlow(needed(bytes, from, to));
    bytes.copy(stash, 0, from, to);
    this.#stash = stash;
    this.#stashed = to - from;
  }

  /** Handles the whole frames there are; where the rest begins. */
  #take(bytes: Buffer, from: number, to: number): number {
    let at = this.#upgraded ? from : this.#upgrade(bytes, from, to);
    if (!this.#upgraded) return at;
    while (to - at >= 2 && !this.#ended) {
      const head = headOf(bytes, at);
      if (to - at < head) return at;
      const end = at + head + lengthAt(bytes, at, head);
      if (end > to) return at;
      this.#frame((bytes[at] ?? 0) & 0x0f, bytes, at + head, end);
      at = end;
    }
    return this.#ended ? to : at;
  }

  /** The answer to the handshake; where the first frame begins. */
  #upgrade(bytes: Buffer, from: number, to: number): number {
    const end = bytes.indexOf('\r\n\r\n', from, 'latin1');
    if (end === -1 || end >= to) return from;
    const head = bytes.toString('latin1', from, end);
    if (head.startsWith('HTTP/1.1 101')) {
      this.#upgraded = true;
      this.#sink.opened();
    } else {
      this.#lose(`no upgrade: ${head.slice(0, 60)}`);
    }
    return end + 4;
  }

  #frame(opcode: number, bytes: Buffer, from: number, to: number): void {
    if (opcode === TEXT || opcode === BINARY) {
      this.#sink.message(bytes, from, to);
    } else if (opcode === PING) {
      this.write(frameOf(bytes.subarray(from, to), PONG));
    } else if (opcode === CLOSE) {
      const code = to - from >= 2 ? bytes.readUInt16BE(from) : 1005;
      this.#lose(`closed with ${code} ${bytes.toString('utf8', Math.min(from + 2, to), to)}`);
    }
  }
}

function handshake({ port, path, protocol }: Target): string {
  const key = randomBytes(16).toString('base64');
  const asked = protocol === '' ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`;
  return (
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\n` +
    `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n${asked}\r\n`
  );
}

/** How long the head of the frame is that begins at `at`. */
function headOf(bytes: Buffer, at: number): number {
  const short = (bytes[at + 1] ?? 0) & 0x7f;
  if (short < 126) return 2;
  return short === 126 ? 4 : 10;
}

/** How long its payload is. */
function lengthAt(bytes: Buffer, at: number, head: number): number {
  if (head === 2) return (bytes[at + 1] ?? 0) & 0x7f;
  return head === 4 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
}

/** Room for the whole frame that begins at `from`, where its length is known already. */
function needed(bytes: Buffer, from: number, to: number): number {
  const head = to - from >= 2 ? headOf(bytes, from) : 2;
  const length = to - from >= head ? lengthAt(bytes, from, head) : 0;
  return Math.max(to - from, head + length, 1024);
}

function grown(stash: Buffer, used: number, bytes: number): Buffer {
  if (bytes <= stash.length) return stash;
  const larger = Buffer.allocUnsafeSlow(Math.max(bytes, stash.length * 2));
  stash.copy(larger, 0, 0, used);
  return larger;
}
