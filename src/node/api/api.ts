import type { Position, Version } from '../../wal/format/position.ts';
import type { WalshipError } from '../../errors.ts';
import type { Bounds, BoundStatus } from './bounds.ts';
import type { EventPage } from './event-log.ts';
import type { FailoverPlan } from '../rules/failover-plan.ts';
import type { Link } from '../../ports/link.ts';
import type { Failover } from './trigger.ts';

/** What servers and embedding programs use of a node. */
export interface NodeApi {
  readonly nodeId: string;
  /** The two lines of the contract, printed at start. */
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
  /** A page of live keys in byte order, of what this node has applied. */
  scan(request: ScanRequest): Promise<ScanResult>;
  /**
   * Applied changes in log order, starting behind `after`; waits for more until `signal` aborts. Never shows what is not applied.
   * @throws WalshipError LSN_REPLACED, PURGED (details.oldest).
   */
  watch(request: WatchRequest): AsyncIterable<WatchEvent>;
  /** Resolves when `version` has reached `level` here. @throws WalshipError WAIT_TIMEOUT, LSN_REPLACED. */
  wait(request: WaitRequest): Promise<Version>;
  status(): NodeStatus;
  /** What this node counts and bounds; an outer layer adds what it bounds itself. */
  readonly bounds: Bounds;
  /** Why a write would be refused before anything of it is looked at: this node does not lead. Undefined where it does. */
  writeRefusal(): WalshipError | undefined;
  /** What happened to this node since it started: see EventLog. */
  events(request: { readonly after: number; readonly limit: number }): EventPage;
  /** Takes over a link that a peer opened to this node. */
  accept(link: Link): void;
  /** Takes a snapshot now. @throws WalshipError NOT_READY, DISK_FULL, DISK_FAILED, NODE_CLOSED. */
  snapshot(): Promise<SnapshotResult>;
  /** Tries to lead, because an operator asked. @throws WalshipError NO_QUORUM with the refusals in details. */
  promote(): Promise<PromoteResult>;
  /**
   * Hands the lead over, losing nothing; to be asked of the leader. Writes wait meanwhile, and are rejected with NO_LEADER once it is handed over.
   * @throws WalshipError NO_LEADER (details.leader), NOT_ELIGIBLE, BUSY, SWITCHOVER_FAILED (this node leads on, or another one does), SWITCHOVER_UNKNOWN.
   */
  switchover(request: SwitchoverRequest): Promise<SwitchoverResult>;
  /**
   * The only way past missing answers: goes on with the voters that answer, in a new history. Without `acceptDataLoss` it only says what would be
   * done, and what may be lost.
   * @throws WalshipError FAILOVER_REFUSED with the reason and what each voter said.
   */
  failover(request: FailoverRequest): Promise<FailoverResult>;
  /**
   * Makes this node follow: with `discard` a leader of another history, for which it gives up what its own log has beside, saved before it is cut.
   * @throws WalshipError REJOIN_REFUSED with what each node said.
   */
  rejoin(request: RejoinRequest): Promise<RejoinResult>;
  /** Resolves when the node has stopped for good; rejects with the failure that stopped it (a failed disk, a refusal). */
  readonly stopped: Promise<void>;
  /** Idempotent. */
  close(): Promise<void>;
}

export type AckLevel = 'local' | 'quorum' | 'all';

/** A key as it must be for the write to happen: at exactly this version, present at all, or absent. */
export interface Condition {
  readonly key: Uint8Array;
  readonly expect: Version | 'present' | 'absent';
}

export interface WriteOperation {
  readonly op: 'put' | 'delete';
  readonly key: Uint8Array;
  /** Empty for a delete. */
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
  /** What this node had applied when it read. */
  readonly applied: Version;
}

export interface ScanRequest {
  readonly prefix?: Uint8Array;
  /** Exclusive. */
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
  /** More keys follow the last one. */
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
      /** The last change of its transaction (always true outside of transactions). */
      readonly last: boolean;
    }
  /** Everything up to here has been shown; resume behind it. */
  | { readonly kind: 'progress'; readonly version: Version };

export interface WaitRequest {
  readonly version: Version;
  readonly level: 'durable' | 'committed' | 'applied';
  readonly timeoutMs: number;
}

export interface SnapshotResult {
  /** Everything up to `startLsn` is in it; it is right once the log up to `endLsn` is replayed over it. */
  readonly startLsn: number;
  readonly endLsn: number;
  readonly keys: number;
  readonly bytes: number;
  readonly path: string;
  readonly tookMs: number;
}

/** How a leadership came about. */
export interface LeadershipReport {
  readonly epoch: number;
  /** By a quorum of promises, because all voters answered, or as the first of a cluster. */
  readonly how: 'promises' | 'all-answered' | 'birth';
  readonly promisedBy: readonly string[];
  /** Voters that certainly never held more than this node has. */
  readonly vouchedBy: readonly string[];
  /** The end of the log that it began with: everything up to here goes on. */
  readonly after: Version;
  /** What those who did not answer may hold above that, acknowledged at `local` at most: it is cut off when they come back. Nothing where all answered. */
  readonly atRisk: { readonly fromLsn: number; readonly heldBy: readonly string[] } | null;
  /** From when a leader was last heard to when this one began; unknown where none was heard. */
  readonly outageMs: number | null;
}

export interface PromoteResult extends LeadershipReport {
  /** 0 where it led already. */
  readonly tookMs: number;
}

export interface SwitchoverRequest {
  /** Node id of the next leader. */
  readonly to: string;
  /** For all of it; writes are held up for so long at most. */
  readonly timeoutMs: number;
}

