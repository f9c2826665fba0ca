import { KiB } from '../ports/units.ts';
import { GrowingBuffer } from './growing-buffer.ts';

/** Bytes of the length in front of each message; the link may cut the stream anywhere. */
export const LENGTH_BYTES = 4;
/** Bytes kept of a refused message: enough to identify the request. */
export const REFUSED_HEAD_BYTES = 5;

/** Step in which `take` reserves room while the bytes of a message arrive. */
export const TAKEN_BYTES = 64 * KiB;

export interface SplitterHandlers {
  /** Returns true to accept a message of so many bytes; otherwise its bytes are discarded as they arrive. */
  admit(bytes: number): boolean;
  /** Returns true if there is room for so many more bytes of the message; otherwise all of the message is discarded. */
  take(bytes: number): boolean;
  /** Receives a message. `body` is valid until the handler returns; if `gathered` is true, the handler may keep it. */
  onMessage(body: Buffer, gathered: boolean): void;
  /** Receives the first REFUSED_HEAD_BYTES of a refused message, or all of a shorter one. */
  onRefused(head: Buffer): void;
}

/**
 * Splits a stream of bytes into messages: a big-endian u32 with the length, then so many bytes. Holds at most one message,
 * only the bytes that have arrived, and of a refused message only the head.
 */
export class MessageSplitter {
  readonly #bytesMax: number;
  readonly #handlers: SplitterHandlers;
  /** Bytes of an incomplete length. */
  #length = Buffer.alloc(0);
  /** Bytes of the incomplete message. */
  #body = new GrowingBuffer(0);
  #missingBytes = 0;
  /** Bytes of the incomplete message that `take` has granted. */
  #takenBytes = 0;
  /** Head of a message that is being discarded. */
  #refused: GrowingBuffer | undefined;

  /** `bytesMax` is the maximum size of one message. */
  constructor(bytesMax: number, handlers: SplitterHandlers) {
    this.#bytesMax = bytesMax;
    this.#handlers = handlers;
  }

  /** True if a message has arrived in part. */
  get unfinished(): boolean {
    return this.#missingBytes > 0 || this.#length.length > 0;
  }

  /** Calls the handlers for each complete message. Returns the fault of the stream, if any; the stream cannot continue after a fault. */
  push(chunk: Buffer): string | undefined {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#missingBytes === 0) {
        const start = this.#begin(chunk, offset);
        if (typeof start === 'string') return start;
        offset = start;
      } else {
        offset = this.#goOn(chunk, offset);
      }
    }
    return undefined;
  }

  /** Reads a length, and the whole message if the chunk holds it. Returns the next offset, or the fault. */
  #begin(chunk: Buffer, start: number): number | string {
    let offset = start;
    let length: number;
    if (this.#length.length === 0 && chunk.length - offset >= LENGTH_BYTES) {
      length = chunk.readUInt32BE(offset);
      offset += LENGTH_BYTES;
    } else {
      const wanted = LENGTH_BYTES - this.#length.length;
      this.#length = Buffer.concat([this.#length, chunk.subarray(offset, offset + wanted)]);
      offset = Math.min(chunk.length, offset + wanted);
      if (this.#length.length < LENGTH_BYTES) return offset;
      length = this.#length.readUInt32BE(0);
      this.#length = Buffer.alloc(0);
    }
    if (length === 0 || length > this.#bytesMax) {
      return `a message of ${length} bytes, expected 1 to ${this.#bytesMax}`;
    }
    const end = offset + length;
    const admitted = this.#handlers.admit(length);
    if (admitted && end <= chunk.length && this.#handlers.take(length)) {
      this.#handlers.onMessage(chunk.subarray(offset, end), false);
      return end;
    }
    this.#missingBytes = length;
    this.#takenBytes = 0;
    this.#body = new GrowingBuffer(length);
    this.#refused = admitted ? undefined : new GrowingBuffer(REFUSED_HEAD_BYTES);
    return offset;
  }

  /** Continues the incomplete message. The chunk belongs to the link, so bytes that are kept are copied. */
  #goOn(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#missingBytes);
    this.#gather(chunk.subarray(offset, end));
    this.#missingBytes -= end - offset;
    if (this.#missingBytes > 0) return end;
    const body = this.#body;
    const refused = this.#refused;
    this.#body = new GrowingBuffer(0);
    this.#refused = undefined;
    if (refused === undefined) this.#handlers.onMessage(body.finish(), true);
    else this.#handlers.onRefused(refused.finish());
    return end;
  }

  #gather(piece: Buffer): void {
    if (this.#refused === undefined && this.#hasRoomFor(piece.length)) this.#body.add(piece);
    else this.#throwAway(piece);
  }

  #hasRoomFor(bytes: number): boolean {
    const needed = this.#body.bytes + bytes;
    while (this.#takenBytes < needed) {
      const rest = this.#missingBytes + this.#body.bytes - this.#takenBytes;
      const step = Math.min(TAKEN_BYTES, rest);
      if (!this.#handlers.take(step)) return false;
      this.#takenBytes += step;
    }
    return true;
  }

  #throwAway(piece: Buffer): void {
    if (this.#refused === undefined) {
      this.#refused = new GrowingBuffer(REFUSED_HEAD_BYTES);
      this.#refused.add(this.#body.finish().subarray(0, REFUSED_HEAD_BYTES));
      this.#body = new GrowingBuffer(0);
    }
    const missing = REFUSED_HEAD_BYTES - this.#refused.bytes;
    if (missing > 0) this.#refused.add(piece.subarray(0, missing));
  }
}
