import type { Replica } from '../replica/replica.ts';

/**
 * Whether this node tries to lead by itself when it starts: a restarted leader does, one that had all but won, and at birth the one that
 * was named.
 */
export function itsTurn({ nodeId, log, meta }: Replica, initialLeader: string): boolean {
  const last = log.history.newest;
  const first = last === undefined ? initialLeader : last.leader;
  return first === nodeId || meta.current.promise.candidate === nodeId;
}
