/** Fields of a gateway's answer: what is not there, or of another type, is as good as empty. */
import type { Members } from '../auth/json.ts';
import { membersOf } from '../auth/json.ts';

const NONE: Members = new Map();

export function textIn(members: Members, name: string): string {
  const value = members.get(name);
  return typeof value === 'string' ? value : '';
}

export function numberIn(members: Members, name: string): number {
  const value = members.get(name);
  return typeof value === 'number' ? value : 0;
}

export function membersIn(members: Members, name: string): Members {
  return membersOf(members.get(name)) ?? NONE;
}

/** Of a list of objects. */
export function listIn(members: Members, name: string): readonly Members[] {
  const value = members.get(name);
  return Array.isArray(value) ? value.map((item) => membersOf(item) ?? NONE) : [];
}
