import type { Clock } from '../ports/clock.ts';
import type { Identity } from '../protocol/messages.ts';
import type { SnapshotSource } from './snapshot-sender.ts';
import type { Log } from '../wal/log.ts';
import type { Position } from '../wal/format/position.ts';
import type { VoterState } from '../wal/format/voter-state.ts';

export interface LeaderOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly nodeId: string;
  readonly clusterId: string;
  readonly historyId: string;
  readonly epoch: number;
  readonly attempt: string;
  readonly ownEpochLsn: number;
  /** Node ids, this one included. */
  readonly voters: readonly string[];
  readonly quorum: number;
  /** N-Q+1: this many voters prove that no other leadership has begun. */
  readonly proofVoters: number;
  readonly configHash: string;
  /** Bytes of log, on disk, that are kept for a lagging voter. */
  readonly retainBytesMax: number;
  /** True if every voter confirmed its promise to this very attempt. */
  readonly allConfirmed: boolean;
  readonly heartbeatMs: number;
  readonly silenceMs: number;
  readonly hooks: LeaderHooks;
}

export interface LeaderHooks {
  state(): VoterState;
  committedLsn(): number;
  /** Reports a higher commit LSN, by the commit rule. */
  commit(lsn: number): void;
  /** Reports that a follower is durable further than before, or begins to count. */
  progressed(): void;
  /** Returns a snapshot for a follower that the log does not reach back to; undefined where none exists. */
  offer(): Promise<SnapshotSource | undefined>;
  /** Reports that the snapshot at `path` could not be sent whole, or that its receiver found it to be wrong. */
  refused(path: string): void;
  /**
   * Returns the identity that answers at the voter's own address; undefined where no process answers, or another node
   * does.
   */
  identityAt(nodeId: string): Promise<Identity | undefined>;
  /**
   * Reports the end of the leadership. Called once, in the turn in which it ended; `lostData` where this node's log
   * lacks records that it once had.
   */
  ended(reason: { code: string; message: string; lostData?: Position }): void;
  warn(code: string, message: string): void;
  /** Reports a message that no correct peer may send. */
  fault(fault: { readonly code: string; readonly message: string; readonly peer: string }): void;
}
