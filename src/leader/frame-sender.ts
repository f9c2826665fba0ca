import type { Link } from '../ports/link.ts';
import { encodeFrame } from '../protocol/frame.ts';
import type { Frame } from '../protocol/messages.ts';
import { KiB } from '../ports/units.ts';
import type { Rooms } from './rooms.ts';

/** A frame with at least this many log bytes is built in a pooled buffer. */
const ROOM_BYTES_MIN = 32 * KiB;

/** Sends frames, each built in memory that is reused once the network has taken it. */
export class FrameSender {
  readonly #link: Link;
  readonly #rooms: Rooms;
  readonly #onTaken: () => void;

  /** `onTaken` is called when the network has taken a frame. */
  constructor(link: Link, rooms: Rooms, onTaken: () => void) {
    this.#link = link;
    this.#rooms = rooms;
    this.#onTaken = onTaken;
  }

  /** Sends a frame; copies its bytes before it returns. */
  send(frame: Frame): void {
    if (frame.bytes.length < ROOM_BYTES_MIN) {
      this.#link.send(encodeFrame(frame), this.#onTaken);
      return;
    }
    const room = this.#rooms.take();
    this.#link.send(encodeFrame(frame, room), () => {
      this.#rooms.giveBack(room);
      this.#onTaken();
    });
  }
}
