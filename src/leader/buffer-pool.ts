import { FRAME_HEADER_BYTES } from '../protocol/frame.ts';
import { FRAME_BYTES_MAX } from '../protocol/messages.ts';
import { PIECE_HEADER_BYTES } from '../protocol/snapshot-piece.ts';
import { MiB } from '../ports/units.ts';

/** Bytes handed to a link and not yet taken by the network, above which sending pauses. */
export const LINK_BYTES_MAX = 4 * MiB;
/** Size of a pooled buffer: the largest message that carries bytes of a log or a snapshot. */
const BUFFER_BYTES = Math.max(FRAME_HEADER_BYTES, PIECE_HEADER_BYTES) + FRAME_BYTES_MAX;
const BUFFERS_MAX = LINK_BYTES_MAX / FRAME_BYTES_MAX;

/**
 * Buffers for the messages of one link, reused once the network has taken them: fresh memory costs more than the
 * copy.
 */
export class BufferPool {
  #free: Buffer[] = [];
  #used = false;

  /** Returns an uninitialised buffer. */
  take(): Buffer {
    this.#used = true;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
  }

  giveBack(buffer: Buffer): void {
    if (this.#free.length < BUFFERS_MAX) this.#free.push(buffer);
  }

  /** Frees the pool if no buffer was taken since the last call. Call it now and then. */
  tick(): void {
    if (!this.#used) this.#free = [];
    this.#used = false;
  }
}
