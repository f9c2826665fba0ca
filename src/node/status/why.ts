/**
 * Reasons for the present state, in words: what a commit waits for, why writes are rejected, why this node is unfit
 * to lead, why a follower needs a snapshot. Derived from a status alone, so that it can be asked at any time, of any
 * node, without network.
 */
import { votersNeeded } from '../../leader/commit-rule.ts';
import { voterWithRoom } from './disk-watch.ts';
import type { FollowerStatus, NodeStatus, Reason } from '../api/api.ts';

/** Facts that the reasons are derived from. */
export type WhyFacts = Omit<NodeStatus, 'why' | 'mayNotLead'>;

/**
 * Returns the reasons for everything that waits, is refused or takes a detour at this node; empty where nothing does.
 */
export function why(facts: WhyFacts): readonly Reason[] {
  const unfit = mayNotLead(facts);
  // A learner that does not lead, or a follower of a living leader, is healthy.
  const fault = unfit !== null && !HEALTHY_CODES.has(unfit.code) ? unfit : null;
  const reasons = [facts.notReady, facts.followWaits, diskFull(facts), ...commits(facts), fault];
  return [...reasons, ...snapshots(facts)].filter(
    (reason) => reason !== null && reason !== undefined,
  );
}

const HEALTHY_CODES: ReadonlySet<string> = new Set(['LEADER_LIVES', 'NOT_ELIGIBLE']);

/** Returns the reason for a disk without space: its effect here, and whether another voter could lead instead. */
function diskFull({ role, unwritable, followers, notReady }: WhyFacts): Reason | null {
  if (unwritable === undefined || notReady?.code === unwritable.code) return null;
  const { code, message } = unwritable;
  if (role !== 'leader') {
    return { code, message: `this node can write no further than its last segment: ${message}` };
  }
  const rooms = followers.map((follower) => ({
    ...follower,
    counts: follower.voter && counts(follower),
    writable: follower.unwritable === undefined,
  }));
  const to = voterWithRoom(rooms);
  const help =
    to === undefined
      ? 'no other connected voter can write either'
      : `${to} can write: walship switchover --to ${to} lets the cluster accept writes`;
  return { code, message: `new writes are rejected: ${message}; ${help}` };
}

/** Returns, on a leader, which voters are missing or lagging, and by how much. */
function commits(facts: WhyFacts): readonly Reason[] {
  const { role, nodeId, quorum, voters, committedLsn, received, followers } = facts;
  if (role !== 'leader') return [];
  const others = followers.filter(({ voter }) => voter);
  const counting = others.filter(counts);
  const present = counting.length + (facts.state === 'intact' ? 1 : 0);
  const needed = votersNeeded({ committed: committedLsn, quorum, voterCount: voters.length });
  const first = needed > quorum ? ' for the first commit' : '';
  const reasons: Reason[] = [];
  const missing = others.filter((follower) => !counts(follower)).map(whyMissing);
  if (present < needed) {
    const message = `new writes are rejected: ${present} of ${voters.length} voters count, ${needed} are needed${first}: ${missing.join('; ')}`;
    reasons.push({ code: 'WRITES_REJECTED', message });
  }
  if (facts.commitWaits !== null && committedLsn < received.lsn) {
    const held = counting.map((follower) => whyBehind(follower, committedLsn)).filter(isText);
    const all = [`${nodeId} has fsynced up to LSN ${facts.durable.lsn}`, ...held, ...missing];
    const message = `LSN ${committedLsn + 1} to ${received.lsn} are not known to be fsynced on ${needed} voters yet: ${all.join('; ')}`;
    reasons.push({ code: 'COMMIT_WAITS', message });
  }
  return reasons;
}

function counts({ connected, state, reason }: FollowerStatus): boolean {
  return connected && state === 'intact' && reason === null;
}

function whyMissing({ nodeId, connected, reason }: FollowerStatus): string {
  if (!connected) return `${nodeId} is not connected`;
  return `${nodeId} does not count: ${reason?.message ?? 'it is not intact'}`;
}

function whyBehind(follower: FollowerStatus, committedLsn: number): string | undefined {
  const { nodeId, durableLsn, lagLsns, lagBytes, lagMs } = follower;
  if (durableLsn > committedLsn && lagLsns === 0) return `${nodeId} has fsynced all of it`;
  if (lagLsns === 0) return undefined;
  return `${nodeId} has fsynced up to LSN ${durableLsn}, ${lagLsns} behind, with ${lagBytes} bytes to go, for ${Math.round(lagMs)} ms`;
}

/**
 * Returns the reason why this node does not lead and would not be allowed to, as far as it knows without asking; null
 * where nothing prevents it.
 */
export function mayNotLead(facts: WhyFacts): Reason | null {
  const { role, nodeId, state, voters, leader, epoch, committedLsn, durable } = facts;
  if (role === 'leader' || role === 'stopped') return null;
  const may = (code: string, message: string): Reason => {
    return { code, message: `this node may not lead: ${message}` };
  };
  if (!voters.some((voter) => voter.nodeId === nodeId)) {
    return may('NOT_ELIGIBLE', 'it is a learner, and only voters lead');
  }
  if (state === 'suspect') {
    return may(
      'CANDIDATE_SUSPECT',
      'it is suspect and may lack committed records; an intact voter must lead and refill it',
    );
  }
  if (state === 'blank' && epoch > 0) {
    return may(
      'CANDIDATE_BLANK',
      'it is blank and other voters have records; an intact voter must lead and fill it',
    );
  }
  const lacks = Math.max(0, committedLsn - durable.lsn);
  const behind = `it has fsynced up to LSN ${durable.lsn} and ${committedLsn} is committed: it lacks ${lacks} records`;
  if (leader !== null) {
    const also = lacks === 0 ? '' : `, and ${behind}`;
    const message = `${leader.nodeId} leads epoch ${epoch} and is alive${also}; an operator can replace the leader with promote`;
    return may('LEADER_LIVES', message);
  }
  return lacks === 0 ? null : may('BEHIND_COMMIT', `${behind} that another voter has`);
}

/** Returns, on a leader, the followers that cannot continue from the log, and why. */
function snapshots({ role, log, followers }: WhyFacts): readonly Reason[] {
  if (role !== 'leader') return [];
  return followers.flatMap(({ nodeId, connected, durableLsn, lagLsns, retention }) => {
    if (connected && durableLsn + 1 < log.firstLsn) {
      const message = `${nodeId} gets a snapshot instead of the log: it has fsynced up to LSN ${durableLsn}, and the log begins at ${log.firstLsn}`;
      return [{ code: 'SNAPSHOT_NEEDED', message }];
    }
    if (retention?.bytesLeft !== 0 || (connected && lagLsns === 0)) return [];
    const message = `${nodeId} will get a snapshot instead of the log when it returns: the log that it needs is no longer kept`;
    return [{ code: 'SNAPSHOT_NEEDED', message }];
  });
}

function isText(text: string | undefined): text is string {
  return text !== undefined;
}
