/**
 * Conditions of one direction between two nodes, which network faults change, and the arrival times of chunks. Pure.
 */

/** Milliseconds that TCP waits before it sends a lost segment again; doubled each further time. */
export const RETRANSMIT_MS = 200;
/** Number of times that a segment is lost at most. */
const RETRANSMITS_MAX = 5;

export interface PathCondition {
  /** True if nothing gets through. */
  readonly cut: boolean;
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Share of the chunks, 0 to 1, that are lost and sent again. */
  readonly lossShare: number;
  readonly bytesPerSecond: number;
}

export const GOOD_PATH: PathCondition = {
  cut: false,
  delayMs: 0,
  jitterMs: 0,
  lossShare: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
};

/** Returns a number in [0, 1). */
export type Fraction = () => number;

/** Returns the milliseconds that a chunk sent now takes, without the queue before it. */
export function travelMs(path: PathCondition, fraction: Fraction): number {
  let ms = path.delayMs + path.jitterMs * fraction();
  let waitMs = RETRANSMIT_MS;
  for (let times = 0; times < RETRANSMITS_MAX && fraction() < path.lossShare; times += 1) {
    ms += waitMs;
    waitMs *= 2;
  }
  return ms;
}

/** Bytes of the pieces that a narrow path takes: a much larger piece would arrive as late as its last byte. */
export const PIECE_BYTES_MAX = 1_460;

/** Splits a chunk into the pieces in which it travels: one, if the path has no rate limit. */
export function piecesOf(path: PathCondition, chunk: Buffer): readonly Buffer[] {
  if (path.bytesPerSecond === Number.POSITIVE_INFINITY) return [chunk];
  const count = Math.ceil(chunk.length / PIECE_BYTES_MAX);
  return Array.from({ length: count }, (_, index) =>
    chunk.subarray(index * PIECE_BYTES_MAX, (index + 1) * PIECE_BYTES_MAX),
  );
}

/** Returns the milliseconds that a chunk keeps the path busy. */
export function busyMs(path: PathCondition, bytes: number): number {
  return (bytes / path.bytesPerSecond) * 1000;
}
