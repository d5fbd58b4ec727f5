/** The HTTP API: from a method's name and the bytes of a body to a status and the text of an answer. */
import { ERRORS, Refusal } from '../kernel/errors.ts';
import type { Limits } from '../kernel/limits.ts';
import type { Body } from './body.ts';
import { readBody } from './body.ts';
import type { Method } from './method.ts';
import type { Methods } from './methods.ts';
import { BATCH, methods } from './methods.ts';
import type { OpenApi } from './openapi.ts';
import { openapi } from './openapi.ts';
import type { Operations } from './operations.ts';
import { errorWire, write } from './reply.ts';
import { FAULT_STATUS, statusOf } from './statuses.ts';

export interface ApiDeps {
  readonly limits: Pick<Limits, 'jsonDepth'>;
  /** Of the gateway, for the document of the API. */
  readonly version: string;
  /** Logs whole what is our fault; the caller only hears of an internal error. */
  fault(where: string, error: unknown): void;
}

interface ApiResponse {
  readonly status: number;
  /** JSON. */
  readonly body: string;
}

export interface Api {
  /** The methods, as in their paths. */
  readonly names: readonly string[];
  /** Never rejects. It has begun before it returns: calls are carried out in their order. */
  handle(name: string, body: Uint8Array): Promise<ApiResponse>;
  /** The document of the API, version 3.1 of OpenAPI. */
  openapi(): OpenApi;
}

export function createApi(operations: Operations, deps: ApiDeps): Api {
  /** The one place that catches. */
  async function answer(where: string, act: () => Promise<string>): Promise<ApiResponse> {
    try {
      return { status: 200, body: await act() };
    } catch (error) {
      if (error instanceof Refusal) {
        return { status: statusOf(error), body: errorText(error) };
      }
      deps.fault(where, error);
      return { status: FAULT_STATUS, body: FAULT_TEXT };
    }
  }

  async function result(name: string, body: Body): Promise<string> {
    return write(await find(all, name).call(operations, body));
  }

  const all = methods(async (command) => {
    if (command instanceof Refusal) return errorText(command);
    const { name, body } = command;
    const act = async (): Promise<string> => `{"${name}":${await result(name, body)}}`;
    return (await answer(`api ${name}`, act)).body;
  });

  let document: OpenApi | null = null;
  return {
    names: [...all.keys()],
    handle: (name, bytes) =>
      answer(`api ${name}`, async () => {
        find(all, name);
        const text = await result(name, readBody(bytes, deps.limits.jsonDepth));
        return name === BATCH ? text : `{"result":${text}}`;
      }),
    openapi() {
      document ??= openapi(all, deps.version);
      return document;
    },
  };
}

function find(all: Methods, name: string): Method {
  const found = all.get(name);
  if (found === undefined) throw new Refusal('methodNotFound');
  return found;
}

function errorText({ entry, message }: Refusal): string {
  return write({ error: errorWire(entry, message) });
}

const FAULT_TEXT = write({ error: errorWire(ERRORS.internal, ERRORS.internal.message) });
