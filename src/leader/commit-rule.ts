/** Progress of one follower in session, as far as the commit rule needs it. */
export interface CommitVote {
  readonly nodeId: string;
  /** True for an intact voter whose identity is confirmed at its address. */
  readonly counts: boolean;
  /** Highest LSN acknowledged in this session, with the leader's own chain. */
  readonly durableLsn: number;
}

/** Returns how many voters, the leader included, have to count for the next commit: see `commitLsn`. */
export function votersNeeded(known: {
  readonly committed: number;
  /** Number of voters that a commit needs. */
  readonly quorum: number;
  readonly voterCount: number;
}): number {
  return known.committed > 0 ? known.quorum : known.voterCount;
}

/**
 * Returns the commit LSN: the highest LSN that is durable on W voters that count, the leader among them, *and* is not below this
 * leadership's own EPOCH record. Records of earlier leaderships commit with it, never on their own (Raft, figure 8): one of
 * them may be on W voters and still be cut off by a leader of an epoch in between.
 *
 * A leader that knows of no commit in this history commits nothing until all N voters count and are durable at its EPOCH
 * record: otherwise one damaged disk right after an interrupted birth leaves more blank voters than the rules can tell from lost ones
 * (trace F4).
 *
 * The result is never below `committed`. `leaderDurableLsn` is 0 where the leader itself does not count.
 */
export function commitLsn(options: {
  /** Number of voters that a commit needs, the leader included. */
  readonly quorum: number;
  readonly voters: readonly string[];
  /** LSN of this leadership's EPOCH record. */
  readonly ownEpochLsn: number;
  readonly committed: number;
  /** True if any record of this history is known to be committed. */
  readonly knowsCommit: boolean;
  readonly leaderDurableLsn: number;
  /** Followers in session, at most one entry for each; the leader is not among them. */
  readonly followers: readonly CommitVote[];
}): number {
  const { quorum, voters, ownEpochLsn, committed, knowsCommit, leaderDurableLsn } = options;
  const followerLsns = options.followers
    .filter(({ nodeId, counts }) => counts && voters.includes(nodeId))
    .map(({ durableLsn }) => durableLsn);
  const descending = [leaderDurableLsn, ...followerLsns].toSorted((a, b) => b - a);
  if (!knowsCommit && (descending[voters.length - 1] ?? 0) < ownEpochLsn) return committed;
  const onQuorum = Math.min(descending[quorum - 1] ?? 0, leaderDurableLsn);
  return onQuorum >= ownEpochLsn ? Math.max(committed, onQuorum) : committed;
}
