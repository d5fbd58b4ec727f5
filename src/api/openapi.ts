/** The document of the API, in OpenAPI 3.1: made from the methods, so that it cannot differ from them. */
import * as z from 'zod';
import { ERRORS } from '../kernel/errors.ts';
import { COMMAND_SCHEMA, REPLY_SCHEMA } from './methods/batch.ts';
import type { Method } from './method.ts';
import type { Methods } from './methods.ts';
import { BATCH } from './methods.ts';
import { FAULT_STATUS, kindsOf, STATUSES } from './statuses.ts';

/** A JSON object. */
export interface OpenApi {
  readonly [name: string]: unknown;
}

export function openapi(methods: Methods, version: string): OpenApi {
  const paths: Record<string, unknown> = {};
  for (const [name, method] of methods) paths[`/api/${name}`] = { post: operation(name, method) };
  return {
    openapi: '3.1.0',
    info: {
      title: 'Sluice server API',
      version,
      description: 'Publish to channels, and see and steer who is connected.',
    },
    security: [{ key: [] }, { authorization: [] }],
    paths,
    components: {
      securitySchemes: SECURITY,
      schemas: schemasOf(methods),
      responses: Object.fromEntries(
        ERROR_STATUSES.map((status) => [`Error${status}`, errorResponse(status)]),
      ),
    },
  };
}

const SECURITY = {
  key: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
  authorization: {
    type: 'apiKey',
    in: 'header',
    name: 'Authorization',
    description: '`apikey` and the key, with a space between them.',
  },
};

const ERROR = {
  type: 'object',
  properties: {
    code: { type: 'integer' },
    message: { type: 'string', description: 'For the developer; it names the field or the limit.' },
  },
  required: ['code', 'message'],
};

/** 413 is the answer of the edge to a body that is too large; it has no JSON. */
const TOO_LARGE = 413;

const ERROR_STATUSES: readonly number[] = [
  ...new Set<number>([...Object.values(STATUSES), FAULT_STATUS, TOO_LARGE]),
].toSorted((a, b) => a - b);

function operation(name: string, { summary }: Method): OpenApi {
  const result = ref(`${pascal(name)}Result`);
  const errors = ERROR_STATUSES.map((status) => [
    String(status),
    { $ref: `#/components/responses/Error${status}` },
  ]);
  return {
    operationId: name,
    summary,
    requestBody: { required: true, content: content(ref(`${pascal(name)}Request`)) },
    responses: {
      '200': {
        description: 'Done.',
        content: content(name === BATCH ? result : object({ result }, ['result'])),
      },
      ...Object.fromEntries(errors),
    },
  };
}

function errorResponse(status: number): OpenApi {
  if (status === TOO_LARGE) return { description: 'The body is too large.' };
  const errors = kindsOf(status).map((kind) => `${ERRORS[kind].code} ${ERRORS[kind].message}`);
  const description = status === FAULT_STATUS ? 'A fault of the server.' : `${errors.join('; ')}.`;
  return { description, content: content(object({ error: ref('Error') }, ['error'])) };
}

function schemasOf(methods: Methods): OpenApi {
  const schemas: Record<string, unknown> = { Error: ERROR };
  const commands: Record<string, unknown> = {};
  const replies: Record<string, unknown> = { error: ref('Error') };
  for (const [name, { request, result }] of methods) {
    schemas[`${pascal(name)}Request`] = schemaOf(request, 'input');
    schemas[`${pascal(name)}Result`] = schemaOf(result, 'output');
    if (name === BATCH) continue;
    commands[name] = ref(`${pascal(name)}Request`);
    replies[name] = ref(`${pascal(name)}Result`);
  }
  const one = { minProperties: 1, maxProperties: 1 };
  schemas[COMMAND_SCHEMA] = { ...object(commands), additionalProperties: false, ...one };
  schemas[REPLY_SCHEMA] = { ...object(replies), ...one };
  return schemas;
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): OpenApi {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}

function object(properties: Readonly<Record<string, unknown>>, required?: string[]): OpenApi {
  return { type: 'object', properties, ...(required === undefined ? {} : { required }) };
}

function content(schema: OpenApi): OpenApi {
  return { 'application/json': { schema } };
}

function ref(schema: string): OpenApi {
  return { $ref: `#/components/schemas/${schema}` };
}

/** `PresenceStats` for `presence_stats`. */
function pascal(name: string): string {
  return name.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
