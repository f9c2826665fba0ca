import type { Link } from '../ports/link.ts';
import { MiB } from '../ports/units.ts';
import { CLIENT_CHUNK_BYTES_MAX } from './client-messages.ts';

/** Maximum bytes in the link's own buffer; the rest waits in the outbox. */
export const LINK_BUFFERED_BYTES_MAX = MiB;
/** Number of sent messages at which the queue is compacted. */
const COMPACT_AT = 1_024;

/**
 * Queue of outgoing messages of a link. Messages that are pushed in one turn go out together: a WebSocket frame for each small
 * message would cost ten times as much. A message larger than a chunk goes out in several.
 */
export class MessageOutbox {
  readonly #link: Link;
  readonly #onProgress: () => void;
  #queue: Buffer[] = [];
  /** Index of the first message that is not fully sent. */
  #start = 0;
  /** Bytes of the first message that are sent. */
  #offset = 0;
  #queuedBytes = 0;
  #flushing = false;
  #closed = false;

  /** `onProgress` is called whenever the network has accepted a chunk. */
  constructor(link: Link, onProgress: () => void) {
    this.#link = link;
    this.#onProgress = onProgress;
  }

  /** Bytes that the network has not accepted yet. */
  get unsentBytes(): number {
    return this.#queuedBytes + this.#link.bufferedBytes;
  }

  /** Queues a message; the caller must not change it after. */
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

  /** Drops the queue; nothing is sent from now on. */
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

  /** Removes the next chunk from the queue: as many whole messages as fit, or one piece of a large message. */
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
