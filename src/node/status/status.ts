import type { Bounds } from '../api/bounds.ts';
import type { Session } from '../../leader/session.ts';
import type { FollowerStatus, LogStatus, NodeStatus, Reason } from '../api/api.ts';
import type { Quorums } from '../cluster/cluster.ts';
import { COMMIT_WAIT_MS } from '../requests/commit-wait.ts';
import type { RoleDriver } from '../role/role-driver.ts';
import type { Peer } from '../cluster/peers.ts';
import { notReady } from './ready.ts';
import type { ReadyFacts, Term } from './ready.ts';
import type { Replica } from '../replica/replica.ts';
import type { Scrubber } from '../repair/scrubber.ts';
import type { Snapshotter } from '../replica/snapshotter.ts';
import type { Failover } from '../api/trigger.ts';
import { mayNotLead, why } from './why.ts';

export interface StatusOptions {
  readonly replica: Replica;
  readonly roleDriver: RoleDriver;
  readonly snapshotter: Snapshotter;
  readonly scrubber: Scrubber;
  readonly peers: readonly Peer[];
  readonly quorums: Quorums;
  readonly contract: readonly string[];
  readonly failover: Failover;
  readonly counters: Readonly<Record<string, number>>;
  readonly uncommittedBytes: number;
  readonly bounds: Bounds;
  /** Milliseconds for which a record in the log of a leader has not been committed. */
  readonly commitWaitMs: number;
  readonly uptimeMs: number;
}

/** Status of a node from its own knowledge, with the reasons in words. */
export function statusOf(options: StatusOptions): NodeStatus {
  const { replica, roleDriver, peers, quorums, contract, uncommittedBytes, uptimeMs } = options;
  const { log, meta, store } = replica;
  const { clusterId, historyId, promise, state } = meta.current;
  const { session } = roleDriver;
  const facts = {
    nodeId: replica.nodeId,
    clusterId,
    historyId,
    role: roleDriver.role,
    state,
    epoch: roleDriver.leader?.epoch ?? session?.epoch ?? log.durable.epoch,
    leader: roleDriver.knownLeader ?? null,
    voters: peers,
    quorum: quorums.quorum,
    failover: options.failover,
    received: { ...log.durable, lsn: session?.receivedLsn ?? log.last.lsn },
    durable: log.durable,
    committedLsn: replica.committedLsn,
    applied: replica.applied,
    promise: { epoch: promise.epoch, candidate: promise.candidate },
    keys: store.count,
    uncommittedBytes,
    leadership: roleDriver.leadership,
    followers: followersOf(options),
    log: logStatus(options),
    scrub: options.scrubber.status,
    notReady: notReady(readyFacts(options)),
    ...followWaits(options),
    commitWaits: commitWaits(options),
    ...unwritable(options),
    warnings: [...replica.warnings, ...damaged(options), ...options.bounds.warnings],
    bounds: options.bounds.status,
    contract,
    uptimeMs,
    counters: options.counters,
  };
  return { ...facts, why: why(facts), mayNotLead: mayNotLead(facts) };
}

function followersOf(options: StatusOptions): readonly FollowerStatus[] {
  const { replica, roleDriver, peers } = options;
  const { leader } = roleDriver;
  if (leader === undefined) return [];
  const sessions = leader.sessions;
  const present = sessions.map((session) => ({
    ...connected(session, replica),
    ...(session.writable ? {} : { unwritable: true as const }),
    ...retentionOf(options, session.nodeId),
  }));
  const missing = peers
    .filter(({ nodeId }) => nodeId !== replica.nodeId)
    .filter(({ nodeId }) => !sessions.some((session) => session.nodeId === nodeId))
    .map(({ nodeId }) => ({ ...absent(nodeId), ...retentionOf(options, nodeId) }));
  return [...present, ...missing].toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
}

function connected(session: Session, { log }: Replica): FollowerStatus {
  return {
    nodeId: session.nodeId,
    voter: session.voter,
    connected: true,
    state: session.state,
    receivedLsn: session.receivedLsn,
    durableLsn: session.durableLsn,
    appliedLsn: session.appliedLsn,
    lagLsns: Math.max(0, log.durable.lsn - session.durableLsn),
    lagBytes: session.inFlightBytes + log.bytesAfter(session.sentLsn),
    lagMs: Math.round(session.lagMs),
    reason: reasonOf(session),
  };
}

function reasonOf(session: Session): Reason | null {
  const { snapshot } = session;
  if (snapshot !== undefined) {
    const { source, gotBytes } = snapshot;
    const message = `the log no longer reaches back to its position: it is being sent the snapshot of LSN ${source.start.lsn} and has ${gotBytes} of ${source.bytes} bytes`;
    return { code: 'SNAPSHOT', message };
  }
  if (!session.voter) {
    return { code: 'LEARNER', message: 'it is not one of the voters and does not count' };
  }
  if (session.state !== 'intact') {
    return {
      code: 'NOT_INTACT',
      message: `${session.state}: it counts once it has caught up and enough voters have confirmed the epoch`,
    };
  }
  if (!session.confirmed) {
    return {
      code: 'UNVERIFIED',
      message: 'not yet confirmed to be the process at its address',
    };
  }
  return null;
}

