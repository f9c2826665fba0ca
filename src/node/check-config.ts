import { WalshipError } from '../errors.ts';
import { configOf } from './replica/membership.ts';
import type { Peer } from './cluster/peers.ts';
import type { Replica } from './replica/replica.ts';

/**
 * Checks voters and quorum. They are fixed at the birth of the cluster, and by a forced failover: two nodes that count differently could both be right.
 * @throws WalshipError CONFIG_MISMATCH, which says what to start with.
 */
export function checkConfig(replica: Replica, peers: readonly Peer[], quorum: number): void {
  const inForce = configOf(replica);
  if (inForce === undefined) return;
  const ours = peers.map(({ nodeId }) => nodeId).toSorted();
  const theirs = [...inForce.voters].toSorted();
  if (ours.join(' ') === theirs.join(' ') && quorum === inForce.quorum) return;
  const start = theirs.map((nodeId) => `${nodeId}=HOST:PORT`).join(',');
  throw new WalshipError(
    'CONFIG_MISMATCH',
    `the cluster has voters ${theirs.join(', ')} and quorum ${inForce.quorum}, but this node was started with ` +
      `${ours.join(', ')} and ${quorum}: start it with --peers ${start} --quorum ${inForce.quorum}`,
    { details: { voters: theirs, quorum: inForce.quorum } },
  );
}
