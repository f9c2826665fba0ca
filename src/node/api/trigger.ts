import type { Entropy } from '../../ports/entropy.ts';

/** Who decides when a follower tries to lead. */
export type Failover = 'manual' | 'auto';

/** Parts of the silence limit: an automatic attempt comes after at least so much quiet … */
export const AUTO_PART_MIN = 1.1;
/** … and before so much, drawn anew each time, so that two followers seldom try together. */
export const AUTO_PART_MAX = 2;
/** After an attempt that failed, the next one comes after at least and before so much more. */
export const AUTO_RETRY_PART_MIN = 0.25;
export const AUTO_RETRY_PART_MAX = 0.75;

/**
 * Says when this node tries to lead. It decides when to *try*, never what is safe: a cluster whose trigger fires all the time is slow, and
 * loses nothing.
 */
export interface Trigger {
  /**
   * Called in every tick of a voter that may lead. `quietMs`: for how long this node heard no leader and promised nobody else to follow, as far
   * as it was there to hear (in ticks, not by the clock). True: try now.
   */
  tick(quietMs: number): boolean;
}

/** A person or a script decides: see `walship promote`. */
class ManualTrigger implements Trigger {
  tick(): boolean {
    return false;
  }
}

/** Silence longer than a randomised timeout. */
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
