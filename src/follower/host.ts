import type { Clock } from '../ports/clock.ts';
import type { Turns } from '../ports/turns.ts';
import type { Answer, SnapshotOffer } from '../protocol/messages.ts';
import type { Log, SavedTail } from '../wal/log.ts';
import type { LocalAcks } from '../wal/files/saved.ts';
import type { SnapshotTarget } from './snapshot-intake.ts';
import type { Claim, VoterState } from '../wal/format/voter-state.ts';

/** State and actions that a follower needs outside of its log. */
export interface FollowerHost {
  readonly log: Log;
  readonly clock: Clock;
  /** Turns of the event loop: large input is verified over several of them. */
  readonly turns: Pick<Turns, 'next'>;
  /** Fence in memory, at least the durable promise: nothing of a lower epoch is written or acknowledged. */
  readonly fence: number;
  readonly committedLsn: number;
  readonly appliedLsn: number;
  readonly state: VoterState;
  /** True if records that the leader does not have may be cut, committed or not. */
  readonly discarding: boolean;
  /**
   * Changes this node's history to the leader's where that is allowed; durable on resolve. Resolves with the reason
   * where it is not.
   */
  enter(answer: Answer): Promise<{ readonly code: string; readonly message: string } | undefined>;
  /** Makes the promise durable; resolves with false if a higher fence came up in the meantime. */
  promiseToFollow(epoch: number): Promise<boolean>;
  /** Opens the place for a snapshot that the leader offers instead of the log. */
  openSnapshot(offer: SnapshotOffer, answer: Answer): Promise<SnapshotTarget>;
  /** Takes over the cluster's identity into an empty log; durable on resolve. */
  begin(identity: { clusterId: string; historyId: string }): Promise<void>;
  /** Notes that the log equals this leader's up to `lsn`. */
  setMatched(lsn: number): void;
  learnCommitted(lsn: number): void;
  /** Saves the voter's state and claim; durable on resolve. */
  saveState(state: VoterState, claim: Claim): Promise<void>;
  durableMoved(): void;
  /**
   * Stands for the next epoch because the leader asked for it; resolves with the reason why it does not lead, or with
   * nothing.
   */
  takeOver(): Promise<{ readonly code: string; readonly message: string } | undefined>;
  /** Returns the writes above `lsn` that this run acknowledged at level `local`. */
  localAcksAbove(lsn: number): LocalAcks;
  /** Reports that a divergent tail was saved and cut. */
  cut(tail: SavedTail & { readonly localAcks: LocalAcks; readonly why: string }): void;
  /** Reports that the leader accepted this node, which follows it from now on. */
  following(leader: string, epoch: number): void;
  /** Reports something that an operator has to look at; the node stops if `halt` is set. */
  alarm(
    code: 'CHAIN_MISMATCH' | 'WRONG_CLUSTER' | 'CONFIG_MISMATCH',
    message: string,
    halt: boolean,
  ): void;
  info(code: string, message: string): void;
}