function absent(nodeId: string): FollowerStatus {
  return {
    nodeId,
    voter: true,
    connected: false,
    state: 'unknown',
    receivedLsn: 0,
    durableLsn: 0,
    appliedLsn: 0,
    lagLsns: 0,
    lagBytes: 0,
    lagMs: 0,
    reason: { code: 'NOT_CONNECTED', message: 'not connected: it is down, cut off or refused' },
  };
}

/** Returns reasons for damage that the next start, or a lagging follower, would run into. */
function damaged({ scrubber }: StatusOptions): readonly Reason[] {
  return scrubber.status.damaged.map(({ segment, offset, fromLsn, toLsn }) => ({
    code: 'SEGMENT_DAMAGED',
    message: `${segment} is damaged at offset ${offset}: LSN ${fromLsn} to ${toLsn} cannot all be read, and are being fetched`,
  }));
}

/** Returns the extent of the held log, and the holds that keep it from being purged. */
function logStatus({ replica, roleDriver, snapshotter }: StatusOptions): LogStatus {
  const { log } = replica;
  const { coveredLsn, newestLsn } = snapshotter;
  const holds = (roleDriver.leader?.holds.holds ?? [])
    .filter(({ lsn }) => lsn < coveredLsn && log.firstLsn <= coveredLsn)
    .map(({ nodeId, lsn, snapshot }) => ({
      code: snapshot ? 'SNAPSHOT_HOLD' : 'FOLLOWER_HOLD',
      message: `${lsn === 0 ? 'all log' : `log behind LSN ${lsn}`} is kept for ${nodeId}${snapshot ? ', which was given a snapshot' : ''}`,
    }));
  const bytes = log.onDisk.diskBytesAfter(0);
  return { firstLsn: log.firstLsn, bytes, snapshotLsn: newestLsn, holds };
}

/** Returns how long a voter may lag. */
function retentionOf(
  { roleDriver }: StatusOptions,
  nodeId: string,
): Pick<FollowerStatus, 'retention'> {
  const retention = roleDriver.leader?.holds.forecast(nodeId);
  return retention === undefined ? {} : { retention };
}

/** Collects the facts of this moment for the decision in ready.ts. */
function readyFacts({ replica, roleDriver, peers }: StatusOptions): ReadyFacts {
  const { log, failure, committedLsn, nodeId } = replica;
  const lsn = Math.min(committedLsn, log.durable.lsn);
  return {
    nodeId,
    failure,
    rebuilding: replica.rebuilding,
    term: termOf(roleDriver, nodeId),
    copying: roleDriver.search.copying,
    unwritable: replica.log.unwritable,
    refusals: roleDriver.search.refusals,
    committed: { epoch: log.epochAt(lsn), lsn },
    applied: replica.applied,
    voter: peers.some((peer) => peer.nodeId === nodeId),
    voterCount: peers.length,
    state: replica.state,
  };
}

function termOf({ leader, session }: RoleDriver, nodeId: string): Term | undefined {
  if (leader !== undefined) return { leader: nodeId, epoch: leader.epoch, committedLsn: 0 };
  if (session === undefined) return undefined;
  const { epoch, committedAtStart } = session;
  return { leader: session.leader ?? '', epoch, committedLsn: committedAtStart };
}

function followWaits({ roleDriver }: StatusOptions): Pick<NodeStatus, 'followWaits'> {
  const { followWaits: waits } = roleDriver.search;
  const atWork = roleDriver.leader !== undefined || roleDriver.session !== undefined;
  return atWork || waits === undefined ? {} : { followWaits: waits };
}

function unwritable({ replica }: StatusOptions): Pick<NodeStatus, 'unwritable'> {
  const lack = replica.log.unwritable;
  return lack === undefined ? {} : { unwritable: { code: lack.code, message: lack.message } };
}

/** Returns the reason for slow commits. Writes come and are committed all the time: only a long wait has a reason. */
function commitWaits({ replica, roleDriver, quorums, commitWaitMs }: StatusOptions): Reason | null {
  const { leader } = roleDriver;
  if (leader === undefined || replica.committedLsn >= replica.log.last.lsn) return null;
  const present = leader.countingVoters;
  const needed = leader.votersNeeded;
  if (present < needed) {
    const first = needed > quorums.quorum ? ' for the first commit' : '';
    return {
      code: 'NO_QUORUM',
      message: `${present} voters count, ${needed} are needed${first}`,
    };
  }
  if (commitWaitMs < COMMIT_WAIT_MS) return null;
  const message = `LSN ${replica.committedLsn + 1} and above have waited for the voters for ${commitWaitMs} ms`;
  return { code: 'IN_FLIGHT', message };
}
