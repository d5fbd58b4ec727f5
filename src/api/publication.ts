/** What the server publishes: how it may be asked for, and what the broker is given. */
import type { PublishOptions } from '../broker/broker.ts';
import type { Draft } from '../channel/publication.ts';
import type { Rules } from '../channel/rules.ts';
import { historyOf } from '../channel/rules.ts';
import type { Data } from '../kernel/data.ts';
import { Refusal } from '../kernel/errors.ts';
import { valueOf } from './payload.ts';

type Tags = Readonly<Record<string, string>>;

export interface PublicationOptions {
  /** Sent, but not kept; it gets no offset. */
  readonly skipHistory?: boolean | undefined;
  readonly tags?: Tags | undefined;
  /** The name of the event. */
  readonly event?: string | undefined;
  /** A second publication to the channel with the same key is answered like the first. */
  readonly idempotencyKey?: string | undefined;
  /** False: whole, also to those who take deltas. */
  readonly delta?: boolean | undefined;
  /** Goes nowhere unless it is above the last of its `versionEpoch` in the channel. */
  readonly version?: number | undefined;
  readonly versionEpoch?: string | undefined;
}

/** The broker keeps keys and version epochs: so many, and each no longer than this. */
export const KEY_LENGTH_MAX = 255;

/** @throws {Refusal} `badRequest` for what the rules do not let be published. */
export function draftOf(
  rules: Rules,
  data: Data,
  options: PublicationOptions,
): { readonly draft: Draft; readonly terms: PublishOptions } {
  checkData(rules, data);
  const { idempotencyKey = '', version = 0, versionEpoch = '', skipHistory = false } = options;
  const history = skipHistory ? null : historyOf(rules);
  if (version > 0 && history === null) {
    throw new Refusal('badRequest', 'version needs a history: nothing remembers the last one');
  }
  checkKey('idempotency_key', idempotencyKey);
  checkKey('version_epoch', versionEpoch);
  const draft = {
    data,
    info: null,
    tags: options.tags === undefined ? null : copyOf(options.tags),
    event: options.event === '' ? null : (options.event ?? null),
    wantsDelta: rules.delta && options.delta !== false,
  };
  return { draft, terms: { history, idempotencyKey, version, versionEpoch, skipHistory } };
}

function checkData(rules: Rules, data: Data): void {
  if (rules.checkData === null) return;
  const problem = rules.checkData(valueOf(data));
  if (problem !== null) throw new Refusal('badRequest', `data ${problem}`);
}

/** The caller's may change after the call. No prototype: a tag may have any name. */
function copyOf(tags: Tags): Tags {
  const copy: Record<string, string> = Object.create(null);
  return Object.assign(copy, tags);
}

function checkKey(name: string, key: string): void {
  if (key.length <= KEY_LENGTH_MAX) return;
  throw new Refusal('badRequest', `${name} has more than ${KEY_LENGTH_MAX} characters`);
}
