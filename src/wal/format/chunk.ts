import type { Position } from './position.ts';

/** Whole batches, one after the other, exactly as they are in the log. */
export interface LogChunk {
  /** Must not be modified by anyone: others refer to the same memory. */
  readonly bytes: Buffer;
  /** Just before the first batch. */
  readonly previous: Position;
  /** The end of the last batch. */
  readonly last: Position;
}
