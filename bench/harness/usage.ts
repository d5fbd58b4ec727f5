/** What processes and the machine have used, from /proc. */
import { readFileSync } from 'node:fs';

/** Linux has had no other value of USER_HZ on the machines Node runs on. */
const TICKS_PER_SECOND = 100;

/** User and system time of a process, with all of its threads. */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // The name, in brackets, may contain spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Time in which the machine's cores were not idle. */
export function busySeconds(): number {
  const [line = ''] = readFileSync('/proc/stat', 'latin1').split('\n', 1);
  const [user, nice, system, , , irq, softirq, steal] = line
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const ticks = [user, nice, system, irq, softirq, steal].reduce<number>(
    (sum, n) => sum + (n ?? 0),
    0,
  );
  return ticks / TICKS_PER_SECOND;
}

export interface Resident {
  readonly total: number;
  /** Without the pages of files: code that was run and libraries. */
  readonly anonymous: number;
}

/** Resident memory of a process, in bytes. */
export function residentOf(pid: number): Resident {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const kilobytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { total: kilobytes('VmRSS'), anonymous: kilobytes('RssAnon') };
}