export interface SwitchoverResult {
  readonly from: string;
  readonly to: string;
  /** Which the new leader leads. */
  readonly epoch: number;
  /** The end of the log when writes were paused: all of it is committed, and the new leader has it. */
  readonly lsn: number;
  /** From the pause until this node followed the new leader. */
  readonly outageMs: number;
}

export interface FailoverRequest {
  readonly acceptDataLoss: boolean;
  /** W to go on with; a majority of the voters that answer unless given. */
  readonly quorum?: number;
}

/** What a forced failover did, or would do. */
export interface FailoverResult extends FailoverPlan {
  /** False: nothing was done, this is what would be. */
  readonly done: boolean;
  /** The new history; null where nothing was done. */
  readonly historyId: string | null;
  readonly previousHistoryId: string | null;
  /** Of the leadership that began; null where there is none yet. */
  readonly epoch: number | null;
  /** Why this node does not lead yet: it goes on trying. */
  readonly notLeading: string | null;
  readonly tookMs: number;
}

export interface RejoinRequest {
  readonly discard: boolean;
  /** Where a node of the other history answers; all that were ever known are asked unless given. */
  readonly from?: string;
  readonly timeoutMs: number;
}

export interface RejoinResult {
  readonly leader: string;
  readonly epoch: number;
  readonly historyId: string | null;
  readonly previousHistoryId: string | null;
  /** What was saved and cut, if anything. */
  readonly cut: {
    readonly records: number;
    readonly fromLsn: number;
    readonly toLsn: number;
    readonly saved: readonly string[];
  } | null;
  readonly tookMs: number;
}

export type Role = 'leader' | 'follower' | 'candidate' | 'stopped';
export type VoterState = 'intact' | 'suspect' | 'blank';

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
  /** Who decides when this node tries to replace a leader that is gone. */
  readonly failover: Failover;
  readonly received: Position;
  readonly durable: Position;
  readonly committedLsn: number;
  readonly applied: Version;
  readonly promise: { readonly epoch: number; readonly candidate: string | null };
  readonly keys: number;
  /** Bytes of log that were written and are not committed. */
  readonly uncommittedBytes: number;
  /** Of the leader only: how it came to lead. */
  readonly leadership: LeadershipReport | null;
  /** Of the leader only: one for each node in session, and for each voter that is not. */
  readonly followers: readonly FollowerStatus[];
  /** The log that is held here. */
  readonly log: LogStatus;
  /** The segments that are read again; absent where a node does not say. */
  readonly scrub?: ScrubStatus;
  /** Why this node is not ready, or nothing. */
  readonly notReady: Reason | null;
  /** Why this node does not take what a leader gives, and when it tries again; absent where it does. */
  readonly followWaits?: Reason;
  /** Why the disk of this node takes nothing new; absent where it does. */
  readonly unwritable?: Reason;
  /** Why commits wait, or nothing. */
  readonly commitWaits: Reason | null;
  /** Why anything waits, is refused or goes the long way here, in words; empty where all is well. */
  readonly why: readonly Reason[];
  /** Why this node does not lead and would not be let, as far as it knows without asking: also that another one leads. */
  readonly mayNotLead: Reason | null;
  readonly warnings: readonly Reason[];
  /** Everything that is counted and bounded; absent where a node does not say. */
  readonly bounds?: readonly BoundStatus[];
  readonly contract: readonly string[];
  readonly uptimeMs: number;
  readonly counters: Readonly<Record<string, number>>;
}

/** How the log is read again in the background. */
export interface ScrubStatus {
  /** 0: off. */
  readonly bytesPerSecond: number;
  /** When all sealed segments had been read last, in milliseconds since 1970, and how many bytes they were; null before the first time. */
  readonly lastPassAt: number | null;
  readonly lastPassBytes: number;
  /** Since the node started. */
  readonly scrubbedBytes: number;
  readonly mendedSegments: number;
  /** What was found damaged and is not mended. */
  readonly damaged: readonly {
    readonly segment: string;
    readonly offset: number;
    readonly fromLsn: number;
    readonly toLsn: number;
  }[];
}

export interface LogStatus {
  /** The oldest LSN that is held. */
  readonly firstLsn: number;
  /** Of the log that is held, on this node's disk. */
  readonly bytes: number;
  /** Start of the newest snapshot; 0 where there is none. */
  readonly snapshotLsn: number;
  /** Why log is kept that the snapshots could do without. */
  readonly holds: readonly Reason[];
}

/** How long a voter may stay behind. */
export interface RetentionStatus {
  /** Log, on the leader's disk, that may still be written before it needs a full copy; 0 where it does. */
  readonly bytesLeft: number;
  /** At the present rate; null where nothing is written. */
  readonly secondsLeft: number | null;
}

export interface FollowerStatus {
  readonly nodeId: string;
  readonly voter: boolean;
  readonly connected: boolean;
  /** As it said in its hello; `unknown` without a session. */
  readonly state: VoterState | 'unknown';
  readonly receivedLsn: number;
  readonly durableLsn: number;
  readonly appliedLsn: number;
  readonly lagLsns: number;
  /** Bytes of the stream not yet sent to it, as far as known. */
  readonly lagBytes: number;
  /** Since it was last durable at the leader's end of log; 0 while it is. */
  readonly lagMs: number;
  /** Its disk takes nothing new, as it says; absent where it does. */
  readonly unwritable?: true;
  /** Of a voter only. */
  readonly retention?: RetentionStatus;
  readonly reason: Reason | null;
}
