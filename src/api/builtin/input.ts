/** The input of a task that the gateway brings: what was handed in, and what is kept of it. */
import { isFields } from '../../protocol/body.ts';
import { base64 } from '../../protocol/base64.ts';
import { Json } from '../../kernel/data.ts';
import { bodyOf, fieldsOf } from '../body.ts';

/** The fields of an input: as the text of a peer, or as a value of a program. Data stays text. */
export function fieldsOfInput(input: unknown): unknown {
  if (input instanceof Json) return fieldsOf(bodyOf(input));
  if (!isFields(input) || input['data'] === undefined) return input ?? {};
  const { data, ...rest } = input;
  if (data instanceof Uint8Array) return { ...rest, b64data: base64(data) };
  return { ...rest, data: data instanceof Json ? data : Json.of(data) };
}

/** The text of fields, in which what is text already stays as it is. */
export function inputOf(fields: object): Json {
  const members: string[] = [];
  for (const [name, value] of Object.entries(fields)) {
    const text = value instanceof Json ? value.text : JSON.stringify(value);
    if (text !== undefined) members.push(`${JSON.stringify(name)}:${text}`);
  }
  return new Json(`{${members.join(',')}}`);
}
