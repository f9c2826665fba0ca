/** One voter's part in the probes: the highest number that it answered. */
export interface Probed {
  readonly nodeId: string;
  readonly blank: boolean;
  readonly number: number;
}

/**
 * Returns the highest probe number that `needed` voters have answered, the leader's own `latest` included unless it
 * is excluded. A blank voter's answer proves nothing: it may have forgotten a promise. `except` is always excluded.
 */
export function probeReached(options: {
  readonly voters: readonly Probed[];
  readonly needed: number;
  readonly except?: string;
}): number {
  const numbers = options.voters
    .filter(({ nodeId, blank }) => !blank && nodeId !== options.except)
    .map(({ number }) => number)
    .toSorted((a, b) => b - a);
  return numbers[options.needed - 1] ?? 0;
}

/** Numbers of the probes that one follower was asked and has answered; they only grow. */
export class ProbeNumbers {
  asked = 0;
  #answered = 0;

  /** Highest number that the follower answered. */
  get answered(): number {
    return this.#answered;
  }

  /**
   * Takes an answer; returns false for a number that was never asked: it would count as an answer to all later
   * probes.
   */
  answer(number: number): boolean {
    if (number > this.asked) return false;
    this.#answered = Math.max(this.#answered, number);
    return true;
  }
}
