import type { Ask, Claim, EpochPromise, VoterState } from '../protocol/messages.ts';
import { PROTOCOL_VERSION } from '../protocol/messages.ts';
import { comparePositions } from '../wal/position.ts';
import type { Position } from '../wal/position.ts';

/** What a voter knows of a leader right now. */
export interface LeaderLiveness {
  readonly heardLeaderRecently: boolean;
  readonly leaderId: string | null;
  /** So lately that a live leader may not have been heard of yet. */
  readonly justStarted: boolean;
  /** This voter leads. */
  readonly leading: boolean;
}

export interface AskedVoter {
  readonly nodeId: string;
  /** Durable. */
  readonly promise: EpochPromise;
  /** In memory: nothing below it, and at it only what was promised. */
  readonly fence: number;
  /** Durable. */
  readonly position: Position;
  /** Who led the last epoch in this voter's log. */
  readonly lastLeader: string | null;
  readonly state: VoterState;
  readonly claim: Claim;
  readonly clusterId: string | null;
  readonly historyId: string | null;
  readonly configHash: string;
  readonly liveness: LeaderLiveness;
}

export interface AskJudgement {
  readonly verdict: 'grant' | 'refuse';
  readonly code: string;
  readonly message: string;
}

/**
 * What a voter answers to a candidate. Granting promises to follow no lower epoch, and nothing else: whether the voter vouches for the candidate is
 * judged by the candidate, from the position that comes with the answer. An intact voter that is ahead refuses all the same: its
 * promise could only get in the way of a better candidate.
 */
export function judgeAsk(voter: AskedVoter, ask: Ask): AskJudgement {
  return (
    identityFault(voter, ask) ?? (ask.round === 'confirm' ? confirm(voter, ask) : judge(voter, ask))
  );
}

function identityFault(voter: AskedVoter, ask: Ask): AskJudgement | undefined {
  if (ask.protocol !== PROTOCOL_VERSION) {
    return refuse(
      'UNSUPPORTED_VERSION',
      `it speaks protocol ${PROTOCOL_VERSION}, not ${ask.protocol}`,
    );
  }
  if (differ(voter.clusterId, ask.clusterId) || differ(voter.historyId, ask.historyId)) {
    return refuse('WRONG_CLUSTER', 'it belongs to another cluster or history');
  }
  if (voter.configHash !== ask.configHash) {
    return refuse('CONFIG_MISMATCH', 'it was started with other voters or another quorum');
  }
  return undefined;
}

function confirm({ promise, fence }: AskedVoter, ask: Ask): AskJudgement {
  const held =
    fence === ask.epoch &&
    promise.epoch === ask.epoch &&
    promise.candidate === ask.candidate &&
    promise.attempt === ask.attempt;
  return held
    ? grant(`it still holds its promise of epoch ${ask.epoch}`)
    : refuse(
        'STALE_EPOCH',
        `it holds a promise of epoch ${Math.max(fence, promise.epoch)}, not that one`,
      );
}

function judge(voter: AskedVoter, ask: Ask): AskJudgement {
  const { promise, fence, position, state } = voter;
  const same =
    promise.epoch === ask.epoch &&
    promise.candidate === ask.candidate &&
    promise.attempt === ask.attempt &&
    fence === ask.epoch;
  if (!same && ask.epoch <= Math.max(promise.epoch, fence)) {
    return refuse(
      'STALE_EPOCH',
      `it has promised epoch ${Math.max(promise.epoch, fence)}, asked for ${ask.epoch}`,
    );
  }
  const order = comparePositions(position, ask.position);
  if (order === 0 && position.lsn > 0 && position.chain !== ask.position.chain) {
    return refuse('CHAIN_MISMATCH', `it has another log at ${position.epoch}.${position.lsn}`);
  }
  if (state === 'intact' && order > 0) {
    const theirs = `${ask.position.epoch}.${ask.position.lsn}`;
    return refuse('VOTER_AHEAD', `it is at ${position.epoch}.${position.lsn}, ahead of ${theirs}`);
  }
  return peaceFault(voter, ask) ?? grant(`it promises epoch ${ask.epoch} to ${ask.candidate}`);
}

/**
 * A live leader is not to be disturbed, unless a person asks for it. Patience only: safety never depends on it. The leader of the last epoch itself
 * is not a reason to refuse it when it comes back.
 */
function peaceFault(
  { liveness, lastLeader, nodeId, state, position }: AskedVoter,
  ask: Ask,
): AskJudgement | undefined {
  if (ask.operator || ask.candidate === nodeId) return undefined;
  if (liveness.leading) return refuse('LEADER_ALIVE', 'it leads');
  if (liveness.heardLeaderRecently && liveness.leaderId !== ask.candidate) {
    if (liveness.leaderId === null && lastLeader === ask.candidate) return undefined;
    return refuse('LEADER_ALIVE', `it has heard from ${liveness.leaderId ?? 'a leader'} lately`);
  }
  if (!liveness.justStarted || lastLeader === ask.candidate) return undefined;
  if (state === 'blank' && position.lsn === 0 && ask.position.lsn === 0) return undefined;
  return refuse('JUST_STARTED', 'it has just started, and may not have heard of a live leader yet');
}

/** A node without an id, blank, fits everywhere. */
function differ(ours: string | null, theirs: string | null): boolean {
  return ours !== null && theirs !== null && ours !== theirs;
}

function grant(message: string): AskJudgement {
  return { verdict: 'grant', code: 'GRANTED', message };
}

function refuse(code: string, message: string): AskJudgement {
  return { verdict: 'refuse', code, message };
}
