/** Decides from statuses whether a cluster has converged: pure. */
import type { NodeStatus } from '../../node/api/api.ts';

/** A node that should take part, and its status; undefined: it does not answer. */
export interface Said {
  readonly nodeId: string;
  readonly status: NodeStatus | undefined;
}

/**
 * Returns the remaining problems while writes may go on: a node does not answer, follows nobody, or does not count.
 * Empty: none.
 */
export function unsettled(nodes: readonly Said[]): readonly string[] {
  const silent = nodes.filter(({ status }) => status === undefined);
  if (silent.length > 0) return silent.map(({ nodeId }) => `${nodeId} does not answer`);
  const statuses = nodes.flatMap(({ status }) => status ?? []);
  const leaders = statuses.filter(({ role }) => role === 'leader');
  const [leader] = leaders;
  if (leader === undefined) return ['no node leads'];
  if (leaders.length > 1) {
    return [`${leaders.map(({ nodeId }) => nodeId).join(' and ')} both say that they lead`];
  }
  return statuses.flatMap((status) => [
    ...(status.notReady === null ? [] : [`${status.nodeId}: ${status.notReady.message}`]),
    ...(status.epoch === leader.epoch
      ? []
      : [`${status.nodeId} is in epoch ${status.epoch}, ${leader.nodeId} in ${leader.epoch}`]),
    ...(status.state === 'intact' || !isVoter(leader, status.nodeId)
      ? []
      : [`${status.nodeId} is ${status.state}`]),
  ]);
}

/**
 * Returns the remaining differences after the last write: positions, commit LSNs and applied versions. Empty: the
 * nodes hold the same.
 */
export function unequal(nodes: readonly Said[]): readonly string[] {
  const wrong = unsettled(nodes);
  if (wrong.length > 0) return wrong;
  const statuses = nodes.flatMap(({ status }) => status ?? []);
  const leader = statuses.find(({ role }) => role === 'leader');
  if (leader === undefined) return ['no node leads'];
  const { lsn, chain } = leader.durable;
  return statuses.flatMap((status) => {
    const { nodeId, durable, committedLsn, applied } = status;
    if (durable.lsn !== lsn) return [`${nodeId} has up to LSN ${durable.lsn}, the leader ${lsn}`];
    if (durable.chain !== chain) return [`${nodeId} has another log than the leader`];
    if (committedLsn !== lsn) return [`${nodeId} knows LSN ${committedLsn} of ${lsn} as committed`];
    if (applied.lsn !== lsn) return [`${nodeId} has applied LSN ${applied.lsn} of ${lsn}`];
    return [];
  });
}

function isVoter(leader: NodeStatus, nodeId: string): boolean {
  return leader.voters.some((voter) => voter.nodeId === nodeId);
}
