/** A length before each message: it says where the next one begins, wherever the link cut the bytes. */
const LENGTH_BYTES = 4;
/** What is kept of a message that is not taken: enough to say of which request it was. */
export const REFUSED_HEAD_BYTES = 5;

export interface SplitterHandlers {
  /** Whether there is room for a message of so many bytes; if not, its bytes are thrown away as they come. */
  admit(bytes: number): boolean;
  /** Valid until the handler returns. */
  onMessage(body: Buffer): void;
  /** A message that was not admitted: its first REFUSED_HEAD_BYTES, or all of it where it is shorter. */
  onRefused(head: Buffer): void;
}

/**
 * Cuts a stream of bytes into messages: a u32 of the length, big-endian, then so many bytes. Never holds more than one message, and
 * never one that was not admitted.
 */
export class MessageSplitter {
  readonly #bytesMax: number;
  readonly #handlers: SplitterHandlers;
  /** A length that is not complete. */
  #length = Buffer.alloc(0);
  /** The message that is not complete, of its full size; of a refused one only its head. */
  #body = Buffer.alloc(0);
  #filledBytes = 0;
  #missingBytes = 0;
  #refused = false;

  /** `bytesMax`: of one message. */
  constructor(bytesMax: number, handlers: SplitterHandlers) {
    this.#bytesMax = bytesMax;
    this.#handlers = handlers;
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
    this.#refused = !this.#handlers.admit(length);
    const end = offset + length;
    if (this.#refused || end > chunk.length) {
      this.#missingBytes = length;
      this.#filledBytes = 0;
      this.#body = Buffer.allocUnsafe(
        this.#refused ? Math.min(length, REFUSED_HEAD_BYTES) : length,
      );
      return offset;
    }
    this.#handlers.onMessage(chunk.subarray(offset, end));
    return end;
  }

  /** The chunk belongs to the link: what outlives it is copied. */
  #goOn(chunk: Buffer, offset: number): number {
    const end = Math.min(chunk.length, offset + this.#missingBytes);
    this.#missingBytes -= end - offset;
    this.#filledBytes += chunk.copy(this.#body, this.#filledBytes, offset, end);
    if (this.#missingBytes > 0) return end;
    const body = this.#body;
    this.#body = Buffer.alloc(0);
    if (this.#refused) this.#handlers.onRefused(body);
    else this.#handlers.onMessage(body);
    return end;
  }
}
