/** What a peer sent for other peers to read, kept in the form it came in. */

declare global {
  interface JSON {
    /** Not in the es2024 library yet; Node has had it since 21. */
    rawJSON(text: string): unknown;
  }
}

/**
 * A JSON value as the text its sender wrote: numbers beyond 2^53, key order and spacing arrive as
 * they were sent. Only valid JSON text may be wrapped.
 */
export class Json {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** The text of a value of ours. Integers beyond 2^53 may be given as bigint. */
  static of(value: unknown): Json {
    return new Json(JSON.stringify(value, bigints) ?? 'null');
  }

  value(): unknown {
    return JSON.parse(this.text);
  }
}

/** Either a JSON value or bytes; to a reader of JSON, bytes are a base64 string. */
export type Data = Json | Uint8Array;

/** What `data` weighs in a queue or a frame, in bytes; near enough for text outside of ASCII. */
export function sizeOf(data: Data): number {
  return data instanceof Json ? data.text.length : data.length;
}

function bigints(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? JSON.rawJSON(value.toString()) : value;
}
