import type { Position, Version } from '../../wal/format/position.ts';
import type { WalshipError } from '../../errors.ts';
import type { Bounds, BoundStatus } from './bounds.ts';
import type { EventPage } from './event-log.ts';
import type { FailoverPlan } from '../rules/failover-plan.ts';
import type { Link } from '../../ports/link.ts';
import type { Failover } from './trigger.ts';
import type { VoterState } from '../../wal/format/voter-state.ts';

export type { VoterState };

/** API of a node for servers and embedding programs. */
export interface NodeApi {
  readonly nodeId: string;
  /** Contract lines, printed at start: two for a voter, three for a learner. */
  readonly contract: readonly string[];
  /**
   * Writes all operations or none.
   * @throws WalshipError with `outcome`: NO_LEADER (details.leader: address or null), NO_QUORUM, BUSY, DISK_FULL, CONDITION_FAILED,
   *   LSN_REPLACED, KEY_INVALID, VALUE_TOO_LARGE, TXN_TOO_LARGE (all rejected); COMMIT_TIMEOUT, STALE_EPOCH, DISK_FAILED, NODE_CLOSED (indeterminate
   *   where details.version is there).
   */
  write(request: WriteRequest): Promise<WriteResult>;
  /** @throws WalshipError WAIT_TIMEOUT, LSN_REPLACED, NO_LEADER, KEY_INVALID. */
  read(request: ReadRequest): Promise<ReadResult>;
  /** Returns a page of live keys in byte order, from the state that this node has applied. */
  scan(request: ScanRequest): Promise<ScanResult>;
  /**
   * Yields applied changes in log order, starting after `after`; waits for more until `signal` aborts. Never shows a
   * change that is not applied.
   * @throws WalshipError LSN_REPLACED, PURGED (details.oldest).
   */
  watch(request: WatchRequest): AsyncIterable<WatchEvent>;
  /** Resolves when `version` has reached `level` here. @throws WalshipError WAIT_TIMEOUT, LSN_REPLACED. */
  wait(request: WaitRequest): Promise<Version>;
  status(): NodeStatus;
  /** Bounds of this node, with their counts; an outer layer adds its own. */
  readonly bounds: Bounds;
  /**
   * Returns the error that refuses a write before its contents are looked at, because this node does not lead.
   * Returns undefined where it leads.
   */
  writeRefusal(): WalshipError | undefined;
  /** Returns events of this node since it started: see EventLog. */
  events(request: { readonly after: number; readonly limit: number }): EventPage;
  /** Takes over a link that a peer opened to this node. */
  accept(link: Link): void;
  /** Takes a snapshot now. @throws WalshipError NOT_READY, DISK_FULL, DISK_FAILED, NODE_CLOSED. */
  snapshot(): Promise<SnapshotResult>;
  /** Tries to lead, because an operator asked. @throws WalshipError NO_QUORUM with the refusals in details. */
  promote(): Promise<PromoteResult>;
  /**
   * Hands the lead over and loses nothing; call it on the leader. Writes wait in the meantime, and are rejected with
   * NO_LEADER after the handover.
   * @throws WalshipError NO_LEADER (details.leader), NOT_ELIGIBLE, BUSY, SWITCHOVER_FAILED (this node still leads, or
   * another one does), SWITCHOVER_UNKNOWN.
   */
  switchover(request: SwitchoverRequest): Promise<SwitchoverResult>;
  /**
   * Continues with the voters that answer, in a new history: the only way forward without the missing answers.
   * Without `acceptDataLoss` it only returns the plan, and what may be lost.
   * @throws WalshipError FAILOVER_REFUSED with the reason and each voter's answer.
   */
  failover(request: FailoverRequest): Promise<FailoverResult>;
  /**
   * Makes this node follow: with `discard` a leader of another history. The records that its own log has and that
   * history lacks are given up, saved before they are cut.
   * @throws WalshipError REJOIN_REFUSED with each node's answer.
   */
  rejoin(request: RejoinRequest): Promise<RejoinResult>;
  /** Resolves when the node has stopped for good; rejects with the failure that stopped it (a failed disk, a refusal). */
  readonly stopped: Promise<void>;
  /** Stops the node; idempotent. */
  close(): Promise<void>;
}

export type AckLevel = 'local' | 'quorum' | 'all';

/** A condition on a key for the write to happen: the key is at exactly this version, present at all, or absent. */
export interface Condition {
  readonly key: Uint8Array;
  readonly expect: Version | 'present' | 'absent';
}

export interface WriteOperation {
  readonly op: 'put' | 'delete';
  readonly key: Uint8Array;
  /** Value to write; empty for a delete. */
  readonly value: Uint8Array;
}

export interface WriteRequest {
  readonly conditions: readonly Condition[];
  readonly ops: readonly WriteOperation[];
  readonly ack: AckLevel;
  readonly timeoutMs: number;
}

