/** The JSON of an answer. Data within it goes out as the text that came in. */
import { Json } from '../kernel/data.ts';
import type { ErrorEntry } from '../kernel/errors.ts';
import type { ClientInfo } from '../channel/publication.ts';
import type { Position } from '../channel/recovery.ts';
import { base64 } from '../protocol/base64.ts';
import type { Wire, WireObject } from '../protocol/wire.ts';

export function write(wire: Wire): string {
  if (typeof wire === 'string') return JSON.stringify(wire);
  if (typeof wire === 'number' || typeof wire === 'boolean') return String(wire);
  if (wire instanceof Json) return wire.text;
  if (wire instanceof Uint8Array) return `"${base64(wire)}"`;
  if (Array.isArray(wire)) return `[${wire.map(write).join(',')}]`;
  const members = wire instanceof Map ? [...wire] : Object.entries(wire);
  const parts: string[] = [];
  for (const [name, value] of members) {
    if (value !== undefined) parts.push(`${JSON.stringify(name)}:${write(value)}`);
  }
  return `{${parts.join(',')}}`;
}

/** Without history there is no position to tell. */
export function positionWire({ offset, epoch }: Position): WireObject {
  return { offset: offset || undefined, epoch: epoch || undefined };
}

export function infoWire(info: ClientInfo): WireObject {
  return {
    client: info.client,
    user: info.user,
    conn_info: info.connInfo ?? undefined,
    chan_info: info.chanInfo ?? undefined,
  };
}

export function errorWire({ code }: ErrorEntry, message: string): WireObject {
  return { code, message };
}
