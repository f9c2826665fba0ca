import { WalshipError } from '../../errors.ts';
import type { Peer } from './peers.ts';

/** Numbers of voters, out of N, that each decision needs. N and W are fixed at the cluster's birth. */
export interface Quorums {
  /** Number of voters (N). */
  readonly voterCount: number;
  /** Write quorum (W): an acknowledged write is durable on this many voters. */
  readonly quorum: number;
  /** Election quorum (Q): this many promises make a leader. */
  readonly promises: number;
  /** N-Q+1: this many voters prove that no newer leadership has begun. */
  readonly proof: number;
}

/** Returns the quorums of a cluster. @throws WalshipError CONFIG_INVALID where `quorum` is not in 1..N. */
export function quorumsOf(voterCount: number, quorum = Math.floor(voterCount / 2) + 1): Quorums {
  if (!Number.isInteger(quorum) || quorum < 1 || quorum > voterCount) {
    throw new WalshipError(
      'CONFIG_INVALID',
      `a quorum of ${quorum}, expected 1 to ${voterCount}, the number of voters`,
    );
  }
  const promises = Math.max(voterCount - quorum + 1, Math.floor(voterCount / 2) + 1);
  return { voterCount, quorum, promises, proof: voterCount - promises + 1 };
}

/**
 * Returns the guarantees that an operator can rely on, one sentence each.
 *
 * @param options.blank This node is a voter that has been in no cluster yet. A birth needs every voter, which is more than a new leader needs.
 */
export function contractOf(
  { voterCount, quorum, promises }: Quorums,
  { blank }: { readonly blank: boolean },
): readonly string[] {
  const disks = voterCount === 1 ? 'disk' : 'disks';
  const survives =
    quorum === 1
      ? 'does not survive the loss of that disk'
      : `survives the loss of any ${quorum - 1}`;
  const nodes = voterCount === 1 ? 'node answers' : 'nodes answer';
  const birth =
    blank && voterCount > 1
      ? `a new cluster begins only once all ${voterCount} nodes answer; from then on `
      : '';
  return [
    `an acknowledged write is on ${quorum} of ${voterCount} ${disks} and ${survives}`,
    `${birth}a lost leader can be replaced while ${promises} of ${voterCount} ${nodes}`,
  ];
}

/** Returns the contract's line for a node that is not a voter: the operator may have meant it to be one. */
export function learnerLine(nodeId: string): string {
  return `${nodeId} is not one of the voters: it is a learner, follows the leader, and does not count`;
}

/** Checks the list of peers. @throws WalshipError CONFIG_INVALID on duplicates. */
export function checkPeers(peers: readonly Peer[]): void {
  if (peers.length === 0) throw new WalshipError('CONFIG_INVALID', 'no voters are named');
  for (const field of ['nodeId', 'address'] as const) {
    const values = peers.map((peer) => peer[field]);
    const twice = values.find((value, index) => values.indexOf(value) !== index);
    if (twice !== undefined) {
      throw new WalshipError('CONFIG_INVALID', `${twice} is named twice among the peers`);
    }
  }
}
