import { WalshipError } from '../errors.ts';
import type { Peer } from './peers.ts';
import type { Replica } from './replica.ts';

/**
 * Voters and quorum are fixed by the first EPOCH record: two nodes that count differently could both be right.
 * @throws WalshipError CONFIG_MISMATCH.
 */
export function checkConfig(replica: Replica, peers: readonly Peer[], quorum: number): void {
  const last = replica.log.epochs.at(-1);
  const born = last ?? replica.meta.current;
  if (born.voters === null || born.quorum === null) return;
  const ours = peers.map(({ nodeId }) => nodeId).toSorted();
  const theirs = [...born.voters].toSorted();
  if (ours.join(' ') === theirs.join(' ') && quorum === born.quorum) return;
  throw new WalshipError(
    'CONFIG_MISMATCH',
    `the cluster was born with voters ${theirs.join(', ')} and quorum ${born.quorum}, ` +
      `this node was started with ${ours.join(', ')} and ${quorum}`,
    { details: { voters: theirs, quorum: born.quorum } },
  );
}
