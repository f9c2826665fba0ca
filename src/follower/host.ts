import type { Clock } from '../ports/clock.ts';
import type { Turns } from '../ports/turns.ts';
import type { Answer, Claim, SnapshotOffer, VoterState } from '../protocol/messages.ts';
import type { Log, SavedTail } from '../wal/log.ts';
import type { LocalAcks } from '../wal/files/saved.ts';
import type { SnapshotTarget } from './snapshot-intake.ts';

/** What the follower changes and asks outside of its log. */
export interface FollowerHost {
  readonly log: Log;
  readonly clock: Clock;
  /** Much that came at once is verified over several turns. */
  readonly turns: Pick<Turns, 'next'>;
  /** In memory, at least the durable promise: nothing of a lower epoch is written or acknowledged. */
  readonly fence: number;
  readonly committedLsn: number;
  readonly appliedLsn: number;
  readonly state: VoterState;
  /** What the log has beside the leader's may be cut, committed or not. */
  readonly discarding: boolean;
  /** Changes this node's history to the leader's where it may, durable on resolve; or says why not. */
  enter(answer: Answer): Promise<{ readonly code: string; readonly message: string } | undefined>;
  /** Makes the promise durable; false where a higher fence came up meanwhile. */
  promiseToFollow(epoch: number): Promise<boolean>;
  /** Where a snapshot goes that the leader offers instead of the log. */
  openSnapshot(offer: SnapshotOffer, answer: Answer): Promise<SnapshotTarget>;
  /** Takes over the cluster's identity into an empty log; durable on resolve. */
  begin(identity: { clusterId: string; historyId: string }): Promise<void>;
  /** Up to here the log is what this leader has. */
  setVerified(lsn: number): void;
  learnCommitted(lsn: number): void;
  /** Durable on resolve. */
  saveState(state: VoterState, claim: Claim): Promise<void>;
  durableMoved(): void;
  /** Stands for the next epoch because the leader asked for it; resolves with why it does not lead, or with nothing. */
  takeOver(): Promise<{ readonly code: string; readonly message: string } | undefined>;
  /** Whether this run acknowledged anything above `lsn` at `local`. */
  localAcksAbove(lsn: number): LocalAcks;
  /** A divergent tail was saved and cut. */
  cut(tail: SavedTail & { readonly localAcks: LocalAcks; readonly why: string }): void;
  /** The leader accepted this node: it is followed from here on. */
  following(leader: string, epoch: number): void;
  /** Something that a person has to look at; the node stops where `halt` is set. */
  alarm(
    code: 'CHAIN_MISMATCH' | 'WRONG_CLUSTER' | 'CONFIG_MISMATCH',
    message: string,
    halt: boolean,
  ): void;
  info(code: string, message: string): void;
}
