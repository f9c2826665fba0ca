/**
 * Plans a forced failover, with the possible losses. Pure: the answers of a dry round are its input.
 *
 * A forced failover is the only way past missing answers, so it is refused wherever an ordinary promotion would do, and wherever another of those that
 * answer has more: records that can be kept are kept.
 *
 * A write that was acknowledged at `quorum` is on W voters. Where fewer than W voters are in doubt (silent, blank, or with more than this node
 * ever claimed by them), at least one of those W answers and is at or below this node's position, so nothing acknowledged is lost. Otherwise everything above
 * the commit LSN that this node knows may be lost: a leadership that this node never heard of may have written something else there.
 */
import { votersNeeded } from '../../leader/commit-rule.ts';
import { comparePositions, formatVersion } from '../../wal/format/position.ts';
import type { Position, Version } from '../../wal/format/position.ts';
import type { VotersAndQuorum } from '../../protocol/messages.ts';
import type { MayLead, VoterAnswer } from './may-lead.ts';
import type { Claim, VoterState } from '../../wal/format/voter-state.ts';

interface PlannedAnswer extends VoterAnswer {
  readonly code: string;
  readonly message: string;
  /** Leader, as far as the voter knows. */
  readonly leader: string | null;
}

export interface FailoverQuestion {
  readonly nodeId: string;
  readonly position: Position;
  readonly state: VoterState;
  readonly claim: Claim;
  /** Commit LSN that this node heard of; it may be above its own end. */
  readonly committedLsn: number;
  /**
   * End of the snapshot that its state begins with: without the log up to it the state is inconsistent. 0 without a
   * snapshot.
   */
  readonly snapshotEndLsn: number;
  /** Configuration in force. */
  readonly config: VotersAndQuorum;
  /** W to continue with; a majority of the voters that answer unless given. */
  readonly wantedQuorum?: number;
  /** Answers, this node's own among them. */
  readonly answers: readonly PlannedAnswer[];
  /** Message of each voter without a usable answer, or the reason why none came. */
  readonly silent: readonly { readonly nodeId: string; readonly message: string }[];
  /** Last known position of each voter, where any is known. */
  readonly lastSeen: ReadonlyMap<string, Version>;
  /** Verdict by the ordinary rules. */
  readonly verdict: MayLead;
}

/** A voter that continues, as it answered. */
export interface AnsweredVoter {
  readonly nodeId: string;
  readonly state: VoterState;
  readonly position: Version;
  readonly claim: Claim;
}

/** A voter that is left behind. */
export interface MissingVoter {
  readonly nodeId: string;
  readonly message: string;
  /** Version that it held at least; null where nothing is known. */
  readonly atLeast: Version | null;
}

export interface LossRisk {
  /** True if writes acknowledged at `quorum` may be lost. */
  readonly some: boolean;
  /** LSN from which on acknowledged writes may be lost. */
  readonly fromLsn: number;
  /** LSN up to which the missing voters held records at least. */
  readonly toLsn: number | 'unknown';
  /** One sentence for display. */
  readonly message: string;
}

export interface FailoverPlan extends VotersAndQuorum {
  readonly answered: readonly AnsweredVoter[];
  readonly missing: readonly MissingVoter[];
  /** End of this node's log, with which the new history begins. */
  readonly kept: Version;
  readonly risk: LossRisk;
}

export type FailoverVerdict =
  | { readonly kind: 'plan'; readonly plan: FailoverPlan }
  | { readonly kind: 'refuse'; readonly reason: FailoverReason; readonly message: string };

export type FailoverReason =
  | 'LEADER_LIVES'
  | 'NOT_A_VOTER'
  | 'CANDIDATE_BLANK'
  | 'PROMOTE_WOULD_DO'
  | 'CHAIN_MISMATCH'
  | 'STATE_INCOMPLETE'
  | 'VOTER_AHEAD'
  | 'VOTER_REFUSES'
  | 'QUORUM_INVALID';

/** Codes of answers from nodes that belong to something else: they are left behind like nodes that do not answer. */
const STRANGERS: ReadonlySet<string> = new Set([
  'WRONG_CLUSTER',
  'CONFIG_MISMATCH',
  'UNSUPPORTED_VERSION',
]);

