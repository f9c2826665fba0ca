import type { Clock } from '../../ports/clock.ts';
import { WalshipError } from '../../errors.ts';
import { MiB } from '../../ports/units.ts';
import { Waiters } from '../../leader/waiters.ts';
import { leftMsOf } from './appended-write.ts';
import type { TimedWrite } from './appended-write.ts';

/** Number of writes that may wait while writing is paused. */
export const HELD_WRITES_MAX = 10_000;
/** Bytes of their keys and values. */
export const HELD_BYTES_MAX = 64 * MiB;

/** Mark that a held write waits for: a pause has one end. */
const END = 1;

/**
 * Reason of a pause: a switchover is in progress, a leadership has begun and no quorum follows it yet, or one write
 * takes several turns.
 */
export type PauseReason = 'switchover' | 'beginning' | 'large';

const WHY: Readonly<Record<PauseReason, string>> = {
  switchover: 'a switchover is in progress',
  beginning: 'this leadership has just begun',
  large: 'a large transaction is being written',
};

/** Writes that came while writing is paused. None of them has an LSN: however the pause ends, nothing was written. */
export class WriteHold {
  readonly #waiters: Waiters;
  readonly #reasons = new Set<PauseReason>();
  #bytes = 0;

  constructor(clock: Clock) {
    this.#waiters = new Waiters(clock);
  }

  get count(): number {
    return this.#waiters.count;
  }

  get paused(): boolean {
    return this.#reasons.size > 0;
  }

  pausedBeside(reason: PauseReason): boolean {
    return [...this.#reasons].some((one) => one !== reason);
  }

  pause(reason: PauseReason): void {
    this.#reasons.add(reason);
  }

  /** Releases the waiting writes, in order of arrival, if no other reason is left. */
  resume(reason: PauseReason): void {
    this.#reasons.delete(reason);
    if (!this.paused) this.#waiters.reach(END);
  }

  /**
   * Resolves when writing continues. @throws WalshipError BUSY, rejected, if too many wait or the request's own time
   * is up; or the error given to `fail`.
   */
  async wait(request: TimedWrite): Promise<void> {
    const { ops, timeoutMs } = request;
    const bytes = ops.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    if (this.#waiters.count >= HELD_WRITES_MAX || this.#bytes + bytes > HELD_BYTES_MAX) {
      throw busy(`${this.#waiters.count} writes already wait because ${this.#why}`);
    }
    this.#bytes += bytes;
    try {
      await this.#waiters.wait({
        mark: END,
        timeoutMs: leftMsOf(request),
        reached: () => undefined,
        expired: () => busy(`the write waited for ${timeoutMs} ms because ${this.#why}`),
      });
    } finally {
      this.#bytes -= bytes;
    }
  }

  fail(error: WalshipError): void {
    this.#waiters.fail(() => error);
  }

  expire(): void {
    this.#waiters.expire();
  }

  get #why(): string {
    return [...this.#reasons].map((reason) => WHY[reason]).join(' and ');
  }
}

function busy(message: string): WalshipError {
  return new WalshipError('BUSY', message, { outcome: 'rejected' });
}
