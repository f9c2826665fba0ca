import type { Clock } from '../../ports/clock.ts';
import { isUnwritableCode } from '../../ports/disk-errors.ts';
import type { Reason } from '../api/api.ts';

/** Where this node could not take what a leader gave, it asks again after this long, then after twice as long, and so on. */
export const FOLLOW_RETRY_MS = 1_000;
export const FOLLOW_RETRY_MS_MAX = 30_000;

/** Beside a disk that takes nothing: asked again at once, the leader would send the whole copy in vain once more. */
const WAITS_AFTER: ReadonlySet<string> = new Set(['SAVED_FULL', 'SNAPSHOT_INVALID']);

/** How a session ended. */
export interface EndedSession {
  readonly code: string;
  readonly message: string;
  readonly followed: boolean;
}

/** The pause before this node looks for a leader again, where it had no room for what a leader gave, or got a wrong snapshot. */
export class FollowPause {
  readonly #clock: Clock;
  #failures = 0;
  #untilMs = -Infinity;
  #reason: Reason | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes note of how a session with `nodeId` ended; returns the reason to wait, if this is one. */
  ended(nodeId: string, { code, message, followed }: EndedSession): Reason | undefined {
    if (followed || !(WAITS_AFTER.has(code) || isUnwritableCode(code))) return undefined;
    const pauseMs = Math.min(FOLLOW_RETRY_MS * 2 ** this.#failures, FOLLOW_RETRY_MS_MAX);
    this.#failures += 1;
    this.#untilMs = this.#clock.nowMs() + pauseMs;
    const when = `it tries again after ${pauseMs / 1000} s`;
    this.#reason = { code, message: `this node cannot follow ${nodeId}: ${message}; ${when}` };
    return this.#reason;
  }

  /** It is not time yet. */
  get waits(): boolean {
    return this.#clock.nowMs() < this.#untilMs;
  }

  /** Why this node does not follow; undefined where it did since. */
  get reason(): Reason | undefined {
    return this.#reason;
  }

  /** This node follows. */
  follows(): void {
    this.#failures = 0;
    this.#untilMs = -Infinity;
    this.#reason = undefined;
  }
}
