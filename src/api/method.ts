/** One method of the HTTP API: what it takes, what it gives, and what it does. */
import type * as z from 'zod';
import { Refusal } from '../kernel/errors.ts';
import type { WireObject } from '../protocol/wire.ts';
import type { Body } from './body.ts';
import { fieldsOf } from './body.ts';
import type { Operations } from './operations.ts';
import { placeOf, wordsOf } from './words.ts';

interface Documented {
  /** One line for the document of the API. */
  readonly summary: string;
  /** Of the result; answers are not held against it. */
  readonly result: z.ZodType;
}

export interface Method extends Documented {
  readonly request: z.ZodType;
  /** @throws {Refusal} `badRequest` that names the field, or what the operation refuses. */
  call(operations: Operations, body: Body): Promise<WireObject>;
}

export interface Definition<S extends z.ZodType> extends Documented {
  /** On the wire and in errors. */
  readonly name: string;
  readonly request: S;
  run(operations: Operations, request: z.output<S>, body: Body): Promise<WireObject>;
}

export function method<S extends z.ZodType>(definition: Definition<S>): Method {
  const { name, summary, request, result } = definition;
  return {
    summary,
    request,
    result,
    call: (operations, body) =>
      definition.run(operations, check(name, request, fieldsOf(body)), body),
  };
}

/** @throws {Refusal} `badRequest` that names the field, as a part of what `name` is called. */
export function check<S extends z.ZodType>(name: string, schema: S, value: unknown): z.output<S> {
  const checked = schema.safeParse(value, { error: wordsOf });
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const place = placeOf(name, issue?.path ?? []);
  throw new Refusal('badRequest', `${place} ${issue?.message ?? 'is wrong'}`);
}
