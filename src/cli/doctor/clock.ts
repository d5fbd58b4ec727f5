/** Whether the clock of this machine can be right: tokens live and die by it. */
import { found } from './finding.ts';
import type { Finding } from './finding.ts';

/** No clock that is right was before it: when this was written. */
const WRITTEN_MS = Date.parse('2026-11-01');
const FAR_MS = Date.parse('2100-01-01');

/** A `Date` header counts whole seconds, and takes its time. */
const SKEW_MS_MAX = 5000;

/** `otherMs` is the time of another machine at this moment, if one was asked. */
export function checkClock(nowMs: number, otherMs: number | null): Finding {
  const name = 'clock';
  const says = new Date(nowMs).toISOString();
  const advice = 'set the clock, and keep it right with NTP: tokens expire by it';
  if (nowMs < WRITTEN_MS || nowMs > FAR_MS) return found(name, 'fail', says, advice);
  const skewMs = otherMs === null ? 0 : nowMs - otherMs;
  if (Math.abs(skewMs) <= SKEW_MS_MAX) return found(name, 'ok', says);
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const way = skewMs > 0 ? 'ahead of' : 'behind';
  return found(name, 'warn', `${says}, ${seconds} s ${way} the issuer of the tokens`, advice);
}
