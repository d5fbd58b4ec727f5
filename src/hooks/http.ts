/** The hooks of an application that lives elsewhere: each is a POST to one of the endpoints. */
import { createHash } from 'node:crypto';
import { Deferred } from '../kernel/deferred.ts';
import { Refusal } from '../kernel/errors.ts';
import type { Count } from '../kernel/meters.ts';
import {
  readConnect,
  readPublish,
  readRefresh,
  readReply,
  readRpc,
  readSubscribe,
} from './answers.ts';
import type { Said } from './answers.ts';
import type { AskOptions, Question } from './endpoint.ts';
import { EndpointError, MalformedAnswer } from './failure.ts';
import type { Caller, ConnectQuestion, Hooks } from './hooks.ts';
import type { Members } from './members.ts';
import { connectBody, publishBody, refreshBody, rpcBody, subscribeBody } from './questions.ts';

/** `billing.*` is every method that begins with `billing.`; without a star it is the one of that name. */
export interface RpcRoute {
  readonly pattern: string;
  readonly endpoint: string;
}

/** Which hook asks which endpoint; null: none. */
export interface HttpHooksSettings {
  readonly connect: string | null;
  readonly refresh: string | null;
  /** The first that fits is asked. None: there is no rpc. */
  readonly rpc: readonly RpcRoute[];
  /** By channel; null: no channel asks. */
  readonly subscribe: ((channel: string) => string | null) | null;
  readonly publish: ((channel: string) => string | null) | null;
  /** Of the upgrade, in lower case: they are handed on to the connect hook. */
  readonly headers: readonly string[];
  /** How long an answer is kept; 0: it is not. */
  readonly connectTtlMs: number;
  readonly subscribeTtlMs: number;
}

/**
 * Gives what is kept under the key, or computes it once for all that wait. `ttlMs` tells of what was
 * computed how long to keep it.
 */
export type Keep = (
  key: string,
  compute: (signal: AbortSignal) => Promise<string>,
  ttlMs: (text: string) => number,
) => Promise<unknown>;

export interface HttpHooksContext {
  readonly endpoints: {
    put<T>(name: string, question: Question<T>, options: AskOptions): Promise<T>;
    /** All that its answers may depend on besides the question. */
    identityOf(name: string): string;
  };
  readonly keep: Keep;
  /** How deep an answer may be nested. */
  readonly depthMax: number;
  /** By hook. */
  readonly count: Count;
}

/** A question to the backend. */
interface Asked<T> {
  readonly endpoint: string;
  readonly body: string;
  readonly caller: Caller;
  readonly read: (result: Members) => T;
  /** It is only asked: it may reach the backend twice. */
  readonly repeatable: boolean;
  /** 0: the answer is not kept. */
  readonly ttlMs: number;
}

/** Only those hooks are there that have somebody to ask. */
export function httpHooks(settings: HttpHooksSettings, context: HttpHooksContext): Hooks {
  const asking = new Asking(context);
  const { connect, refresh, subscribe, publish, rpc } = settings;
  return {
    ...(connect === null ? {} : { connect: connectHook(connect, settings, asking) }),
    ...(refresh === null ? {} : { refresh: refreshHook(refresh, asking) }),
    ...(subscribe === null
      ? {}
      : { subscribe: subscribeHook(subscribe, settings.subscribeTtlMs, asking) }),
    ...(publish === null ? {} : { publish: publishHook(publish, asking) }),
    ...(rpc.length === 0 ? {} : { rpc: rpcHook(rpc, asking) }),
  };
}

type Hook<Name extends keyof Hooks> = NonNullable<Hooks[Name]>;

function connectHook(
  endpoint: string,
  { headers: names, connectTtlMs }: HttpHooksSettings,
  asking: Asking,
): Hook<'connect'> {
  return (question, caller) => {
    const headers = picked(question.headers, names);
    const keeps = connectTtlMs > 0 && isSomebody(question, caller, headers);
    return asking.ask('connect', {
      endpoint,
      body: connectBody({ question, headers }, { caller, keeps }),
      caller,
      read: readConnect,
      repeatable: true,
      ttlMs: keeps ? connectTtlMs : 0,
    });
  };
}

function refreshHook(endpoint: string, asking: Asking): Hook<'refresh'> {
  return (caller) =>
    asking.ask('refresh', {
      endpoint,
      body: refreshBody({ caller, keeps: false }),
      caller,
      read: readRefresh,
      repeatable: true,
      ttlMs: 0,
    });
}

function subscribeHook(
  endpointOf: (channel: string) => string | null,
  ttlMs: number,
  asking: Asking,
): Hook<'subscribe'> {
  return (question, caller) =>
    asking.ask('subscribe', {
      endpoint: some(endpointOf(question.channel), 'subscribe'),
      body: subscribeBody(question, { caller, keeps: ttlMs > 0 }),
      caller,
      read: readSubscribe,
      repeatable: true,
      ttlMs,
    });
}

