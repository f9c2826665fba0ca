import { KiB } from '../ports/units.ts';
import { GrowingBuffer } from './growing-buffer.ts';

/** A length before each message: it says where the next one begins, wherever the link cut the bytes. */
export const LENGTH_BYTES = 4;
/** What is kept of a message that is not taken: enough to say of which request it was. */
export const REFUSED_HEAD_BYTES = 5;

/** Room is asked for in steps of this, as the bytes of a message come. */
export const TAKEN_BYTES = 64 * KiB;

export interface SplitterHandlers {
  /** Whether a message of so many bytes is welcome; if not, its bytes are thrown away as they come. */
  admit(bytes: number): boolean;
  /** Whether there is room for so many bytes more of it; if not, what was gathered is thrown away, and the rest as it comes. */
  take(bytes: number): boolean;
  /** Valid until the handler returns, unless it is `gathered`: then nobody else has it. */
  onMessage(body: Buffer, gathered: boolean): void;
  /** A message that was not taken: its first REFUSED_HEAD_BYTES, or all of it where it is shorter. */
  onRefused(head: Buffer): void;
}

/**
 * Cuts a stream of bytes into messages: a u32 of the length, big-endian, then so many bytes. Never holds more than one message, of
 * it no more than has come, and nothing that was not taken.
 */
export class MessageSplitter {
  readonly #bytesMax: number;
  readonly #handlers: SplitterHandlers;
  /** A length that is not complete. */
  #length = Buffer.alloc(0);
  /** The message that is not complete. */
  #body = new GrowingBuffer(0);
  #missingBytes = 0;
  /** Of it: there is room for so many bytes. */
  #takenBytes = 0;
  /** The head of a message that is thrown away. */
  #refused: GrowingBuffer | undefined;

  /** `bytesMax`: of one message. */
  constructor(bytesMax: number, handlers: SplitterHandlers) {
    this.#bytesMax = bytesMax;
    this.#handlers = handlers;
  }

  /** Part of a message has come, and the rest of it has not. */
  get unfinished(): boolean {
    return this.#missingBytes > 0 || this.#length.length > 0;
  }

  /** Calls the handlers for each message that is complete. Returns what is wrong with the stream, if anything: then it is over. */
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

  /** Reads a length, and the whole message where it is in the chunk. Returns the next offset, or what is wrong. */
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

  /** The chunk belongs to the link: what outlives it is copied. */
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
