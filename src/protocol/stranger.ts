/**
 * Judges, in this one place, whether a node is a stranger: it has no vote among `voters`, so nobody needs its promise. It is promised nothing,
 * and nothing that it says ends a leadership. A learner is one too.
 */
export function isStranger(nodeId: string, voters: readonly string[]): boolean {
  return !voters.includes(nodeId);
}
