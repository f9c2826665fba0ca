import type { Link } from '../ports/link.ts';
import { encodeFrame } from '../protocol/frame.ts';
import type { Frame } from '../protocol/messages.ts';
import { KiB } from '../ports/units.ts';
import type { BufferPool } from './buffer-pool.ts';

/** A frame with at least this many log bytes is built in a pooled buffer. */
const POOLED_BYTES_MIN = 32 * KiB;

/** Sends frames, each built in memory that is reused once the network has taken it. */
export class FrameSender {
  readonly #link: Link;
  readonly #buffers: BufferPool;
  readonly #onTaken: () => void;

  /** `onTaken` is called when the network has taken a frame. */
  constructor(link: Link, buffers: BufferPool, onTaken: () => void) {
    this.#link = link;
    this.#buffers = buffers;
    this.#onTaken = onTaken;
  }

  /** Sends a frame; copies its bytes before it returns. */
  send(frame: Frame): void {
    if (frame.bytes.length < POOLED_BYTES_MIN) {
      this.#link.send(encodeFrame(frame), this.#onTaken);
      return;
    }
    const buffer = this.#buffers.take();
    this.#link.send(encodeFrame(frame, buffer), () => {
      this.#buffers.giveBack(buffer);
      this.#onTaken();
    });
  }
}
