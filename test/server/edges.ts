/** The edges every promise is tried on. */
import type { CreateEdge } from '../../src/server/edge.ts';
import { createUwsEdge } from '../../src/server/uws.ts';
import { createWsEdge } from '../../src/server/ws.ts';

export const CREATE = {
  uws: createUwsEdge,
  ws: createWsEdge,
} as const satisfies Record<string, CreateEdge>;

export type EdgeName = keyof typeof CREATE;

export function isEdgeName(name: string): name is EdgeName {
  return Object.hasOwn(CREATE, name);
}

export const EDGE_NAMES: readonly EdgeName[] = Object.keys(CREATE).filter(isEdgeName);
