import type { Link } from '../ports/link.ts';
import { MiB } from '../ports/units.ts';
import { CLIENT_CHUNK_BYTES_MAX } from './client-messages.ts';

/** Bytes in the link's own buffer at most; the rest waits here. */
export const LINK_BUFFERED_BYTES_MAX = MiB;
/** Messages that are gone are dropped from the queue in bulk. */
const COMPACT_AT = 1_024;

/**
 * Messages on their way out of a link. What is pushed in one turn goes out together: a frame for each small message would cost ten times
 * as much. A message that is larger than a chunk goes out in several.
 */
export class MessageOutbox {
  readonly #link: Link;
  readonly #onProgress: () => void;
  #queue: Buffer[] = [];
  /** Messages before it are gone. */
  #start = 0;
  /** Of the first message: bytes that are gone. */
  #offset = 0;
  #queuedBytes = 0;
  #flushing = false;
  #closed = false;

  /** `onProgress` is called when the network took something. */
  constructor(link: Link, onProgress: () => void) {
    this.#link = link;
    this.#onProgress = onProgress;
  }

  /** Bytes that the network has not taken. */
  get unsentBytes(): number {
    return this.#queuedBytes + this.#link.bufferedBytes;
  }

  /** Takes over the message. */
  push(message: Buffer): void {
    if (this.#closed) return;
    this.#queue.push(message);
    this.#queuedBytes += message.length;
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  /** Nothing goes out any more. */
  close(): void {
    this.#closed = true;
    this.#queue = [];
    this.#start = 0;
    this.#queuedBytes = 0;
  }

  #flush(): void {
    while (this.#queuedBytes > 0 && this.#link.bufferedBytes < LINK_BUFFERED_BYTES_MAX) {
      const chunk = this.#nextChunk();
      this.#queuedBytes -= chunk.length;
      this.#link.send(chunk, () => {
        if (this.#closed) return;
        this.#flush();
        this.#onProgress();
      });
    }
  }

  /** As many whole messages as fit, or one piece of a large one. */
  #nextChunk(): Buffer {
    const queue = this.#queue;
    const first = queue[this.#start];
    if (first === undefined) return Buffer.alloc(0);
    if (this.#offset > 0 || first.length > CLIENT_CHUNK_BYTES_MAX) return this.#nextPiece(first);
    let end = this.#start;
    let bytes = 0;
    for (let next = queue[end]; next !== undefined; next = queue[end]) {
      if (bytes + next.length > CLIENT_CHUNK_BYTES_MAX) break;
      bytes += next.length;
      end += 1;
    }
    const chunk =
      end === this.#start + 1 ? first : Buffer.concat(queue.slice(this.#start, end), bytes);
    this.#dropTo(end);
    return chunk;
  }

  #nextPiece(message: Buffer): Buffer {
    const end = Math.min(message.length, this.#offset + CLIENT_CHUNK_BYTES_MAX);
    const piece = message.subarray(this.#offset, end);
    this.#offset = end;
    if (end === message.length) {
      this.#offset = 0;
      this.#dropTo(this.#start + 1);
    }
    return piece;
  }

  #dropTo(start: number): void {
    this.#start = start;
    if (start < this.#queue.length && start < COMPACT_AT) return;
    this.#queue = this.#queue.slice(start);
    this.#start = 0;
  }
}
