/**
 * Readiness: every write that was acknowledged before this node began to lead or to follow is applied here, as far as it can know. Health
 * checks, load balancers and clients use it. Decided from facts alone.
 *
 * A leader first commits a record of its own, its EPOCH record: all that earlier leaderships had acknowledged lies below it. The condition for a
 * leader is that this record is applied; for a follower too, and also all that its leader called committed when it began to follow.
 */
import type { Version } from '../../wal/format/position.ts';
import type { Reason } from '../api/api.ts';
import type { VoterState } from '../../wal/format/voter-state.ts';

/** Leadership that a node takes part in, as its leader or as a follower. */
export interface Term {
  readonly leader: string;
  readonly epoch: number;
  /** Commit LSN when this node began to follow; 0 at the leader, whose EPOCH record is enough. */
  readonly committedLsn: number;
}

export interface ReadyFacts {
  readonly nodeId: string;
  /** Failure that stopped this node. */
  readonly failure: Reason | undefined;
  /** True while the state is being built and must not be read. */
  readonly rebuilding: boolean;
  readonly term: Term | undefined;
  /** True while a leader sends this node its state: it follows after that. */
  readonly copying: boolean;
  /** Reason why the disk of this node takes no new data, if there is one: then it can follow no leader that writes. */
  readonly unwritable: Reason | undefined;
  /** Reasons why no leader was found, voter by voter. */
  readonly refusals: readonly string[];
  /** Version known to be committed, and durable here. */
  readonly committed: Version;
  readonly applied: Version;
  readonly voter: boolean;
  readonly voterCount: number;
  readonly state: VoterState;
}

/** Returns the reason why the node is not ready, or null where it is. */
export function notReady(facts: ReadyFacts): Reason | null {
  const { failure, rebuilding, term, voter, state } = facts;
  if (failure !== undefined) return { code: failure.code, message: failure.message };
  if (rebuilding) {
    const message = `this node is still loading its state, so far up to LSN ${facts.applied.lsn}`;
    return { code: 'NOT_READY', message };
  }
  if (term === undefined) return leaderless(facts);
  const lacking = lacks(facts, term);
  if (lacking !== null) return lacking;
  if (voter && state !== 'intact') {
    return { code: 'NOT_INTACT', message: `this node is ${state} and is catching up` };
  }
  return null;
}

function leaderless(facts: ReadyFacts): Reason {
  const { copying, unwritable, refusals, voter, voterCount, state } = facts;
  if (copying) {
    return {
      code: 'CATCHING_UP',
      message: 'the leader is sending a snapshot and the log after it',
    };
  }
  if (unwritable !== undefined) {
    const message = `this node follows no leader, because its disk accepts no new log: ${unwritable.message}`;
    return { code: unwritable.code, message };
  }
  const asked = refusals.join('; ') || 'no node was asked yet';
  // A lost leader is replaced with fewer voters: everybody knows that much of this cluster.
  const birth =
    voter && voterCount > 1 && state === 'blank'
      ? `; this node is blank, and a new cluster starts only when all ${voterCount} voters answer`
      : '';
  return { code: 'NO_LEADER', message: `no leader was found: ${asked}${birth}` };
}

/** Returns a reason naming the acknowledged writes that may not be applied here yet, or null where all are. */
function lacks({ nodeId, committed, applied }: ReadyFacts, term: Term): Reason | null {
  const { leader, epoch, committedLsn } = term;
  if (applied.lsn < committedLsn) {
    const message = `applied up to LSN ${applied.lsn}; ${committedLsn} was committed when this node began to follow ${leader}`;
    return { code: 'CATCHING_UP', message };
  }
  if (committed.epoch < epoch) {
    const whose = leader === nodeId ? 'this leadership' : `the leadership of ${leader}`;
    const message = `the EPOCH record of ${whose}, epoch ${epoch}, is not committed yet`;
    return { code: 'NO_QUORUM', message };
  }
  if (applied.epoch < epoch) {
    const message = `applied up to LSN ${applied.lsn}; ${committed.lsn} is committed, and the records of epoch ${epoch} are not applied yet`;
    return { code: 'CATCHING_UP', message };
  }
  return null;
}
