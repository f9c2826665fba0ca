import type { Replica } from '../replica/replica.ts';

/**
 * Returns true if this node tries to lead on its own when it starts: a restarted leader does, a candidate that had
 * all but won, and at birth the initial leader.
 */
export function itsTurn({ nodeId, log, meta }: Replica, initialLeader: string): boolean {
  const last = log.history.newest;
  const first = last === undefined ? initialLeader : last.leader;
  return first === nodeId || meta.current.promise.candidate === nodeId;
}