function publishHook(
  endpointOf: (channel: string) => string | null,
  asking: Asking,
): Hook<'publish'> {
  return (question, caller) =>
    asking.ask('publish', {
      endpoint: some(endpointOf(question.channel), 'publish'),
      body: publishBody(question, { caller, keeps: false }),
      caller,
      read: readPublish,
      repeatable: false,
      ttlMs: 0,
    });
}

function rpcHook(routes: readonly RpcRoute[], asking: Asking): Hook<'rpc'> {
  return (question, caller) => {
    const route = routes.find(({ pattern }) => fits(question.method, pattern));
    if (route === undefined) throw new Refusal('methodNotFound');
    return asking.ask('rpc', {
      endpoint: route.endpoint,
      body: rpcBody(question, { caller, keeps: false }),
      caller,
      read: readRpc,
      repeatable: false,
      ttlMs: 0,
    });
  };
}

class Asking {
  readonly #context: HttpHooksContext;

  constructor(context: HttpHooksContext) {
    this.#context = context;
  }

  /** @throws {Refusal}, {Disconnection}, or the reason of the caller's signal. */
  async ask<T>(hook: string, asked: Asked<T>): Promise<T> {
    this.#context.count(hook);
    const said = await this.#said(asked);
    if (!said.allowed) throw said.thrown;
    return said.answer;
  }

  async #said<T>(asked: Asked<T>): Promise<Said<T>> {
    try {
      return asked.ttlMs > 0 ? await this.#kept(asked) : await this.#fresh(asked);
    } catch (error) {
      // It was logged with its reason, which is none of the client's business.
      if (error instanceof EndpointError) throw new Refusal('internal');
      throw error;
    }
  }

  #fresh<T>(asked: Asked<T>): Promise<Said<T>> {
    const { endpoint, body, repeatable, caller } = asked;
    const read = (text: string): Said<T> => this.#read(text, asked);
    return this.#context.endpoints.put(
      endpoint,
      { body, read },
      { repeatable, signal: caller.signal },
    );
  }

  /** The key is the whole question, and whom it is put to. */
  async #kept<T>(asked: Asked<T>): Promise<Said<T>> {
    const { endpoint, body, repeatable, caller } = asked;
    const { endpoints, keep } = this.#context;
    const hash = createHash('sha256').update(endpoints.identityOf(endpoint)).update('\0');
    const checked = (text: string): string => {
      this.#read(text, asked);
      return text;
    };
    const kept = keep(
      `hook:${hash.update(body).digest('hex')}`,
      // Others may wait for it, so it does not end with the caller.
      (signal) => endpoints.put(endpoint, { body, read: checked }, { repeatable, signal }),
      (text) => (this.#read(text, asked).allowed ? asked.ttlMs : 0),
    );
    const text = await unlessAborted(kept, caller.signal);
    try {
      if (typeof text === 'string') return this.#read(text, asked);
    } catch (error) {
      if (!(error instanceof MalformedAnswer)) throw error;
    }
    // Somebody else wrote to the cache.
    return this.#fresh(asked);
  }

  #read<T>(text: string, { read }: Asked<T>): Said<T> {
    return readReply(text, this.#context.depthMax, read);
  }
}

function picked(
  headers: ReadonlyMap<string, string>,
  names: readonly string[],
): Readonly<Record<string, string>> {
  const found: [name: string, value: string][] = [];
  for (const name of names) {
    const value = headers.get(name);
    if (value !== undefined) found.push([name, value]);
  }
  return Object.fromEntries(found);
}

const CREDENTIALS = ['authorization', 'cookie'];

/**
 * Whether the question tells who asks. The answer to nobody in particular is never kept: the backend
 * may make each of them somebody.
 */
function isSomebody(
  { emulatedHeaders }: ConnectQuestion,
  { user }: Caller,
  headers: Readonly<Record<string, string>>,
): boolean {
  const names = [...Object.keys(headers), ...Object.keys(emulatedHeaders)];
  return user !== '' || names.some((name) => CREDENTIALS.includes(name.toLowerCase()));
}

function fits(method: string, pattern: string): boolean {
  return pattern.endsWith('*') ? method.startsWith(pattern.slice(0, -1)) : method === pattern;
}

/** The namespace says that it asks, so there is somebody to ask: the configuration saw to that. */
function some(endpoint: string | null, hook: string): string {
  if (endpoint === null) throw new Refusal('notAvailable', `no ${hook} hook`);
  return endpoint;
}

/** What one of many waits for, given up by itself alone. */
function unlessAborted<T>(waited: Promise<T>, signal: AbortSignal): Promise<T> {
  const outcome = new Deferred<T>();
  const giveUp = (): void => outcome.reject(signal.reason);
  if (signal.aborted) giveUp();
  signal.addEventListener('abort', giveUp, { once: true });
  waited
    .then(outcome.resolve, outcome.reject)
    .finally(() => signal.removeEventListener('abort', giveUp));
  return outcome.promise;
}
