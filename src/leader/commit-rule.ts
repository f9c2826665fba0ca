/** What the commit rule needs to know of the leadership. */
export interface CommitQuestion {
  /** W. */
  readonly quorum: number;
  /** Node ids of all voters, the leader's among them. */
  readonly voters: readonly string[];
  /** LSN of this leadership's own EPOCH record. */
  readonly ownEpochLsn: number;
  /** What is known to be committed so far. */
  readonly committed: number;
  /** Whether anything of this history is known to be committed. */
  readonly knowsCommit: boolean;
  /** 0 while the leader itself does not count. */
  readonly leaderDurableLsn: number;
  readonly followers: readonly {
    readonly nodeId: string;
    /** An intact voter, in session, whose acks count. */
    readonly counts: boolean;
    readonly durableLsn: number;
  }[];
}

/**
 * The highest LSN that is committed now; never below `committed`.
 *
 * Committed is what is durable on W voters that count, the leader among them, *and* not below this leadership's own EPOCH record: an
 * older leadership's record may be durable on W voters and still be cut off by one that has a later epoch (Raft, section 5.4.2). A
 * leader that knows of no commit in this history commits nothing before all N voters are intact and durable at its EPOCH record: a
 * voter that is still blank could otherwise help another one to begin anew.
 */
export function commitLsn(question: CommitQuestion): number {
  const { quorum, voters, ownEpochLsn, committed, knowsCommit, leaderDurableLsn } = question;
  const counting = question.followers
    .filter(({ nodeId, counts }) => counts && voters.includes(nodeId))
    .map(({ durableLsn }) => durableLsn);
  if (leaderDurableLsn < ownEpochLsn) return committed;
  if (!knowsCommit) {
    const born = counting.filter((lsn) => lsn >= ownEpochLsn).length + 1;
    if (born < voters.length) return committed;
  }
  // The leader is always one of the W: with W - 1 followers at an LSN, the lower of the two is on W voters.
  const others = counting.toSorted((a, b) => b - a)[quorum - 2];
  const reached = quorum === 1 ? leaderDurableLsn : Math.min(leaderDurableLsn, others ?? 0);
  return reached >= ownEpochLsn ? Math.max(committed, reached) : committed;
}
