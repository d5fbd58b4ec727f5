import { describe, expect, test } from 'vitest';
import { limits } from '../../src/kernel/limits.ts';
import { Turn } from '../../src/kernel/turn.ts';
import type { Codec } from '../../src/protocol/codec.ts';
import { Outbox } from '../../src/session/outbox.ts';
import { FakeTransport, json, msgpack } from './rig.ts';

interface Rig {
  readonly outbox: Outbox;
  readonly transport: FakeTransport;
  /** What the session was told. */
  readonly told: string[];
  readonly write: (text: string) => void;
  readonly turn: () => void;
  readonly frames: () => string[];
}

function rig({ bytesMax = 100, codec = json }: { bytesMax?: number; codec?: Codec } = {}): Rig {
  const transport = new FakeTransport();
  const turn = new Turn(() => {});
  const told: string[] = [];
  const owner = {
    services: { turn, limits: limits({ outboxBytes: bytesMax }) },
    refused: () => void told.push('refused'),
    drained: () => void told.push('drained'),
  };
  const outbox = new Outbox(owner, transport, codec);
  const encoder = new TextEncoder();
  return {
    outbox,
    transport,
    told,
    write: (text) => outbox.write(encoder.encode(text)),
    turn: () => turn.flush(),
    frames: () => transport.frames.map((frame) => new TextDecoder().decode(frame)),
  };
}

describe('what is written in one turn', () => {
  test('leaves as one frame, in its order', () => {
    const { write, turn, frames } = rig();
    for (const text of ['1', '2', '3']) write(text);
    expect(frames()).toEqual([]);
    turn();
    expect(frames()).toEqual(['1\n2\n3']);
    turn();
    expect(frames()).toHaveLength(1);
    write('4');
    turn();
    expect(frames()).toEqual(['1\n2\n3', '4']);
  });

  test('is joined as the codec joins', () => {
    const { write, turn, frames } = rig({ codec: msgpack });
    for (const text of ['1', '2', '3']) write(text);
    turn();
    expect(frames()).toEqual(['123']);
  });

  test('is joined once for all who are sent the same', () => {
    const [one, same, other] = [rig(), rig(), rig()];
    const [a, b, c] = ['1', '2', '3'].map((text) => new TextEncoder().encode(text));
    const author = rig();
    author.write('0');
    for (const chunk of [a!, b!, c!]) {
      // As a channel sends it: one after the other, and the author among them.
      for (const { outbox } of [one, author, same]) outbox.write(chunk);
    }
    for (const chunk of [a!, c!, b!]) other.outbox.write(chunk);
    for (const { turn } of [one, author, same, other]) turn();
    expect(one.frames()).toEqual(['1\n2\n3']);
    expect(author.frames()).toEqual(['0\n1\n2\n3']);
    expect(same.transport.frames[0]).toBe(one.transport.frames[0]);
    expect(other.frames()).toEqual(['1\n3\n2']);
  });

  test('before and after a cork leaves in the order that the cork makes', () => {
    const { outbox, write, turn, frames } = rig();
    const text = new TextEncoder();
    outbox.cork();
    for (const late of ['2', '3']) write(late);
    outbox.uncork(text.encode('1'));
    write('4');
    turn();
    expect(frames()).toEqual(['1\n2\n3\n4']);
  });

  test('of one chunk is that chunk: many connections share it', () => {
    const { outbox, transport, turn } = rig();
    const chunk = new Uint8Array(10);
    outbox.write(chunk);
    turn();
    expect(transport.frames[0]).toBe(chunk);
  });
});

describe('to a socket that keeps up', () => {
  test('anything may be given, and leaves early when it is much', () => {
    const { outbox, write, turn, frames } = rig();
    for (let n = 0; n < 30; n += 1) {
      expect(outbox.admits(10)).toBe(true);
      write('x'.repeat(10));
    }
    expect(outbox.admits(1_000_000)).toBe(true);
    write('y'.repeat(1_000_000));
    turn();
    expect(frames().join('').replaceAll('\n', '')).toBe('x'.repeat(300) + 'y'.repeat(1_000_000));
    expect(frames().length).toBeLessThan(6);
  });
});

