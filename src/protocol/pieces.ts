import assert from 'node:assert';
import { BATCH_BYTES_MAX } from '../wal/format/limits.ts';
import { samePosition } from '../wal/format/position.ts';
import type { Position } from '../wal/format/position.ts';
import { FRAME_BYTES_MAX } from './messages.ts';
import type { Frame } from './messages.ts';

/**
 * Returns the frames that carry `chunk`: one if it fits, otherwise numbered pieces of FRAME_BYTES_MAX, the last one shorter. A
 * chunk that needs pieces must be one whole batch. The frames alias the chunk's bytes.
 */
export function framesOf(
  chunk: { readonly bytes: Buffer; readonly previous: Position },
  context: { readonly epoch: number; readonly commitLsn: number },
): Frame[] {
  const { bytes, previous } = chunk;
  assert(bytes.length <= BATCH_BYTES_MAX, 'a chunk exceeds BATCH_BYTES_MAX');
  const { epoch, commitLsn } = context;
  const pieceCount = Math.max(1, Math.ceil(bytes.length / FRAME_BYTES_MAX));
  return Array.from({ length: pieceCount }, (_, pieceIndex) => {
    const start = pieceIndex * FRAME_BYTES_MAX;
    const piece = bytes.subarray(start, start + FRAME_BYTES_MAX);
    return { kind: 'frame', epoch, commitLsn, previous, pieceIndex, pieceCount, bytes: piece };
  });
}

const NO_BYTES = Buffer.alloc(0);

export type Assembled =
  /** `bytes` alias the frame if it was the only piece, and the assembler's buffer otherwise. */
  | { readonly kind: 'whole'; readonly bytes: Buffer; readonly previous: Position }
  /** More pieces are to come. */
  | { readonly kind: 'more' }
  | { readonly kind: 'invalid'; readonly reason: string };

/**
 * Puts the pieces of a batch together, for one session. Heartbeats between two pieces have no bytes and must not be passed in.
 * After `invalid` the session is over.
 *
 * Invariant: the bytes held never exceed BATCH_BYTES_MAX.
 */
export class PieceAssembler {
  #first: Frame | undefined;
  #pieces = 0;
  /** Buffer for the announced pieces, one after the other. */
  #target: Buffer = NO_BYTES;
  #bytes = 0;
  readonly #room: (bytes: number) => Buffer;

  /** `room` returns a buffer of so many bytes that nobody else uses until the batch is whole. */
  constructor(room: (bytes: number) => Buffer) {
    this.#room = room;
  }

  /** Bytes of pieces held. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  /** Adds a frame with bytes. Pieces are copied, since a message is valid only until its handler returns. */
  add(frame: Frame): Assembled {
    const fault = this.#fault(frame);
    if (fault !== undefined) {
      this.clear();
      return { kind: 'invalid', reason: fault };
    }
    const { pieceCount, previous } = frame;
    if (pieceCount === 1) return { kind: 'whole', bytes: frame.bytes, previous };
    if (this.#first === undefined) {
      this.#first = { ...frame, bytes: NO_BYTES };
      const wanted = Math.min(pieceCount * FRAME_BYTES_MAX, BATCH_BYTES_MAX);
      this.#target = this.#room(wanted);
    }
    this.#target.set(frame.bytes, this.#bytes);
    this.#pieces += 1;
    this.#bytes += frame.bytes.length;
    if (this.#pieces < pieceCount) return { kind: 'more' };
    const bytes = this.#target.subarray(0, this.#bytes);
    this.clear();
    return { kind: 'whole', bytes, previous };
  }

  /** Forgets the pieces held. */
  clear(): void {
    this.#first = undefined;
    this.#pieces = 0;
    this.#target = NO_BYTES;
    this.#bytes = 0;
  }

  #fault(frame: Frame): string | undefined {
    const { pieceIndex, pieceCount, previous } = frame;
    const first = this.#first;
    if (frame.bytes.length === 0) return 'a piece without bytes';
    if (pieceIndex !== this.#pieces) {
      return `piece ${pieceIndex}, expected ${this.#pieces}`;
    }
    if (this.#bytes + frame.bytes.length > BATCH_BYTES_MAX) {
      return `pieces of more than ${BATCH_BYTES_MAX} bytes`;
    }
    if (first === undefined) return undefined;
    if (pieceCount !== first.pieceCount) {
      return `${pieceCount} pieces, expected ${first.pieceCount}`;
    }
    if (frame.epoch !== first.epoch) return `a piece of epoch ${frame.epoch} in ${first.epoch}`;
    return samePosition(previous, first.previous) ? undefined : 'pieces of two places in the log';
  }
}
