import type { Clock } from '../ports/clock.ts';
import type { Identity, VoterState } from '../protocol/messages.ts';
import type { SnapshotSource } from './snapshot-sender.ts';
import type { Log } from '../wal/log.ts';
import type { Position } from '../wal/format/position.ts';

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
  /** N-Q+1: so many voters prove that no other leadership has begun. */
  readonly proofVoters: number;
  readonly configHash: string;
  /** Log that is kept for a voter that lags. */
  readonly retainBytesMax: number;
  /** Every voter confirmed its promise to this very attempt. */
  readonly allConfirmed: boolean;
  readonly heartbeatMs: number;
  readonly silenceMs: number;
  readonly hooks: LeaderHooks;
}

export interface LeaderHooks {
  state(): VoterState;
  committedLsn(): number;
  /** A higher commit LSN, by the commit rule. */
  commit(lsn: number): void;
  /** A follower is durable further than before, or begins to count. */
  progressed(): void;
  /** A snapshot for a follower that the log does not reach back to; undefined where there is none. */
  offer(): Promise<SnapshotSource | undefined>;
  /** The snapshot at `path` could not be sent whole, or was found to be wrong by the one who got it. */
  refused(path: string): void;
  /** Who answers at the voter's own address; undefined where nobody does, or another node. */
  identityAt(nodeId: string): Promise<Identity | undefined>;
  /** Leadership is over. Called once, in the turn in which it ended; `lostData` where this node's log lacks what it once had. */
  ended(reason: { code: string; message: string; lostData?: Position }): void;
  warn(code: string, message: string): void;
  /** A peer said what no peer may say. */
  fault(fault: { readonly code: string; readonly message: string; readonly peer: string }): void;
}
