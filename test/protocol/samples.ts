/** Every message of the protocol at least once, whole and as empty as it may be. */
import { Json } from '../../src/kernel/data.ts';
import { ERRORS } from '../../src/kernel/errors.ts';
import { CLOSES, UNSUBSCRIBES } from '../../src/protocol/close.ts';
import type {
  ClientInfo,
  ConnectResult,
  Publication,
  ServerMessage,
  SubscribeResult,
} from '../../src/protocol/frames.ts';

export const PLAIN: Publication = {
  data: new Json('{"text":"hello"}'),
  offset: 0,
  info: null,
  tags: null,
  event: null,
  delta: false,
  epoch: null,
};

const ANN: ClientInfo = {
  client: 'c-1',
  user: '42',
  connInfo: new Json('{"name":"Ann"}'),
  chanInfo: new Json('{"role":"host"}'),
};

const ANONYMOUS: ClientInfo = { client: 'c-2', user: '', connInfo: null, chanInfo: null };

export const PUBLICATIONS: Readonly<Record<string, Publication>> = {
  'the simplest': PLAIN,
  'with an offset': { ...PLAIN, offset: 7 },
  'with an offset beyond 32 bits': { ...PLAIN, offset: 2 ** 53 - 1 },
  'with its author': { ...PLAIN, offset: 8, info: ANN },
  'with tags': { ...PLAIN, tags: { lang: 'en', '"': 'quo"te' } },
  'with an event': { ...PLAIN, event: 'greeting' },
  'with tags and an event': { ...PLAIN, tags: { event: 'lost', lang: 'en' }, event: 'greeting' },
  'with an empty set of tags': { ...PLAIN, tags: {} },
  'with an event without a name': { ...PLAIN, event: '' },
  'that is a delta': { ...PLAIN, data: new Json('"8\\n7@0,1:!;"'), offset: 9, delta: true },
  'the first of a stream': { ...PLAIN, offset: 1, epoch: 'a1' },
  'of bytes': { ...PLAIN, data: Uint8Array.of(0, 1, 0xfe, 0xff), offset: 3 },
  'of no bytes': { ...PLAIN, data: new Uint8Array(0) },
  'of null': { ...PLAIN, data: new Json('null') },
  'of numbers beyond 2^53': { ...PLAIN, data: new Json('[9007199254740993,18446744073709551615]') },
  'of text outside of ASCII': { ...PLAIN, data: new Json('"né ☕ 🚪"') },
  'of everything': {
    data: new Json('[1,true,null,"x",{"y":-1.5}]'),
    offset: 10,
    info: ANONYMOUS,
    tags: { lang: 'de' },
    event: 'moved',
    delta: true,
    epoch: 'a1',
  },
};

const NOTHING: SubscribeResult = {
  expires: false,
  ttl: 0,
  recoverable: false,
  positioned: false,
  epoch: '',
  offset: 0,
  recovered: false,
  wasRecovering: false,
  publications: [],
  delta: false,
  data: null,
};

const RECOVERED: SubscribeResult = {
  expires: true,
  ttl: 60,
  recoverable: true,
  positioned: true,
  epoch: 'a1',
  offset: 7,
  recovered: true,
  wasRecovering: true,
  publications: [{ ...PLAIN, offset: 8 }],
  delta: true,
  data: new Json('{"topic":"doors"}'),
};

const CONNECTED: ConnectResult = {
  client: 'c-1',
  version: '0.1.0',
  expires: true,
  ttl: 300,
  data: new Json('{"hello":"Ann"}'),
  subs: new Map([
    ['news', RECOVERED],
    ['__proto__', NOTHING],
  ]),
  ping: 25,
  pong: true,
};

const BARE: ConnectResult = {
  client: '',
  version: '',
  expires: false,
  ttl: 0,
  data: null,
  subs: new Map(),
  ping: 0,
  pong: false,
};

/** By type, so that a message of the protocol without a sample does not compile. */
export const MESSAGES: { readonly [T in ServerMessage['type']]: readonly ServerMessage[] } = {
  error: [
    { type: 'error', id: 2, error: ERRORS.permissionDenied },
    { type: 'error', id: 3, error: ERRORS.internal },
  ],
  connect: [
    { type: 'connect', id: 1, result: CONNECTED },
    { type: 'connect', id: 1, result: BARE },
  ],
  subscribe: [
    { type: 'subscribe', id: 2, result: RECOVERED },
    { type: 'subscribe', id: 2, result: NOTHING },
  ],
  unsubscribe: [{ type: 'unsubscribe', id: 3 }],
  publish: [{ type: 'publish', id: 2 ** 32 - 1 }],
  ping: [{ type: 'ping', id: 4 }],
  presence: [
    { type: 'presence', id: 5, presence: [ANN, ANONYMOUS, { ...ANONYMOUS, client: '__proto__' }] },
    { type: 'presence', id: 5, presence: [] },
  ],
  presence_stats: [
    { type: 'presence_stats', id: 6, numClients: 3, numUsers: 2 },
    { type: 'presence_stats', id: 6, numClients: 0, numUsers: 0 },
  ],
  history: [
    {
      type: 'history',
      id: 7,
      publications: Object.values(PUBLICATIONS),
      position: { offset: 10, epoch: 'a1' },
    },
    { type: 'history', id: 7, publications: [], position: { offset: 0, epoch: '' } },
  ],
  rpc: [
    { type: 'rpc', id: 8, data: new Json('{"sum":3}') },
    { type: 'rpc', id: 8, data: Uint8Array.of(1, 2, 3, 4, 5) },
    { type: 'rpc', id: 8, data: null },
  ],
  refresh: [
    {
      type: 'refresh',
      id: 9,
      client: 'c-1',
      version: '0.1.0',
      expiry: { expires: true, ttl: 300 },
    },
    { type: 'refresh', id: 9, client: '', version: '', expiry: { expires: false, ttl: 0 } },
  ],
  sub_refresh: [
    { type: 'sub_refresh', id: 10, expiry: { expires: true, ttl: 60 } },
    { type: 'sub_refresh', id: 10, expiry: { expires: false, ttl: 0 } },
  ],
  serverPing: [{ type: 'serverPing' }],
  join: [{ type: 'join', channel: 'news', info: ANN }],
  leave: [{ type: 'leave', channel: 'né"ws', info: ANONYMOUS }],
  unsubscribed: [
    { type: 'unsubscribed', channel: 'news', reason: UNSUBSCRIBES.insufficientState },
    { type: 'unsubscribed', channel: 'news', reason: { code: 0, reason: '' } },
  ],
  subscribed: [
    { type: 'subscribed', channel: 'news', result: RECOVERED },
    { type: 'subscribed', channel: 'news', result: NOTHING },
  ],
  message: [{ type: 'message', data: new Json('"all"') }],
  connected: [{ type: 'connected', result: CONNECTED }],
  disconnected: [{ type: 'disconnected', reason: CLOSES.shutdown }],
  refreshed: [{ type: 'refreshed', expiry: { expires: true, ttl: 300 } }],
};

export const ALL_MESSAGES: readonly ServerMessage[] = Object.values(MESSAGES).flat();
