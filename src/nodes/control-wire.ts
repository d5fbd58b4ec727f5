/** A control as bytes, on its way from one gateway to the others. */
import type { Control, Target } from '../api/control.ts';
import { channelNameOf } from '../channel/name.ts';
import type { Position } from '../channel/recovery.ts';
import type { Overrides } from '../channel/subscription-options.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Close } from '../protocol/close.ts';
import type { Reader } from '../redis/bytes.ts';
import { Malformed, Writer } from '../redis/bytes.ts';

const TYPES = ['subscribe', 'unsubscribe', 'disconnect', 'refresh'] as const;

const OVERRIDES = [
  'presence',
  'joinLeave',
  'forceRecovery',
  'forcePositioning',
  'forcePushJoinLeave',
] as const satisfies readonly (keyof Overrides)[];

/** `from` is the gateway that says it. */
export function controlBytes(from: string, control: Control): Buffer {
  const writer = new Writer();
  writer.text(from);
  writer.byte(TYPES.indexOf(control.type));
  writer.text(control.to.user);
  writer.text(control.to.client);
  switch (control.type) {
    case 'subscribe':
      writer.text(control.channel);
      writer.data(control.info);
      writer.data(control.data);
      for (const name of OVERRIDES) writeOptional(writer, control.override[name]);
      writePosition(writer, control.since);
      writeTime(writer, control.expireAtMs);
      break;
    case 'unsubscribe':
      writer.text(control.channel);
      writeClose(writer, control.reason);
      break;
    case 'disconnect':
      writer.number(control.whitelist.length);
      for (const client of control.whitelist) writer.text(client);
      writeClose(writer, control.reason);
      break;
    case 'refresh':
      writer.byte(control.expired ? 1 : 0);
      writeTime(writer, control.expireAtMs);
      break;
  }
  return writer.take();
}

/** @throws {Malformed} */
export function readControl(reader: Reader, channelLengthMax: number): Control {
  const type = TYPES[reader.byte()] ?? null;
  const to: Target = { user: reader.text(), client: reader.text() };
  switch (type) {
    case 'subscribe':
      return {
        type,
        to,
        channel: readChannel(reader, channelLengthMax),
        info: reader.data(),
        data: reader.data(),
        override: readOverrides(reader),
        since: readPosition(reader),
        expireAtMs: readTime(reader),
      };
    case 'unsubscribe':
      return {
        type,
        to,
        channel: readChannel(reader, channelLengthMax),
        reason: readClose(reader),
      };
    case 'disconnect': {
      const whitelist: string[] = [];
      for (let left = reader.number(); left > 0; left -= 1) whitelist.push(reader.text());
      return { type, to, whitelist, reason: readClose(reader) };
    }
    case 'refresh':
      return { type, to, expired: reader.byte() === 1, expireAtMs: readTime(reader) };
    case null:
      throw new Malformed('a control of another version');
  }
}

type Channel = ReturnType<typeof channelNameOf>;

function readChannel(reader: Reader, lengthMax: number): Channel {
  try {
    return channelNameOf(reader.text(), lengthMax);
  } catch (error) {
    if (error instanceof Refusal) throw new Malformed(error.message, { cause: error });
    throw error;
  }
}

function writeClose(writer: Writer, { code, reason }: Close): void {
  writer.number(code);
  writer.text(reason);
}

function readClose(reader: Reader): Close {
  return { code: reader.number(), reason: reader.text() };
}

function writeOptional(writer: Writer, value: boolean | undefined): void {
  writer.byte(value === undefined ? 0 : value ? 2 : 1);
}

function readOverrides(reader: Reader): Overrides {
  const override: Partial<Record<keyof Overrides, boolean>> = {};
  for (const name of OVERRIDES) {
    const value = reader.byte();
    if (value > 0) override[name] = value === 2;
  }
  return override;
}

function writePosition(writer: Writer, position: Position | null): void {
  writer.text(position === null ? '' : String(position.offset));
  writer.text(position?.epoch ?? '');
}

function readPosition(reader: Reader): Position | null {
  const [offset, epoch] = [reader.text(), reader.text()];
  return offset === '' ? null : { offset: wholeOf(offset), epoch };
}

/** More than a number of the wire holds. */
function writeTime(writer: Writer, ms: number | null): void {
  writer.text(ms === null ? '' : String(ms));
}

function readTime(reader: Reader): number | null {
  const text = reader.text();
  return text === '' ? null : wholeOf(text);
}

function wholeOf(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Malformed('a number that is none');
  return value;
}
