import { FRAME_HEADER_BYTES } from '../protocol/frame.ts';
import { FRAME_BYTES_MAX } from '../protocol/messages.ts';
import { PIECE_HEADER_BYTES } from '../protocol/snapshot-piece.ts';
import { MiB } from '../ports/units.ts';

/** Bytes handed to a link and not yet to the network, before sending pauses. */
export const LINK_BYTES_MAX = 4 * MiB;
/** What the largest message with bytes of a log or a snapshot takes. */
const ROOM_BYTES = Math.max(FRAME_HEADER_BYTES, PIECE_HEADER_BYTES) + FRAME_BYTES_MAX;
const ROOMS_MAX = LINK_BYTES_MAX / FRAME_BYTES_MAX;

/** Memory for the messages of one link, used again once the network is done with it: fresh memory costs more than the copy. */
export class Rooms {
  #free: Buffer[] = [];
  #used = false;

  /** Of which nothing is known. */
  take(): Buffer {
    this.#used = true;
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(ROOM_BYTES);
  }

  giveBack(room: Buffer): void {
    if (this.#free.length < ROOMS_MAX) this.#free.push(room);
  }

  /** To be called now and then: a link that needed none since the last time keeps none. */
  tick(): void {
    if (!this.#used) this.#free = [];
    this.#used = false;
  }
}