export function planFailover(asked: FailoverQuestion): FailoverVerdict {
  const refusal = judgeCandidate(asked) ?? judgeAnswers(asked) ?? judgeState(asked);
  if (refusal !== undefined) return refusal;
  const { config, wantedQuorum, position } = asked;
  const going = asked.answers.filter(({ granted }) => granted);
  const voters = config.voters.filter((id) => going.some(({ nodeId }) => nodeId === id));
  const quorum = wantedQuorum ?? Math.floor(voters.length / 2) + 1;
  if (quorum > voters.length) {
    const message = `quorum ${quorum}, expected 1 to ${voters.length}, the number of voters that answer (${voters.join(', ')})`;
    return refuse('QUORUM_INVALID', message);
  }
  const missing = config.voters
    .filter((id) => !voters.includes(id))
    .map((nodeId) => missingVoter(nodeId, asked));
  const answered = going.map(({ nodeId, state, position: at, claim }) => ({
    nodeId,
    state,
    position: versionOf(at),
    claim,
  }));
  const risk = riskOf(asked, missing);
  const kept = versionOf(position);
  return { kind: 'plan', plan: { voters, quorum, answered, missing, kept, risk } };
}

function judgeCandidate(asked: FailoverQuestion): FailoverVerdict | undefined {
  const { nodeId, config, state, verdict } = asked;
  if (!config.voters.includes(nodeId)) {
    return refuse('NOT_A_VOTER', `${nodeId} is not one of the voters; run the command on a voter`);
  }
  if (state === 'blank') {
    const message = `${nodeId} is blank, so the new history would be empty; run the command on a node that has a log`;
    return refuse('CANDIDATE_BLANK', message);
  }
  const leader = liveLeader(asked);
  if (leader !== undefined) {
    const message = `${leader} leads and has enough voters for writes: no failover is needed`;
    return refuse('LEADER_LIVES', message);
  }
  if (verdict.kind === 'lead') {
    const message = `enough voters answer: walship promote makes ${nodeId} the leader without loss`;
    return refuse('PROMOTE_WOULD_DO', message);
  }
  return undefined;
}

/** Returns the voter that answers as the leader and that as many intact voters follow as a commit needs. */
function liveLeader({ answers, config, committedLsn }: FailoverQuestion): string | undefined {
  const { voters, quorum } = config;
  const needed = votersNeeded({ committed: committedLsn, quorum, voterCount: voters.length });
  return answers
    .map(({ nodeId }) => nodeId)
    .find((leader) => {
      const following = answers.filter((answer) => answer.leader === leader);
      const counting = following.filter(({ state }) => state === 'intact');
      return following.some(({ nodeId }) => nodeId === leader) && counting.length >= needed;
    });
}

function judgeAnswers({
  nodeId,
  position,
  verdict,
  answers: given,
}: FailoverQuestion): FailoverVerdict | undefined {
  const answers = given.filter(({ code }) => !STRANGERS.has(code));
  if (verdict.kind === 'no' && verdict.code === 'CHAIN_MISMATCH') {
    return refuse('CHAIN_MISMATCH', verdict.message);
  }
  const ahead = answers
    .filter((answer) => answer.state !== 'blank' && comparePositions(answer.position, position) > 0)
    .toSorted((a, b) => comparePositions(b.position, a.position))[0];
  if (ahead !== undefined) {
    const message = `${ahead.nodeId} answers and has more records: it ends at ${formatVersion(ahead.position)}, ${nodeId} ends at ${formatVersion(position)}; run the command on ${ahead.nodeId}`;
    return refuse('VOTER_AHEAD', message);
  }
  const refusing = answers.find((answer) => !answer.granted);
  if (refusing !== undefined) {
    const { code, message } = refusing;
    return refuse('VOTER_REFUSES', `${refusing.nodeId} answers ${code}: ${message}`);
  }
  return undefined;
}

/**
 * Checks that this node's log reaches the end of its snapshot. A snapshot is taken while writes continue: without the
 * log up to its end it is a mixture of moments, and the others would never show the same.
 */
