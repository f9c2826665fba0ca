import type { Link } from '../ports/link.ts';
import { encodeFrame, FRAME_HEADER_BYTES } from '../protocol/frame.ts';
import { FRAME_BYTES_MAX } from '../protocol/messages.ts';
import type { Frame } from '../protocol/messages.ts';
import { KiB } from '../wal/limits.ts';

/** A frame with at least so many log bytes is made in memory that is used again: fresh memory costs more than the copy. */
const ROOM_BYTES_MIN = 32 * KiB;
/** Free rooms that are kept: about what a link takes before shipping pauses. */
const ROOMS_MAX = 16;

/** Sends frames, each made in memory that is free again once the network has taken it. */
export class FrameSender {
  readonly #link: Link;
  readonly #onTaken: () => void;
  readonly #free: Buffer[] = [];

  /** `onTaken` is called when the network has taken a frame. */
  constructor(link: Link, onTaken: () => void) {
    this.#link = link;
    this.#onTaken = onTaken;
  }

  /** Copies the frame's bytes. */
  send(frame: Frame): void {
    if (frame.bytes.length < ROOM_BYTES_MIN) {
      this.#link.send(encodeFrame(frame), this.#onTaken);
      return;
    }
    const room = this.#free.pop() ?? Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES + FRAME_BYTES_MAX);
    this.#link.send(encodeFrame(frame, room), () => {
      if (this.#free.length < ROOMS_MAX) this.#free.push(room);
      this.#onTaken();
    });
  }
}
