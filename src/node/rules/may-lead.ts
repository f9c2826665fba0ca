/**
 * Judges whether a candidate may lead, from the voters' answers. It is asked three times for one
 * leadership: with the answers of the dry round, of the real one, and of the confirm round, where `granted` means that the voter
 * still holds that very promise.
 *
 * N voters, write quorum W, Q = max(N-W+1, majority). Only answers that grant count at all: a voter that did not fence
 * itself may still move. An intact candidate may lead by either of
 *
 * - **promises**: promises of Q voters that are not blank, and N-W+1 answers vouch for the candidate. A voter vouches where the candidate
 *   is at or past everything that voter ever held: its position, and a suspect's claim. Raft: of any W voters that hold a
 *   committed record at least one vouches, so the candidate holds it too; two sets of Q promises always share a voter.
 * - **all-answered**: all N grant, at most W-1 of them are blank or may have held more than the candidate, and no intact one is ahead. A
 *   committed record is on W voters, so at least one of those is still whole and not ahead. Without this clause a power cut of
 *   everything, or a leader that comes back with an empty disk, would end in a deadlock (traces C1, F5).
 *
 * and a blank one, or one that was intact before its first record was durable, by
 *
 * - **birth**: all N grant, and none has a record or a claim. All N, because otherwise the wiped outvote the others (trace A4).
 *
 * A blank voter that confirmed the birth of the candidate's own log, and was not intact since, vouches too: it has counted for nothing, so
 * it cannot be one of the W that hold a committed record (decision 0007).
 *
 * Nobody has more of an epoch than its leader, which ships only fsynced records: a candidate that led the epoch in which a voter is
 * ahead of it has lost data (trace D3). A suspect never leads. An equal epoch and LSN under another chain stops everything: two logs differ where they must be equal.
 */
import { comparePositions, formatVersion } from '../../wal/format/position.ts';
import type { Position, Version } from '../../wal/format/position.ts';
import type { Claim, EpochPromise, VoterState } from '../../wal/format/voter-state.ts';

export interface VoterAnswer {
  readonly nodeId: string;
  /**
   * True if granted. Dry: the voter would promise. Real: it has promised. Confirm: it still holds that very promise.
   */
  readonly granted: boolean;
  readonly position: Position;
  readonly state: VoterState;
  readonly claim: Claim;
  /** Last birth of a cluster that this voter confirmed, while it is blank; else null. */
  readonly birth: EpochPromise | null;
}

export interface Candidate {
  readonly nodeId: string;
  readonly position: Position;
  readonly state: VoterState;
  /** Epoch and leader of the EPOCH record at LSN 1 of its log; null where it has none. */
  readonly born: { readonly epoch: number; readonly leader: string } | null;
  /**
   * Epoch of its last record, if it led that itself and promised no later one since: nobody can have cut its log.
   * Else null.
   */
  readonly ownEpoch: number | null;
}

export interface ElectionFacts {
  readonly voters: readonly string[];
  /** Write quorum (W). */
  readonly quorum: number;
  readonly candidate: Candidate;
  /** Answers, at most one for each voter; the candidate's own is among them. */
  readonly answers: readonly VoterAnswer[];
}

export type MayLead =
  | {
      readonly kind: 'lead';
      readonly how: 'promises' | 'all-answered' | 'birth';
      /**
       * Voters whose promises count: for `promises` those that are not blank, else all. Each is asked again after the
       * last promise came in.
       */
      readonly counted: readonly string[];
      readonly vouched: readonly string[];
      /** True if every voter granted, the blank ones too. */
      readonly all: boolean;
    }
  | {
      readonly kind: 'no';
      readonly code:
        | 'NOT_A_VOTER'
        | 'CHAIN_MISMATCH'
        | 'LEADER_LOST_DATA'
        | 'CANDIDATE_SUSPECT'
        | 'CANDIDATE_BLANK'
        | 'NO_QUORUM'
        | 'VOTER_AHEAD'
        | 'TOO_MANY_DAMAGED';
      /** Sentence that names the voter, the rule, and the remedy. */
      readonly message: string;
      /** With LEADER_LOST_DATA: the version that the candidate once held and has lost. */
      readonly lostData?: Version;
    };

export function mayLead({ voters, quorum, candidate, answers }: ElectionFacts): MayLead {
  if (!voters.includes(candidate.nodeId)) {
    return no('NOT_A_VOTER', `${candidate.nodeId} is not one of the voters; only a voter may lead`);
  }
  const heard = voters.flatMap((id) => answers.find(({ nodeId }) => nodeId === id) ?? []);
  const differing = heard.find(({ position }) => forked(position, candidate.position));
  if (differing !== undefined) {
    const where = formatVersion(candidate.position);
    const message = `the log of ${differing.nodeId} differs from that of ${candidate.nodeId} at ${where}, where they must be equal; compare them with walship log diff`;
    return no('CHAIN_MISMATCH', message);
  }
  const [proof] = heard
    .filter(({ position }) => lacks(candidate, position))
    .toSorted((a, b) => b.position.lsn - a.position.lsn);
  if (proof !== undefined) return lostData(proof, candidate);
  const granted = heard.filter((answer) => answer.granted);
  const all = granted.length === voters.length;
  if (candidate.state === 'suspect') {
    const message = `${candidate.nodeId} is suspect and may lack committed records; let an intact voter lead: it refills this one`;
    return no('CANDIDATE_SUSPECT', message);
  }
  const vouched = idsOf(granted.filter((answer) => vouches(answer, candidate)));
  const born = candidate.position.lsn === 0 && heard.every(hasNothing);
  if (born && all) return { kind: 'lead', how: 'birth', counted: idsOf(granted), vouched, all };
  if (candidate.state === 'blank') return blankCandidate(candidate, born, missing(voters, granted));
  const counted = idsOf(granted.filter(({ state }) => state !== 'blank'));
  const { promises, vouchers } = needs(voters.length, quorum);
  if (counted.length >= promises && vouched.length >= vouchers) {
    return { kind: 'lead', how: 'promises', counted, vouched, all };
  }
  if (!all) return tooFew({ voters, quorum, candidate, answers: heard });
  const ahead = granted.find((answer) => intactAndAhead(answer, candidate.position));
  if (ahead !== undefined) return no('VOTER_AHEAD', aheadMessage(ahead, candidate));
  const doubtful = idsOf(granted.filter((answer) => !vouches(answer, candidate)));
  if (doubtful.length < quorum) {
    return { kind: 'lead', how: 'all-answered', counted: idsOf(granted), vouched, all };
  }
  const message = `voters that are blank or may have had more records than ${candidate.nodeId}: ${doubtful.join(', ')} (limit: ${quorum - 1}); committed records could be lost: bring their disks back, or use failover --accept-data-loss`;
  return no('TOO_MANY_DAMAGED', message);
}

