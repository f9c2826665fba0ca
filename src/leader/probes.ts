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
