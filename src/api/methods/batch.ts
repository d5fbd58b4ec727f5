/** `batch`: many commands in one request. */
import * as z from 'zod';
import type { Wire } from '../../protocol/wire.ts';
import { Json } from '../../kernel/data.ts';
import { Refusal } from '../../kernel/errors.ts';
import { isFields } from '../../protocol/body.ts';
import type { Body } from '../body.ts';
import { itemBodies, memberBody } from '../body.ts';
import { flag } from '../fields.ts';
import type { Method } from '../method.ts';
import { method } from '../method.ts';

export const COMMANDS_MAX = 1000;
/** Commands of one batch that run at once, when they may. */
export const PARALLEL_MAX = 100;
/** What the replies of one batch may weigh before its other commands are refused, in characters. */
export const REPLIES_LENGTH_MAX = 16 * 1024 * 1024;

/** Names in the document of the API. */
export const COMMAND_SCHEMA = 'BatchCommand';
export const REPLY_SCHEMA = 'BatchReply';

const ref = (schema: string): { $ref: string } => ({ $ref: `#/components/schemas/${schema}` });

/** One command by its name, or the refusal to carry one out; gives the text of the reply. Never rejects. */
export type CarryOut = (command: { name: string; body: Body } | Refusal) => Promise<string>;

export function batch(carryOut: CarryOut): Method {
  return method({
    name: 'batch',
    summary: 'Several commands in one request, one after the other unless `parallel` is set.',
    request: z.strictObject({
      commands: z
        .array(z.custom(isFields, { error: 'must be an object' }).meta(ref(COMMAND_SCHEMA)))
        .max(COMMANDS_MAX)
        .describe('Each is an object with the name of one method and its request.'),
      parallel: flag(`Carry them out in no order, up to ${PARALLEL_MAX} at once.`),
    }),
    result: z.looseObject({
      replies: z
        .array(z.unknown().meta(ref(REPLY_SCHEMA)))
        .describe('For each command, in their order: its result by its name, or an error.'),
    }),
    async run(_operations, { parallel }, body) {
      const commands = itemBodies(body, 'commands');
      return { replies: await runAll(commands, parallel === true ? PARALLEL_MAX : 1, carryOut) };
    },
  });
}

async function runAll(
  commands: readonly Body[],
  width: number,
  carryOut: CarryOut,
): Promise<Wire[]> {
  const replies: Json[] = [];
  let length = 0;
  const waiting = commands.entries();
  /** Each takes the next command when it is done with one. */
  const worker = async (): Promise<void> => {
    for (const [index, command] of waiting) {
      const reply = await carryOut(length > REPLIES_LENGTH_MAX ? TOO_LONG : one(command, index));
      length += reply.length;
      replies[index] = new Json(reply);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, commands.length) }, worker));
  return replies;
}

const TOO_LONG = new Refusal('limitExceeded', 'the replies of this batch are too long already');

function one(command: Body, index: number): { name: string; body: Body } | Refusal {
  const { value } = command;
  // As in other requests, what is null is not there.
  const names = isFields(value) ? Object.keys(value).filter((name) => value[name] !== null) : [];
  const [name] = names;
  const place = `batch.commands[${index}]`;
  if (name === undefined || names.length > 1) {
    return new Refusal('badRequest', `${place} must have the name of one method`);
  }
  if (name === 'batch') return new Refusal('badRequest', `${place} is a batch in a batch`);
  return { name, body: memberBody(command, name) };
}
