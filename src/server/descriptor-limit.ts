import { CONNECTIONS_KEPT, CONNECTIONS_MAX } from './limits.ts';

/**
 * Number of descriptors that a node needs besides its connections: log, snapshots, saved files, links to peers, and
 * those that Node.js itself holds open.
 */
export const FILES_MAX = 128;
/** Minimum number of connections, however few descriptors there are. */
export const CONNECTIONS_MIN = 16;

/** Reads the soft limit of open files from the text of `/proc/self/limits`; undefined where it has none. Pure. */
export function descriptorLimit(limits: string): number | undefined {
  const soft = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}

/**
 * Returns how many connections a process with this many descriptors may hold, besides the reserved places, so that
 * files always find a descriptor. Pure.
 */
export function connectionsFor(limit: number | undefined): number {
  if (limit === undefined) return CONNECTIONS_MAX;
  const left = limit - FILES_MAX - CONNECTIONS_KEPT;
  return Math.min(CONNECTIONS_MAX, Math.max(CONNECTIONS_MIN, left));
}
