import type { Position } from '../../wal/format/position.ts';
import { MiB } from '../../ports/units.ts';

/** Bytes of batches that may be held back at start because no later seal has called them committed yet. */
export const REPLAY_HELD_BYTES_MAX = 8 * MiB;

/** One batch that recovery has verified. */
export interface ReplayedBatch {
  /** Valid only until the call returns. */
  readonly bytes: Buffer;
  readonly last: Position;
  readonly commitLsn: number;
}

/**
 * Applies the log to the store while recovery reads it, so that a start reads the log once.
 *
 * Visibility follows commitment, at a restart too: a batch is applied when a seal at or after it says that it was
 * committed. Until then it is held. If too much would have to be held, replay stops there, and the node's
 * applier continues from the log once it knows more.
 */
export class Replay {
  readonly #apply: (bytes: Buffer) => void;
  #held: { readonly bytes: Buffer; readonly lsn: number }[] = [];
  #heldBytes = 0;
  #stopped = false;
  #appliedLsn: number;
  #committedLsn: number;

  /** Starts a replay after `from`; everything up to `committedLsn` is known to be committed, whatever the seals say. */
  constructor(
    apply: (bytes: Buffer) => void,
    { from, committedLsn }: { readonly from: number; readonly committedLsn: number },
  ) {
    this.#apply = apply;
    this.#appliedLsn = from;
    this.#committedLsn = committedLsn;
  }

  /** LSN up to which every record is in the store. Always the end of a batch. */
  get appliedLsn(): number {
    return this.#appliedLsn;
  }

  batch({ bytes, last, commitLsn }: ReplayedBatch): void {
    if (this.#stopped) return;
    this.#committedLsn = Math.max(this.#committedLsn, commitLsn);
    this.#release();
    if (this.#held.length === 0 && last.lsn <= this.#committedLsn) {
      this.#apply(bytes);
      this.#appliedLsn = last.lsn;
      return;
    }
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > REPLAY_HELD_BYTES_MAX) {
      this.#stopped = true;
      this.#held = [];
      return;
    }
    this.#held.push({ bytes: Buffer.from(bytes), lsn: last.lsn });
  }

  #release(): void {
    let count = 0;
    for (const { bytes, lsn } of this.#held) {
      if (lsn > this.#committedLsn) break;
      this.#apply(bytes);
      this.#appliedLsn = lsn;
      this.#heldBytes -= bytes.length;
      count += 1;
    }
    if (count > 0) this.#held = this.#held.slice(count);
  }
}
