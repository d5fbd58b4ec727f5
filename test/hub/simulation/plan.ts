/** What a run is made of: acts given as data, so that it can be repeated and made smaller. */
import type { ChannelName } from '../../../src/channel/name.ts';
import { channelNameOf } from '../../../src/channel/name.ts';
import type { Rules } from '../../../src/channel/rules.ts';
import { CLOSED_RULES } from '../../../src/channel/rules.ts';

export const ACTS = [
  'publish',
  'publishMany',
  'publishPast',
  'reset',
  'failOver',
  'goBack',
  'trim',
  'command',
  'executeRead',
  'answerRead',
  'failRead',
  'failPresence',
  'deliver',
  'deliverMany',
  'turn',
  'present',
  'connect',
  'cut',
  'die',
  'bury',
  'subscribe',
  'unsubscribe',
  'slow',
  'drain',
  'breakLink',
  'mendLink',
  'check',
  'wait',
] as const;
export type ActKind = (typeof ACTS)[number];

/** What happens next. `a` and `b` choose among what is there, so any act is possible anywhere. */
export interface Act {
  readonly kind: ActKind;
  readonly a: number;
  readonly b: number;
  /** How many turns of the microtask queue pass after it; 4 and more: until it is empty. */
  readonly ticks: number;
}

/**
 * How a run ends: by what is compared after a reconnect, or by one more publication. Where the
 * network lost nothing, neither is needed: `none`.
 */
export type Remedy = 'check' | 'publication' | 'none';

/** The world of a run. */
export interface Plan {
  readonly gateways: number;
  readonly clients: number;
  readonly channels: readonly ChannelName[];
  readonly historySize: number;
  /** Out of 100 publications on the bus. */
  readonly drops: number;
  readonly doubles: number;
  /** Whether what is asked of the backend is answered within the call, as by the memory broker. */
  readonly sync: boolean;
  /** Whether the bus keeps the order within a channel. */
  readonly ordered: boolean;
  readonly outboxBytes: number;
  readonly heldMax: number;
  readonly flushBytes: number;
  readonly recoveryMax: number;
  readonly remedy: Remedy;
}

const WITH_HISTORY: Rules = {
  ...CLOSED_RULES,
  historyTtlMs: 300_000,
  recovery: 'stream',
  presence: true,
  subscribe: 'anonymous',
  delta: true,
};

/** One channel of each kind. */
const CHANNELS: ReadonlyMap<ChannelName, Rules> = new Map(
  (
    [
      ['skip', { slowConsumer: 'skip' }],
      ['cut', { slowConsumer: 'disconnect' }],
      ['latest', { slowConsumer: 'latest', recovery: 'cache' }],
    ] as const
  ).map(([name, set]) => [channelNameOf(name, 255), { ...WITH_HISTORY, ...set }]),
);
export const NAMES = [...CHANNELS.keys()];

export function rulesOf(channel: ChannelName): Rules {
  return CHANNELS.get(channel) ?? CLOSED_RULES;
}