export interface WriteResult {
  readonly version: Version;
  readonly ack: AckLevel;
  /** Node ids of the voters known to have fsynced it. */
  readonly durableOn: readonly string[];
}

export interface ReadRequest {
  readonly key: Uint8Array;
  readonly level: 'local' | 'linearizable';
  readonly minVersion?: Version;
  readonly timeoutMs: number;
}

export interface ReadResult {
  readonly found: { readonly value: Buffer; readonly version: Version } | undefined;
  /** State that this node had applied when it read. */
  readonly applied: Version;
}

export interface ScanRequest {
  readonly prefix?: Uint8Array;
  /** Key to start after (exclusive). */
  readonly after?: Uint8Array;
  readonly limit: number;
  readonly minVersion?: Version;
  readonly timeoutMs: number;
}

export interface ScanResult {
  readonly entries: readonly {
    readonly key: Buffer;
    readonly value: Buffer;
    readonly version: Version;
  }[];
  /** True if more keys follow the last one. */
  readonly more: boolean;
  readonly applied: Version;
}

export interface WatchRequest {
  readonly after: Version;
  readonly prefix?: Uint8Array;
  readonly signal: AbortSignal;
}

export type WatchEvent =
  | {
      readonly kind: 'change';
      readonly op: 'put' | 'delete';
      readonly key: Buffer;
      readonly value: Buffer;
      readonly version: Version;
      /** True for the last change of its transaction (always true outside of transactions). */
      readonly last: boolean;
    }
  /** Position up to which everything has been shown; resume after it. */
  | { readonly kind: 'progress'; readonly version: Version };

export interface WaitRequest {
  readonly version: Version;
  readonly level: 'durable' | 'committed' | 'applied';
  readonly timeoutMs: number;
}

export interface SnapshotResult {
  /**
   * LSN up to which the snapshot contains every record; it is consistent once the log up to `endLsn` is replayed over
   * it.
   */
  readonly startLsn: number;
  readonly endLsn: number;
  readonly keys: number;
  readonly bytes: number;
  readonly path: string;
  readonly tookMs: number;
}

/** Report of how a leadership came about. */
export interface LeadershipReport {
  readonly epoch: number;
  /** Grounds of the election: a quorum of promises, answers of all voters, or the birth of a cluster. */
  readonly how: 'promises' | 'all-answered' | 'birth';
  readonly promisedBy: readonly string[];
  /** Voters that certainly never held more than this node has. */
  readonly vouchedBy: readonly string[];
  /** End of the log that the leadership began with: everything up to here stays. */
  readonly after: Version;
  /**
   * Records above `after` that voters without an answer may hold, acknowledged at `local` at most: they are cut off
   * when those voters come back. Null where all answered.
   */
  readonly atRisk: { readonly fromLsn: number; readonly heldBy: readonly string[] } | null;
  /** Milliseconds from the last sign of a leader to the start of this leadership; null where none was heard. */
  readonly outageMs: number | null;
}

export interface PromoteResult extends LeadershipReport {
  /** Milliseconds; 0 where this node led already. */
  readonly tookMs: number;
}

export interface SwitchoverRequest {
  /** Node id of the next leader. */
  readonly to: string;
  /** Time limit for the whole switchover; writes are held up for at most this long. */
  readonly timeoutMs: number;
}

export interface SwitchoverResult {
  readonly from: string;
  readonly to: string;
  /** Epoch of the new leader. */
  readonly epoch: number;
  /** End of the log when writes were paused: all of it is committed, and the new leader has it. */
  readonly lsn: number;
  /** Milliseconds from the pause until this node followed the new leader. */
  readonly outageMs: number;
}

export interface FailoverRequest {
  readonly acceptDataLoss: boolean;
  /** W to continue with; a majority of the voters that answer unless given. */
  readonly quorum?: number;
}

/** Result of a forced failover, or the plan for one. */
export interface FailoverResult extends FailoverPlan {
  /** False: nothing was done, and this is only the plan. */
  readonly done: boolean;
  /** Id of the new history; null where nothing was done. */
  readonly historyId: string | null;
  readonly previousHistoryId: string | null;
  /** Epoch of the leadership that began; null where there is none yet. */
  readonly epoch: number | null;
  /** Reason why this node does not lead yet; it keeps trying. */
  readonly notLeading: string | null;
  readonly tookMs: number;
}

export interface RejoinRequest {
  readonly discard: boolean;
  /** Address of a node of the other history; all nodes ever known are asked unless given. */
  readonly from?: string;
  readonly timeoutMs: number;
}

