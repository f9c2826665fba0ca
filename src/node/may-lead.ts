import type { Claim, VoterState } from '../protocol/messages.ts';
import { comparePositions } from '../wal/position.ts';
import type { Position } from '../wal/position.ts';

/** What one voter answered to a candidate, the candidate's own answer included. */
export interface VoterAnswer {
  readonly nodeId: string;
  /** It promises (or would, or still does) to follow no lower epoch. */
  readonly granted: boolean;
  readonly position: Position;
  readonly state: VoterState;
  readonly claim: Claim;
}

export interface LeadQuestion {
  /** Node ids of all N voters. */
  readonly voters: readonly string[];
  /** W. */
  readonly quorum: number;
  readonly candidate: {
    readonly nodeId: string;
    readonly position: Position;
    readonly state: VoterState;
  };
  /** At most one for each voter; answers of others are left out. */
  readonly answers: readonly VoterAnswer[];
}

export type MayLead =
  | {
      readonly kind: 'lead';
      /** Which of the three ways to have enough. */
      readonly how: 'promises' | 'all-answered' | 'birth';
      /** Whose promises are counted: each is asked once more. */
      readonly counted: readonly string[];
      /** Who vouches that the candidate lacks nothing it ever held. */
      readonly vouched: readonly string[];
    }
  | { readonly kind: 'no'; readonly code: string; readonly message: string };

/**
 * Whether the answers are enough to lead: the one decision behind births, restarts, promotions and failovers.
 *
 * The rules are Raft's, with disks that may lie. With N voters, W of which hold every committed write, enough is
 *
 * - **promises**: from Q = max(N-W+1, majority) voters that are not blank, *and* N-W+1 of those who answered vouch: the candidate is at or past
 *   everything that voter ever held. Any N-W+1 voters meet every set of W, so one of them held each committed write.
 * - **all-answered**: all N promise, no more than W-1 of them are blank or claim more than the candidate has, and no intact one is
 *   ahead. Each committed write was on W voters, so at least one of those who can still say so had it.
 * - **birth**: all N promise, and none has a record or a claim.
 *
 * A blank voter has forgotten what it held and what it promised, so it never vouches and counts for no promise. A suspect has its promise,
 * and vouches by its claim. Only an intact node leads; at birth, a blank one.
 */
export function mayLead(question: LeadQuestion): MayLead {
  const { voters, quorum, candidate } = question;
  const granted = question.answers.filter(
    (answer) => answer.granted && voters.includes(answer.nodeId),
  );
  const fault = chainFault(question.answers, candidate.position);
  if (fault !== undefined) return fault;
  if (granted.length === voters.length && granted.every(hasNothing)) {
    const counted = granted.map(({ nodeId }) => nodeId);
    return { kind: 'lead', how: 'birth', counted, vouched: [] };
  }
  if (candidate.state !== 'intact') return no('NOT_INTACT', notIntact(candidate.state, question));

  const vouchers = granted.filter((answer) => vouches(answer, candidate.position));
  const vouched = vouchers.map(({ nodeId }) => nodeId);
  const promised = granted.filter(({ state }) => state !== 'blank');
  const enoughVouch = voters.length - quorum + 1;
  const enoughPromises = Math.max(enoughVouch, Math.floor(voters.length / 2) + 1);
  if (promised.length >= enoughPromises && vouched.length >= enoughVouch) {
    const counted = promised.map(({ nodeId }) => nodeId);
    return { kind: 'lead', how: 'promises', counted, vouched };
  }
  const ahead = question.answers.find(
    ({ state, position }) =>
      state === 'intact' && comparePositions(position, candidate.position) > 0,
  );
  const silent = granted.filter((answer) => !vouches(answer, candidate.position));
  if (granted.length === voters.length && ahead === undefined && silent.length <= quorum - 1) {
    const counted = granted.map(({ nodeId }) => nodeId);
    return { kind: 'lead', how: 'all-answered', counted, vouched };
  }
  return refusal(question, { ahead, granted, enoughPromises, enoughVouch, vouched });
}

/** The candidate is at or past everything that this voter ever held. */
function vouches({ state, position, claim }: VoterAnswer, candidate: Position): boolean {
  if (state === 'blank' || claim === 'unknown') return false;
  if (comparePositions(position, candidate) > 0) return false;
  return claim === null || comparePositions(claim, candidate) <= 0;
}

function hasNothing({ position, claim }: VoterAnswer): boolean {
  return position.lsn === 0 && claim === null;
}

/** Equal epoch and LSN with another chain cannot be: whoever leads then would build on one of two logs. */
function chainFault(answers: readonly VoterAnswer[], ours: Position): MayLead | undefined {
  const other = answers.find(
    ({ position }) =>
      position.lsn > 0 && comparePositions(position, ours) === 0 && position.chain !== ours.chain,
  );
  if (other === undefined) return undefined;
  const at = `${ours.epoch}.${ours.lsn}`;
  return no(
    'CHAIN_MISMATCH',
    `${other.nodeId} has another log at ${at}: compare the two with walship log diff`,
  );
}

function notIntact(state: VoterState, { voters, answers }: LeadQuestion): string {
  const missing = voters.filter(
    (voter) => !answers.some(({ nodeId, granted }) => granted && nodeId === voter),
  );
  if (state === 'suspect') {
    return 'this node is suspect: it may lack what it once held, and has to catch up first';
  }
  const waits = missing.length === 0 ? 'others hold a log' : `${missing.join(', ')} did not agree`;
  return `this node is blank, and a cluster is born only when all voters answer and none has a log: ${waits}`;
}

function refusal(
  { voters, candidate }: LeadQuestion,
  found: {
    readonly ahead: VoterAnswer | undefined;
    readonly granted: readonly VoterAnswer[];
    readonly enoughPromises: number;
    readonly enoughVouch: number;
    readonly vouched: readonly string[];
  },
): MayLead {
  const { ahead, granted, enoughPromises, enoughVouch, vouched } = found;
  if (ahead !== undefined) {
    const { epoch, lsn } = ahead.position;
    const ours = `${candidate.position.epoch}.${candidate.position.lsn}`;
    return no(
      'VOTER_AHEAD',
      `${ahead.nodeId} is at ${epoch}.${lsn}, this node at ${ours}: promote ${ahead.nodeId}`,
    );
  }
  const promised = granted.filter(({ state }) => state !== 'blank').map(({ nodeId }) => nodeId);
  const missing = voters.filter((voter) => !promised.includes(voter));
  if (promised.length < enoughPromises) {
    return no(
      'NO_QUORUM',
      `${promised.length} promises of voters that are not blank, ${enoughPromises} are needed: ${missing.join(', ')} did not give one`,
    );
  }
  return no(
    'NOT_VOUCHED',
    `${vouched.length} voters vouch that nothing is missing here, ${enoughVouch} are needed: bring ${missing.join(', ') || 'the others'} back`,
  );
}

function no(code: string, message: string): MayLead {
  return { kind: 'no', code, message };
}
