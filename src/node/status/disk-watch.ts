import type { Reason } from '../api/api.ts';
import type { EventListener } from '../api/events.ts';
import { TickTimer } from '../../ports/tick-timer.ts';
import type { Failover } from '../api/trigger.ts';

/**
 * Milliseconds of a disk without space after which a leader hands over to a voter that has space, where failover is
 * automatic.
 */
export const UNWRITABLE_HAND_OVER_MS = 5_000;
/** Time limit for a switchover that a node begins on its own. */
export const HAND_OVER_MS_MAX = 10_000;

/** A follower, as far as the choice of the next leader goes. */
export interface RoomFacts {
  readonly nodeId: string;
  /** True for an intact voter in session. */
  readonly counts: boolean;
  /** True if its disk takes another segment, by its own report. */
  readonly writable: boolean;
  readonly durableLsn: number;
}

/**
 * Returns the voter that a leader without space should hand over to: of those with space, the one with the longest
 * log. Pure.
 */
export function voterWithRoom(followers: readonly RoomFacts[]): string | undefined {
  const [best] = followers
    .filter(({ counts, writable }) => counts && writable)
    .toSorted((a, b) => b.durableLsn - a.durableLsn || (a.nodeId < b.nodeId ? -1 : 1));
  return best?.nodeId;
}

/** Returns the voter that a leader should hand over to because its disk has no space; undefined in most cases. Pure. */
export function handOverTo(facts: {
  readonly failover: Failover;
  /** Milliseconds for which the disk has had no space, in this leadership and since the last attempt. */
  readonly unwritableMs: number;
  readonly followers: readonly RoomFacts[];
}): string | undefined {
  const { failover, unwritableMs, followers } = facts;
  if (failover !== 'auto' || unwritableMs < UNWRITABLE_HAND_OVER_MS) return undefined;
  return voterWithRoom(followers);
}

export interface DiskWatchOptions {
  readonly failover: Failover;
  /** Returns the reason why the disk takes no next segment, if there is one. */
  readonly unwritable: () => Reason | undefined;
  /** Returns the followers in session with this leader; undefined where this node does not lead. */
  readonly followers: () => readonly RoomFacts[] | undefined;
  /** Begins a switchover. */
  readonly handOver: (to: string) => Promise<unknown>;
  readonly onEvent: EventListener;
}

/**
 * Reports a disk without space, once when that begins and once when it ends; and has the lead handed over where that
 * helps.
 */
export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #told: Reason | undefined;
  /** Time since the disk last worked, this node last did not lead, or a handover was last tried. */
  readonly #since = new TickTimer();
  #handingOver = false;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** Checks the disk. Call it every TICK_MS. */
  tick(): void {
    const { failover, unwritable, followers, onEvent } = this.#options;
    const reason = unwritable();
    if (reason?.code !== this.#told?.code) {
      this.#told = reason;
      onEvent(
        reason === undefined
          ? { level: 'info', code: 'DISK_WRITABLE', message: 'the disk accepts log again' }
          : {
              level: 'warn',
              code: reason.code,
              message: `no new log is written: ${reason.message}`,
            },
      );
    }
    const present = followers();
    if (reason === undefined || present === undefined || this.#handingOver) {
      this.#since.reset();
      return;
    }
    this.#since.tick();
    const to = handOverTo({ failover, unwritableMs: this.#since.ms, followers: present });
    if (to !== undefined) this.#handOver(to, reason);
  }

  #handOver(to: string, { code, message }: Reason): void {
    const { handOver, onEvent } = this.#options;
    this.#handingOver = true;
    onEvent({
      level: 'warn',
      code: 'HANDING_OVER',
      message: `to ${to}, whose disk accepts writes: ${message}`,
      to,
      why: code,
    });
    const over = (): void => {
      this.#handingOver = false;
    };
    // A failed switchover has reported the reason, and is tried again.
    handOver(to).then(over, over);
  }
}