export interface RejoinResult {
  readonly leader: string;
  readonly epoch: number;
  readonly historyId: string | null;
  readonly previousHistoryId: string | null;
  /** Records that were saved and cut, if any. */
  readonly cut: {
    readonly records: number;
    readonly fromLsn: number;
    readonly toLsn: number;
    readonly saved: readonly string[];
  } | null;
  readonly tookMs: number;
}

export type Role = 'leader' | 'follower' | 'candidate' | 'stopped';
/** A code with a sentence in plain words. */
export interface Reason {
  readonly code: string;
  readonly message: string;
}

export interface NodeStatus {
  readonly nodeId: string;
  readonly clusterId: string | null;
  readonly historyId: string | null;
  readonly role: Role;
  readonly state: VoterState;
  readonly epoch: number;
  readonly leader: { readonly nodeId: string; readonly address: string } | null;
  readonly voters: readonly { readonly nodeId: string; readonly address: string }[];
  readonly quorum: number;
  /** Failover mode: an operator or the node itself decides when it tries to replace a lost leader. */
  readonly failover: Failover;
  readonly received: Position;
  readonly durable: Position;
  readonly committedLsn: number;
  readonly applied: Version;
  readonly promise: { readonly epoch: number; readonly candidate: string | null };
  readonly keys: number;
  /** Bytes of log that were written and are not committed. */
  readonly uncommittedBytes: number;
  /** Leader only: how it came to lead. */
  readonly leadership: LeadershipReport | null;
  /** Leader only: one entry for each node in session, and for each voter that is not. */
  readonly followers: readonly FollowerStatus[];
  /** Log that this node holds. */
  readonly log: LogStatus;
  /** Background re-reading of segments; absent where a node does not report it. */
  readonly scrub?: ScrubStatus;
  /** Reason why this node is not ready; null where it is. */
  readonly notReady: Reason | null;
  /** Reason why this node does not take a leader's log or snapshot, and when it tries again; absent where it does. */
  readonly followWaits?: Reason;
  /** Reason why the disk of this node takes no new data; absent where it does. */
  readonly unwritable?: Reason;
  /** Reason why commits wait; null where they do not. */
  readonly commitWaits: Reason | null;
  /** Reasons, in words, for everything that waits, is refused or takes a detour here; empty where all is well. */
  readonly why: readonly Reason[];
  /**
   * Reason why this node does not lead and would not be allowed to, as far as it knows without asking; another leader
   * is such a reason.
   */
  readonly mayNotLead: Reason | null;
  readonly warnings: readonly Reason[];
  /** Counts and limits of this node; absent where a node does not report them. */
  readonly bounds?: readonly BoundStatus[];
  readonly contract: readonly string[];
  readonly uptimeMs: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** Progress of the background re-reading of the log. */
export interface ScrubStatus {
  /** Bytes read in a second; 0: off. */
  readonly bytesPerSecond: number;
  /**
   * End of the last full pass over the sealed segments, in milliseconds since 1970, and the bytes it read; null
   * before the first pass.
   */
  readonly lastPassAt: number | null;
  readonly lastPassBytes: number;
  /** Bytes read since the node started. */
  readonly scrubbedBytes: number;
  readonly mendedSegments: number;
  /** Damage that was found and is not repaired. */
  readonly damaged: readonly {
    readonly segment: string;
    readonly offset: number;
    readonly fromLsn: number;
    readonly toLsn: number;
  }[];
}

export interface LogStatus {
  /** Oldest LSN that is held. */
  readonly firstLsn: number;
  /** Size of the held log on this node's disk. */
  readonly bytes: number;
  /** Start of the newest snapshot; 0 where there is none. */
  readonly snapshotLsn: number;
  /** Reasons why log is kept that the snapshots do not need. */
  readonly holds: readonly Reason[];
}

/** Slack of a lagging voter before it needs a full copy. */
export interface RetentionStatus {
  /**
   * Bytes of log, on the leader's disk, that may still be written before it needs a full copy; 0 where it already
   * does.
   */
  readonly bytesLeft: number;
  /** Seconds left at the present rate; null where nothing is written. */
  readonly secondsLeft: number | null;
}

export interface FollowerStatus {
  readonly nodeId: string;
  readonly voter: boolean;
  readonly connected: boolean;
  /** State from the node's hello; `unknown` without a session. */
  readonly state: VoterState | 'unknown';
  readonly receivedLsn: number;
  readonly durableLsn: number;
  readonly appliedLsn: number;
  readonly lagLsns: number;
  /** Bytes of the stream not yet sent to it, as far as known. */
  readonly lagBytes: number;
  /** Milliseconds since it was last durable at the leader's end of log; 0 while it is. */
  readonly lagMs: number;
  /** Set if its disk takes no new data, by its own report. */
  readonly unwritable?: true;
  /** Voters only. */
  readonly retention?: RetentionStatus;
  readonly reason: Reason | null;
}
