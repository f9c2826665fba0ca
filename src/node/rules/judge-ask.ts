/**
 * Judges a candidate's question for a voter. Pure: the driver raises the fence and
 * waits for log I/O *before* it asks for the verdict that counts (trace A2), and fsyncs the promise after it.
 *
 * A grant is no opinion about the candidate's log except where the voter is intact and knows better: `mayLead` judges the positions, states and
 * claims of all voters together.
 */
import { comparePositions, formatVersion } from '../../wal/format/position.ts';
import type { Position } from '../../wal/format/position.ts';
import { PROTOCOL_VERSION } from '../../protocol/messages.ts';
import type { Ask } from '../../protocol/messages.ts';
import { isStranger } from '../../protocol/stranger.ts';
import type { Claim, EpochPromise, VoterState } from '../../wal/format/voter-state.ts';

/** Knowledge of a voter about a leader right now. It decides when to try, never what is safe. */
export interface LeaderLiveness {
  readonly heardLeaderRecently: boolean;
  readonly leaderId: string | null;
  /** True if this node started too recently to have heard a living leader. */
  readonly justStarted: boolean;
  /** True if this node itself leads. */
  readonly leading: boolean;
}

export interface AskedVoter {
  readonly nodeId: string;
  /** Node ids of the voters, by the configuration in force. */
  readonly voters: readonly string[];
  /** Promise that is on disk. */
  readonly promise: EpochPromise;
  /**
   * Epoch in memory below which nothing is written or acknowledged. In the second look, after this very question
   * raised it: that of the promise.
   */
  readonly fence: number;
  readonly position: Position;
  readonly state: VoterState;
  readonly claim: Claim;
  /** Leader of the last epoch in its log; null where the log is empty. */
  readonly lastLeader: string | null;
  readonly clusterId: string | null;
  readonly historyId: string | null;
  readonly configHash: string;
  /** True while an operator is taking it to another history. */
  readonly leaving: boolean;
  readonly liveness: LeaderLiveness;
}

export type AskCode =
  | 'OK'
  | 'UNSUPPORTED_VERSION'
  | 'WRONG_CLUSTER'
  | 'CONFIG_MISMATCH'
  | 'NOT_A_VOTER'
  | 'CLAIM_UNPROVEN'
  | 'STALE_EPOCH'
  | 'VOTER_AHEAD'
  | 'CHAIN_MISMATCH'
  | 'DUPLICATE_NODE'
  | 'LEADER_ALIVE'
  | 'JUST_STARTED';

export interface AskJudgement {
  readonly verdict: 'grant' | 'refuse';
  readonly code: AskCode;
  readonly message: string;
}

export function judgeAsk(voter: AskedVoter, ask: Ask): AskJudgement {
  const stranger = judgeIdentity(voter, ask);
  if (stranger !== undefined) return stranger;
  if (ask.round === 'confirm') return judgeConfirm(voter, ask);
  return (
    judgeEpoch(voter, ask) ??
    judgePosition(voter, ask) ??
    judgeLiveness(voter, ask) ?? {
      verdict: 'grant',
      code: 'OK',
      message: `epoch ${ask.epoch} may be led by ${ask.candidate}`,
    }
  );
}

function judgeIdentity(voter: AskedVoter, ask: Ask): AskJudgement | undefined {
  if (ask.protocol !== PROTOCOL_VERSION) {
    return refuse('UNSUPPORTED_VERSION', `protocol ${ask.protocol}, expected ${PROTOCOL_VERSION}`);
  }
  // A blank node belongs to no cluster yet: it joins any.
  if (differ(ask.clusterId, voter.clusterId)) {
    return refuse('WRONG_CLUSTER', `cluster ${ask.clusterId}, this is ${voter.clusterId}`);
  }
  if (differ(ask.historyId, voter.historyId)) {
    return refuse('WRONG_CLUSTER', `history ${ask.historyId}, this is ${voter.historyId}`);
  }
  if (voter.leaving) {
    return refuse('WRONG_CLUSTER', `it is about to leave history ${voter.historyId ?? '(none)'}`);
  }
  if (ask.configHash !== voter.configHash) {
    return refuse('CONFIG_MISMATCH', 'it was started with other voters or another quorum');
  }
  if (isStranger(ask.candidate, voter.voters)) {
    const message = `${ask.candidate} is not one of the voters ${voter.voters.join(', ')}, and only a voter may lead`;
    return refuse('NOT_A_VOTER', message);
  }
  return judgeForced(voter, ask);
}