function judgeState({
  nodeId,
  position,
  snapshotEndLsn,
}: FailoverQuestion): FailoverVerdict | undefined {
  if (snapshotEndLsn <= position.lsn) return undefined;
  const message = `the snapshot of ${nodeId} needs the log up to ${snapshotEndLsn}, but its log ends at ${position.lsn}: run the command on another voter, or bring back one that has more`;
  return refuse('STATE_INCOMPLETE', message);
}

function missingVoter(nodeId: string, asked: FailoverQuestion): MissingVoter {
  const answer = asked.answers.find((given) => given.nodeId === nodeId);
  const seen = asked.lastSeen.get(nodeId) ?? null;
  if (answer !== undefined) {
    return { nodeId, message: `${answer.code}: ${answer.message}`, atLeast: seen };
  }
  const silent = asked.silent.find((voter) => voter.nodeId === nodeId);
  return { nodeId, message: silent?.message ?? 'no answer', atLeast: seen };
}

/**
 * Compares the real round of a forced failover with its plan. Returns why nothing may be changed, or undefined if exactly the plan's voters
 * promised, none of them has more records than `own`, and the log of this node still ends where the plan says.
 */
export function changedSince(
  plan: Pick<FailoverPlan, 'voters' | 'kept'>,
  granted: readonly Pick<VoterAnswer, 'nodeId' | 'state' | 'position'>[],
  own: Position,
): string | undefined {
  const { voters, kept } = plan;
  const isAhead = granted.some(
    ({ state, position }) => state !== 'blank' && comparePositions(position, own) > 0,
  );
  const isSame = comparePositions(kept, own) === 0;
  if (granted.length === voters.length && !isAhead && isSame) return undefined;
  const promised = granted.map(({ nodeId }) => nodeId).join(', ') || 'nobody';
  return `the plan was for ${voters.join(', ')} at ${formatVersion(kept)}, but ${promised} promised at ${formatVersion(own)}: nothing was changed; first run the command again without --accept-data-loss`;
}

function riskOf(asked: FailoverQuestion, missing: readonly MissingVoter[]): LossRisk {
  const { config, position, committedLsn, answers } = asked;
  const doubtful = [
    ...missing.map(({ nodeId }) => nodeId),
    ...answers
      .filter((answer) => answer.granted && inDoubt(answer, position))
      .map(({ nodeId }) => nodeId),
  ];
  const { quorum } = config;
  const rule = `an acknowledged write is on ${quorum} of ${config.voters.length} voters`;
  if (doubtful.length < quorum && committedLsn <= position.lsn) {
    const message = `${rule}; fewer than ${quorum} are missing or uncertain (${doubtful.join(', ') || 'none'}): this node has every write that was acknowledged at quorum`;
    return { some: false, fromLsn: position.lsn + 1, toLsn: position.lsn, message };
  }
  const known = missing.flatMap(({ atLeast }) => (atLeast === null ? [] : [atLeast.lsn]));
  const claims = answers.flatMap(({ claim }) =>
    claim === null || claim === 'unknown' ? [] : [claim.lsn],
  );
  const highest = Math.max(committedLsn, ...known, ...claims);
  const fromLsn = Math.min(committedLsn, position.lsn) + 1;
  const toLsn = highest >= fromLsn ? highest : 'unknown';
  const limit =
    doubtful.length < quorum
      ? ''
      : `; with at most ${quorum - 1} such voters, no acknowledged write would be at risk`;
  const message = `${rule}; missing or uncertain: ${doubtful.join(', ') || 'none'}; this node may lack acknowledged writes from LSN ${fromLsn} on${limit}`;
  return { some: true, fromLsn, toLsn, message };
}

/** Returns true if the voter may have held more than the candidate has, or has forgotten what it held. */
function inDoubt({ state, claim }: VoterAnswer, candidate: Position): boolean {
  if (state === 'intact') return false;
  if (state === 'blank' || claim === null || claim === 'unknown') return true;
  return comparePositions(claim, candidate) > 0;
}

function versionOf({ epoch, lsn }: Position): Version {
  return { epoch, lsn };
}

function refuse(reason: FailoverReason, message: string): FailoverVerdict {
  return { kind: 'refuse', reason, message };
}
