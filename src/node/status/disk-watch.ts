import type { Reason } from '../api/api.ts';
import type { EventListener } from '../api/events.ts';
import { TickTimer } from '../../ports/tick-timer.ts';
import type { Failover } from '../api/trigger.ts';

/** A leader whose disk has taken nothing for so long hands over to a voter whose disk does, where failover is automatic. */
export const UNWRITABLE_HAND_OVER_MS = 5_000;
/** For a switchover that a node begins by itself. */
export const HAND_OVER_MS_MAX = 10_000;

/** A node that follows, as far as the choice of the next leader goes. */
export interface RoomFacts {
  readonly nodeId: string;
  /** An intact voter in session. */
  readonly counts: boolean;
  /** Its disk takes another segment, as it says itself. */
  readonly writable: boolean;
  readonly durableLsn: number;
}

/** The voter that a leader without room should hand over to: of those with room, the one that has most. Pure. */
export function voterWithRoom(followers: readonly RoomFacts[]): string | undefined {
  const [best] = followers
    .filter(({ counts, writable }) => counts && writable)
    .toSorted((a, b) => b.durableLsn - a.durableLsn || (a.nodeId < b.nodeId ? -1 : 1));
  return best?.nodeId;
}

/** Says whom a leader hands over to by itself because its disk takes nothing; nobody in most cases. Pure. */
export function handOverTo(facts: {
  readonly failover: Failover;
  /** For how long the disk has taken nothing, in this leadership and since the last attempt. */
  readonly unwritableMs: number;
  readonly followers: readonly RoomFacts[];
}): string | undefined {
  const { failover, unwritableMs, followers } = facts;
  if (failover !== 'auto' || unwritableMs < UNWRITABLE_HAND_OVER_MS) return undefined;
  return voterWithRoom(followers);
}

export interface DiskWatchOptions {
  readonly failover: Failover;
  /** Why the disk takes no next segment, if it does not. */
  readonly unwritable: () => Reason | undefined;
  /** Those in session with this leader; undefined where this node does not lead. */
  readonly followers: () => readonly RoomFacts[] | undefined;
  /** Begins a switchover. */
  readonly handOver: (to: string) => Promise<unknown>;
  readonly onEvent: EventListener;
}

/** Tells of a disk that takes nothing, once when that begins and once when it ends; and has the lead handed over where that helps. */
export class DiskWatch {
  readonly #options: DiskWatchOptions;
  #told: Reason | undefined;
  /** Since the disk works, this node does not lead, or it was tried to hand over. */
  readonly #since = new TickTimer();
  #handingOver = false;

  constructor(options: DiskWatchOptions) {
    this.#options = options;
  }

  /** To be called every TICK_MS. */
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
      message: `to ${to}, which has free space: ${message}`,
      to,
      why: code,
    });
    const over = (): void => {
      this.#handingOver = false;
    };
    // Where it fails the switchover has said why, and it is tried again.
    handOver(to).then(over, over);
  }
}