describe('to a socket that is slow', () => {
  test('no more may be given than the bound, in the outbox and the socket together', () => {
    const { outbox, write, transport } = rig();
    transport.slow = true;
    let given = 0;
    while (outbox.admits(30)) {
      write('x'.repeat(30));
      given += 30;
    }
    expect(given).toBe(90);
    // With what stands between the chunks.
    expect(transport.buffered()).toBe(92);
    expect(outbox.admits(8)).toBe(true);
    expect(outbox.admits(9)).toBe(false);
  });

  test('one thing that is larger than the bound may be given, where nothing waits', () => {
    const { outbox, write, transport, turn } = rig();
    transport.slow = true;
    expect(outbox.admits(1000)).toBe(true);
    write('x'.repeat(1000));
    turn();
    expect(outbox.admits(1)).toBe(false);
  });

  test('there is room again when half of it is gone', () => {
    const { outbox, write, transport, turn } = rig();
    transport.slow = true;
    for (let n = 0; n < 4; n += 1) {
      write('x'.repeat(25));
      turn();
    }
    expect(outbox.admits(1)).toBe(false);
    expect(outbox.drained()).toBe(false);
    // The transport calls the session, which there is none of here.
    transport.sip();
    expect(outbox.drained()).toBe(false);
    transport.sip();
    expect(outbox.drained()).toBe(true);
    expect(outbox.admits(50)).toBe(true);
    expect(outbox.admits(51)).toBe(false);
  });

  test('gathering begins again when it has read all', () => {
    const { outbox, write, transport, turn, frames } = rig();
    transport.slow = true;
    write('1');
    turn();
    transport.drain();
    outbox.drained();
    write('2');
    expect(outbox.admits(1)).toBe(true);
    write('3');
    turn();
    expect(frames()).toEqual(['1', '2\n3']);
  });
});

describe('a socket that takes nothing', () => {
  test('is told of once for each frame', () => {
    const { write, turn, transport, told } = rig();
    transport.dead = true;
    write('1');
    write('2');
    turn();
    expect(told).toEqual(['refused']);
    turn();
    expect(told).toEqual(['refused']);
  });
});

describe('a corked outbox', () => {
  test('lets nothing leave until it is uncorked, and then the cork’s chunk first', () => {
    const { outbox, write, turn, frames } = rig();
    outbox.cork();
    write('1');
    turn();
    write('2');
    outbox.endTurn();
    expect(frames()).toEqual([]);
    outbox.uncork(new TextEncoder().encode('0'));
    turn();
    expect(frames()).toEqual(['0\n1\n2']);
    write('3');
    turn();
    expect(frames()).toEqual(['0\n1\n2', '3']);
  });

  test('that held nothing lets go of the chunk alone', () => {
    const { outbox, turn, frames } = rig();
    outbox.cork();
    outbox.uncork(new TextEncoder().encode('0'));
    turn();
    expect(frames()).toEqual(['0']);
  });

  test('is bounded, and tells when there is room again for who was not admitted', () => {
    const { outbox, write, turn, told } = rig();
    outbox.cork();
    write('x'.repeat(90));
    expect(outbox.admits(11)).toBe(false);
    expect(told).toEqual([]);
    outbox.uncork(new Uint8Array(1));
    turn();
    expect(told).toEqual(['drained']);
    // Once: nobody was turned away since.
    expect(outbox.drained()).toBe(true);
    write('y');
    turn();
    expect(told).toEqual(['drained']);
  });

  test('leaves it to the socket to tell, where that is slow', () => {
    const { outbox, write, turn, transport, told } = rig();
    transport.slow = true;
    outbox.cork();
    write('x'.repeat(90));
    expect(outbox.admits(11)).toBe(false);
    outbox.uncork(new Uint8Array(1));
    turn();
    expect(told).toEqual([]);
    transport.drain();
    expect(outbox.drained()).toBe(true);
    write('y');
    turn();
    expect(told).toEqual([]);
  });
});
