/** What a backend is asked: the bodies of `wire.ts`, as JSON text. */
import { Json } from '../kernel/data.ts';
import type { Data } from '../kernel/data.ts';
import type {
  Caller,
  ConnectQuestion,
  PublishQuestion,
  RpcQuestion,
  SubscribeQuestion,
} from './hooks.ts';
import type {
  ConnectRequest,
  HookCaller,
  HookRequest,
  PublishRequest,
  RefreshRequest,
  RpcRequest,
  SubscribeRequest,
} from './wire.ts';

/** Whom it is about. A question whose answer may be kept is of no connection in particular. */
export interface About {
  readonly caller: Caller;
  readonly keeps: boolean;
}

export interface ConnectTold {
  readonly question: ConnectQuestion;
  /** Of the upgrade. */
  readonly headers: Readonly<Record<string, string>>;
}

export function connectBody({ question, headers }: ConnectTold, about: About): string {
  const { name, version, emulatedHeaders, remoteAddress } = question;
  const request: ConnectRequest = {
    hook: 'connect',
    ...callerOf(about),
    name,
    version,
    headers,
    emulated_headers: emulatedHeaders,
    remote_address: remoteAddress,
  };
  return textOf(request, question.sent);
}

export function refreshBody(about: About): string {
  const request: RefreshRequest = { hook: 'refresh', ...callerOf(about) };
  return textOf(request, null);
}

export function subscribeBody({ channel, sent }: SubscribeQuestion, about: About): string {
  const request: SubscribeRequest = { hook: 'subscribe', ...callerOf(about), channel };
  return textOf(request, sent);
}

export function publishBody({ channel, sent }: PublishQuestion, about: About): string {
  const request: PublishRequest = { hook: 'publish', ...callerOf(about), channel };
  return textOf(request, sent);
}

export function rpcBody({ method, sent }: RpcQuestion, about: About): string {
  const request: RpcRequest = { hook: 'rpc', ...callerOf(about), method };
  return textOf(request, sent);
}

function callerOf({ caller, keeps }: About): HookCaller {
  const { client, user, info, meta } = caller;
  return {
    ...(keeps || client === '' ? {} : { client }),
    user,
    ...(info instanceof Uint8Array
      ? { b64info: base64(info) }
      : info === undefined
        ? {}
        : { info }),
    ...(meta === undefined ? {} : { meta }),
  };
}

/** What the client sent stays the text it was: numbers beyond 2^53 are no numbers of ours. */
function textOf(request: HookRequest, sent: Data | null): string {
  const { text } = Json.of(request);
  if (sent === null) return text;
  const member = sent instanceof Json ? `"data":${sent.text}` : `"b64data":"${base64(sent)}"`;
  return `${text.slice(0, -1)},${member}}`;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
