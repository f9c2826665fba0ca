/** One voter's standing in the probes: the highest number it answered. */
export interface Probed {
  readonly nodeId: string;
  readonly blank: boolean;
  readonly number: number;
}

/**
 * The highest probe number that `needed` voters have answered, the leader's own `latest` included where it is not left out. A blank
 * voter's answer proves nothing: it may have forgotten a promise. `except` is left out, whoever it is.
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

/** Which probes one follower was asked and has answered; numbers only grow. */
export class ProbeNumbers {
  asked = 0;
  #answered = 0;

  /** The highest that it answered. */
  get answered(): number {
    return this.#answered;
  }

  /** False for one that was never asked: it would count as an answer to all that follow. */
  answer(number: number): boolean {
    if (number > this.asked) return false;
    this.#answered = Math.max(this.#answered, number);
    return true;
  }
}
