/** What Redis answers, checked where it is read. */

export type Reply = Buffer | number | string | null | readonly Reply[];

export function listOf(reply: Reply | undefined): readonly Reply[] {
  if (!Array.isArray(reply)) throw unexpected(reply, 'a list');
  return reply;
}

export function textOf(reply: Reply | undefined): string {
  if (Buffer.isBuffer(reply)) return reply.toString();
  if (typeof reply === 'string') return reply;
  throw unexpected(reply, 'a text');
}

export function bytesOf(reply: Reply | undefined): Buffer {
  if (!Buffer.isBuffer(reply)) throw unexpected(reply, 'bytes');
  return reply;
}

/** Whole numbers also come as text. */
export function numberOf(reply: Reply | undefined): number {
  const value = typeof reply === 'number' ? reply : Number.parseInt(textOf(reply), 10);
  if (!Number.isSafeInteger(value)) throw unexpected(reply, 'a whole number');
  return value;
}

/** What a client of Redis gives us, as what it can be. */
export function replyOf(value: unknown): Reply {
  if (value === null || value === undefined) return null;
  if (Buffer.isBuffer(value) || typeof value === 'number' || typeof value === 'string')
    return value;
  if (Array.isArray(value)) return value.map(replyOf);
  throw new Error(`Redis answered with a ${typeof value}`);
}

function unexpected(reply: unknown, wanted: string): Error {
  return new Error(`Redis answered ${JSON.stringify(reply) ?? 'nothing'}, not ${wanted}`);
}