/** Judges a forced failover: it leaves voters behind, but never the candidate itself, and adds none. */
function judgeForced(voter: AskedVoter, { forced, candidate }: Ask): AskJudgement | undefined {
  if (forced === null) return undefined;
  const added = forced.voters.find((id) => isStranger(id, voter.voters));
  if (added !== undefined) {
    return refuse('NOT_A_VOTER', `it would continue with ${added}, which is not one of the voters`);
  }
  if (!isStranger(candidate, forced.voters)) return undefined;
  return refuse('NOT_A_VOTER', `${candidate} would continue with voters that do not include it`);
}

/**
 * Judges the confirm round: only that very promise counts; one that was overtaken, or wiped with its disk, is gone
 * (trace F1).
 */
function judgeConfirm(voter: AskedVoter, ask: Ask): AskJudgement {
  if (isPromised(voter, ask) && voter.fence <= ask.epoch) {
    return { verdict: 'grant', code: 'OK', message: `the promise of epoch ${ask.epoch} holds` };
  }
  const held = Math.max(voter.promise.epoch, voter.fence);
  return refuse(
    'STALE_EPOCH',
    `it no longer holds this attempt's promise of epoch ${ask.epoch}; its latest promise is of epoch ${held}`,
  );
}

function judgeEpoch(voter: AskedVoter, ask: Ask): AskJudgement | undefined {
  const held = Math.max(voter.promise.epoch, voter.fence);
  if (ask.epoch > held) return undefined;
  // A lost answer is given again.
  if (ask.epoch === held && isPromised(voter, ask)) return undefined;
  return refuse('STALE_EPOCH', `epoch ${held} is promised, and ${ask.epoch} is not above it`);
}

/** Judges the candidate's position. A suspect or blank voter grants whatever it has: the candidate weighs its claim. */
function judgePosition(voter: AskedVoter, ask: Ask): AskJudgement | undefined {
  const order = comparePositions(voter.position, ask.position);
  const ours = formatVersion(voter.position);
  if (order > 0 && voter.state === 'intact') {
    const theirs = formatVersion(ask.position);
    return refuse('VOTER_AHEAD', `it is at ${ours}, the candidate at ${theirs}`);
  }
  if (order === 0 && voter.position.lsn > 0 && voter.position.chain !== ask.position.chain) {
    return refuse('CHAIN_MISMATCH', `the logs differ at ${ours}, where they must be equal`);
  }
  return undefined;
}

/** Judges patience, not safety: a cluster with a working leader should keep it, unless an operator says otherwise. */
function judgeLiveness(voter: AskedVoter, ask: Ask): AskJudgement | undefined {
  const { heardLeaderRecently, leaderId, justStarted, leading } = voter.liveness;
  if (ask.operator || ask.candidate === voter.nodeId) return undefined;
  if (leading) return refuse('LEADER_ALIVE', `${voter.nodeId} itself leads`);
  if (heardLeaderRecently && leaderId !== ask.candidate) {
    return refuse('LEADER_ALIVE', `it heard from the leader ${leaderId ?? '(unnamed)'} recently`);
  }
  // There is no reason to wait where the last leader itself asks, or at a birth.
  const returning = ask.candidate === voter.lastLeader;
  const birth = voter.state === 'blank' && ask.position.lsn === 0;
  if (justStarted && !returning && !birth) {
    return refuse('JUST_STARTED', 'it has just started and still waits to hear from a leader');
  }
  return undefined;
}

function isPromised({ promise }: AskedVoter, ask: Ask): boolean {
  return (
    promise.epoch === ask.epoch &&
    promise.candidate === ask.candidate &&
    promise.attempt === ask.attempt
  );
}

function differ(theirs: string | null, ours: string | null): boolean {
  return theirs !== null && ours !== null && theirs !== ours;
}

function refuse(code: AskCode, message: string): AskJudgement {
  return { verdict: 'refuse', code, message };
}
