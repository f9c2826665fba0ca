/**
 * True for a stranger: a node without a vote among `voters`. Nobody needs its promise; it is promised nothing, and none of its
 * messages ends a leadership. A learner is a stranger too. This is the only place that decides it.
 */
export function isStranger(nodeId: string, voters: readonly string[]): boolean {
  return !voters.includes(nodeId);
}
