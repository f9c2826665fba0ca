/** Randomness: identifiers and jitter. */
export interface Entropy {
  /** `count` random bytes, in a buffer of their own. */
  bytes(count: number): Buffer;
  /** A random integer in [0, end). */
  below(end: number): number;
}
