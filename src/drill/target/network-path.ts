/** What one direction between two nodes is like: the state that network faults change, and when a chunk arrives. Pure. */

/** How long TCP waits before it sends a lost segment again; doubled each further time. */
export const RETRANSMIT_MS = 200;
/** A segment is lost so often at the most. */
const RETRANSMITS_MAX = 5;

export interface PathCondition {
  /** Nothing gets through. */
  readonly cut: boolean;
  readonly delayMs: number;
  readonly jitterMs: number;
  /** A share of the chunks, 0 to 1, is lost and sent again. */
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

/** Numbers in [0, 1). */
export type Fraction = () => number;

/** How long a chunk that is sent now takes, in milliseconds, without what waits before it. */
export function travelMs(path: PathCondition, fraction: Fraction): number {
  let ms = path.delayMs + path.jitterMs * fraction();
  let waitMs = RETRANSMIT_MS;
  for (let times = 0; times < RETRANSMITS_MAX && fraction() < path.lossShare; times += 1) {
    ms += waitMs;
    waitMs *= 2;
  }
  return ms;
}

/** In pieces of at most so many bytes a narrow path takes what is sent: one that is much larger would arrive as late as its last byte. */
export const PIECE_BYTES_MAX = 1_460;

/** The pieces in which a chunk travels: one, where the path is as wide as any. */
export function piecesOf(path: PathCondition, chunk: Buffer): readonly Buffer[] {
  if (path.bytesPerSecond === Number.POSITIVE_INFINITY) return [chunk];
  const count = Math.ceil(chunk.length / PIECE_BYTES_MAX);
  return Array.from({ length: count }, (_, index) =>
    chunk.subarray(index * PIECE_BYTES_MAX, (index + 1) * PIECE_BYTES_MAX),
  );
}

/** How long a chunk of so many bytes keeps the path busy. */
export function busyMs(path: PathCondition, bytes: number): number {
  return (bytes / path.bytesPerSecond) * 1000;
}
