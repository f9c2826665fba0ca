import type { Entropy } from '../../ports/entropy.ts';

/** Failover mode: an operator (`manual`) or the follower itself (`auto`) decides when it tries to lead. */
export type Failover = 'manual' | 'auto';

/** Lower bound of the quiet time before an automatic attempt, as a multiple of the silence limit. */
export const AUTO_PART_MIN = 1.1;
/** Upper bound of it; a value is drawn anew each time, so that two followers seldom try together. */
export const AUTO_PART_MAX = 2;
/** Bounds of the extra time after a failed attempt, as multiples of the silence limit. */
export const AUTO_RETRY_PART_MIN = 0.25;
export const AUTO_RETRY_PART_MAX = 0.75;

/**
 * Decides when this node *tries* to lead, never what is safe: a cluster whose trigger fires all the time is slow, and
 * loses nothing.
 */
export interface Trigger {
  /**
   * Returns true to try now. Called in every tick of a voter that may lead. `quietMs`: how long this node heard no
   * leader and promised nobody else to follow, counted in ticks that it was able to hear in, not by the clock.
   */
  tick(quietMs: number): boolean;
}

/** Never fires: an operator or a script decides, see `walship promote`. */
class ManualTrigger implements Trigger {
  tick(): boolean {
    return false;
  }
}

/** Fires after a silence longer than a randomised timeout. */
class AutoTrigger implements Trigger {
  readonly #entropy: Entropy;
  readonly #silenceMs: number;
  #dueMs: number | undefined;

  constructor(entropy: Entropy, silenceMs: number) {
    this.#entropy = entropy;
    this.#silenceMs = silenceMs;
  }

  tick(quietMs: number): boolean {
    if (quietMs < this.#silenceMs / 2) {
      this.#dueMs = undefined;
      return false;
    }
    this.#dueMs ??= this.#draw(AUTO_PART_MIN, AUTO_PART_MAX);
    if (quietMs < this.#dueMs) return false;
    this.#dueMs = quietMs + this.#draw(AUTO_RETRY_PART_MIN, AUTO_RETRY_PART_MAX);
    return true;
  }

  #draw(partMin: number, partMax: number): number {
    const rangeMs = Math.ceil(this.#silenceMs * (partMax - partMin));
    return this.#silenceMs * partMin + this.#entropy.below(rangeMs);
  }
}

export function newTrigger(
  failover: Failover,
  { entropy, silenceMs }: { readonly entropy: Entropy; readonly silenceMs: number },
): Trigger {
  return failover === 'auto' ? new AutoTrigger(entropy, silenceMs) : new ManualTrigger();
}
