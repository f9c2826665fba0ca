import type { Position } from './position.ts';

/** Whole batches, one after the other, byte for byte as in the log. */
export interface LogChunk {
  /** Shared memory; must not be modified. */
  readonly bytes: Buffer;
  /** Position just before the first batch. */
  readonly previous: Position;
  /** End of the last batch. */
  readonly last: Position;
}
