import type { Clock } from '../../ports/clock.ts';
import { isUnwritableCode } from '../../ports/disk-errors.ts';
import type { Reason } from '../api/api.ts';

/**
 * Milliseconds before this node asks again where it could not take a leader's log or snapshot; doubled each time, up
 * to the maximum.
 */
export const FOLLOW_RETRY_MS = 1_000;
export const FOLLOW_RETRY_MS_MAX = 30_000;

/**
 * Codes that cause a pause, besides those of a full disk: asked again immediately, the leader would send the whole
 * copy in vain once more.
 */
const WAITS_AFTER: ReadonlySet<string> = new Set(['SAVED_FULL', 'SNAPSHOT_INVALID']);

/** End of a session. */
export interface EndedSession {
  readonly code: string;
  readonly message: string;
  readonly followed: boolean;
}

/**
 * Pause before this node looks for a leader again, where it had no space for the leader's data, or got a wrong
 * snapshot.
 */
export class FollowPause {
  readonly #clock: Clock;
  #failures = 0;
  #untilMs = -Infinity;
  #reason: Reason | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes how a session with `nodeId` ended; returns the reason to wait, if there is one. */
  ended(nodeId: string, { code, message, followed }: EndedSession): Reason | undefined {
    if (followed || !(WAITS_AFTER.has(code) || isUnwritableCode(code))) return undefined;
    const pauseMs = Math.min(FOLLOW_RETRY_MS * 2 ** this.#failures, FOLLOW_RETRY_MS_MAX);
    this.#failures += 1;
    this.#untilMs = this.#clock.nowMs() + pauseMs;
    const when = `it tries again after ${pauseMs / 1000} s`;
    this.#reason = { code, message: `this node cannot follow ${nodeId}: ${message}; ${when}` };
    return this.#reason;
  }

  /** True while the pause lasts. */
  get waits(): boolean {
    return this.#clock.nowMs() < this.#untilMs;
  }

  /** Reason why this node does not follow; undefined if it has followed since. */
  get reason(): Reason | undefined {
    return this.#reason;
  }

  /** Ends the pause: this node follows. */
  follows(): void {
    this.#failures = 0;
    this.#untilMs = -Infinity;
    this.#reason = undefined;
  }
}