/**
 * Returns true if the candidate is at or past everything that this voter ever held and that may be committed. A blank
 * voter cannot know, except in one case.
 */
function vouches(answer: VoterAnswer, candidate: Candidate): boolean {
  const { state, position, claim } = answer;
  if (state === 'blank') return neverCounted(answer, candidate);
  if (comparePositions(position, candidate.position) > 0) return false;
  if (state === 'intact') return true;
  // A suspect without a claim does not know what it lost: that is worth no more than an unknown claim.
  return claim !== null && claim !== 'unknown' && comparePositions(claim, candidate.position) <= 0;
}

/**
 * Returns true if the voter confirmed the very birth of this log, has not forgotten it, and was never intact since:
 * no commit ever counted it.
 */
function neverCounted({ birth }: VoterAnswer, { born }: Candidate): boolean {
  return (
    birth !== null && born !== null && birth.epoch === born.epoch && birth.candidate === born.leader
  );
}

function intactAndAhead({ state, position }: VoterAnswer, candidate: Position): boolean {
  return state === 'intact' && comparePositions(position, candidate) > 0;
}

function hasNothing({ state, position, claim }: VoterAnswer): boolean {
  return state !== 'suspect' && position.lsn === 0 && claim === null;
}

function lacks({ state, position, ownEpoch }: Candidate, theirs: Position): boolean {
  return state === 'intact' && theirs.epoch === ownEpoch && theirs.lsn > position.lsn;
}

function lostData({ nodeId, position }: VoterAnswer, candidate: Candidate): MayLead {
  const { epoch, lsn } = position;
  const message = `${nodeId} has LSN ${lsn} of epoch ${epoch}, but ${candidate.nodeId}, which led that epoch, ends at ${candidate.position.lsn}: its disk lost records, so it is suspect now; let ${nodeId} lead`;
  return { kind: 'no', code: 'LEADER_LOST_DATA', message, lostData: { epoch, lsn } };
}

function forked(theirs: Position, ours: Position): boolean {
  // Before the first record, a chain depends only on whether the node knows its cluster yet.
  return ours.lsn > 0 && comparePositions(theirs, ours) === 0 && theirs.chain !== ours.chain;
}

function needs(voterCount: number, quorum: number): { promises: number; vouchers: number } {
  const vouchers = voterCount - quorum + 1;
  return { promises: Math.max(vouchers, Math.floor(voterCount / 2) + 1), vouchers };
}

function blankCandidate(candidate: Candidate, born: boolean, absent: readonly string[]): MayLead {
  if (born) {
    const message = `a new cluster needs all voters; no grant from ${absent.join(', ')}: start them`;
    return no('NO_QUORUM', message);
  }
  const message = `${candidate.nodeId} is blank and another voter has or claims records; let an intact voter lead: it fills this one`;
  return no('CANDIDATE_BLANK', message);
}

function tooFew({ voters, quorum, candidate, answers }: ElectionFacts): MayLead {
  const ahead = answers.find((answer) => intactAndAhead(answer, candidate.position));
  if (ahead !== undefined) return no('VOTER_AHEAD', aheadMessage(ahead, candidate));
  const granted = answers.filter((answer) => answer.granted);
  const promised = granted.filter(({ state }) => state !== 'blank').length;
  const vouched = granted.filter((answer) => vouches(answer, candidate)).length;
  const { promises, vouchers } = needs(voters.length, quorum);
  const absent = missing(voters, granted).join(', ');
  const message = `${promised} voters that are not blank promised (needed: ${promises}), and ${vouched} vouched (needed: ${vouchers}); no grant from ${absent}: bring them back (if all voters answer, another rule applies)`;
  return no('NO_QUORUM', message);
}

function aheadMessage({ nodeId, position }: VoterAnswer, candidate: Candidate): string {
  return `${nodeId} is intact and ahead, at ${formatVersion(position)}, and ${candidate.nodeId} is at ${formatVersion(candidate.position)}; let ${nodeId} lead`;
}

function missing(voters: readonly string[], granted: readonly VoterAnswer[]): readonly string[] {
  const ids = new Set(idsOf(granted));
  return voters.filter((nodeId) => !ids.has(nodeId));
}

function idsOf(answers: readonly VoterAnswer[]): readonly string[] {
  return answers.map(({ nodeId }) => nodeId);
}

function no(code: (MayLead & { kind: 'no' })['code'], message: string): MayLead {
  return { kind: 'no', code, message };
}
