import type { Link } from '../ports/link.ts';
import { encodeMessage } from '../protocol/codec.ts';
import { FRAME_BYTES_MAX } from '../protocol/messages.ts';
import type { SnapshotGot, SnapshotWant } from '../protocol/messages.ts';
import { completePiece, PIECE_HEADER_BYTES } from '../protocol/snapshot-piece.ts';
import type { Position } from '../wal/format/position.ts';
import { LINK_BYTES_MAX, type BufferPool } from './buffer-pool.ts';

/** Bytes of a snapshot that may be sent to one follower before it has made them durable. */
export const SNAPSHOT_IN_FLIGHT_BYTES_MAX = 4 * 1024 * 1024;

/** A snapshot that may be sent. */
export interface SnapshotSource {
  readonly path: string;
  readonly start: Position;
  readonly endLsn: number;
  readonly digest: string;
  readonly bytes: number;
  /** Opens the snapshot file for reading. @throws WalshipError DISK_FAILED. */
  open(): Promise<{
    read(target: Buffer, offset: number): Promise<number>;
    close(): Promise<void>;
  }>;
}

/** Describes for display who gets the snapshot, and why. */
export function tellOffer(nodeId: string, { start, bytes }: SnapshotSource, why: string): string {
  return `${nodeId} gets the snapshot of LSN ${start.lsn}, ${bytes} bytes: ${why}`;
}

export interface SenderOptions {
  readonly source: SnapshotSource;
  readonly link: Link;
  readonly epoch: number;
  readonly buffers: BufferPool;
  readonly onFailed: (reason: string) => void;
}

/** Sends a snapshot file to one follower, from the offset that it wants, as fast as link and follower take it. */
export class SnapshotSender {
  readonly source: SnapshotSource;
  readonly #options: SenderOptions;
  #file: Awaited<ReturnType<SnapshotSource['open']>> | undefined;
  #sentBytes = 0;
  #gotBytes = 0;
  #sending = false;
  #wanted = false;
  #closed = false;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.source = options.source;
  }

  /** Bytes of the snapshot that the follower has. */
  get gotBytes(): number {
    return this.#gotBytes;
  }

  /** Sends the offer: digest, size and end of the snapshot. */
  offer(): void {
    const { link, epoch } = this.#options;
    const { digest, bytes, endLsn } = this.source;
    link.send(encodeMessage({ kind: 'offer', epoch, digest, bytes, endLsn }));
  }

  /** Takes the follower's request or progress; returns what is wrong with it, if anything. */
  receive(message: SnapshotWant | SnapshotGot): string | undefined {
    const { digest, bytes } = this.source;
    const { offset } = message;
    if (offset > bytes) return `offset ${offset} of a snapshot of ${bytes} bytes`;
    if (message.kind === 'want') {
      if (this.#wanted || message.digest !== digest) return 'a snapshot that was not offered';
      this.#wanted = true;
      this.#sentBytes = offset;
    } else if (!this.#wanted || offset > this.#sentBytes) {
      return 'more of a snapshot than was sent';
    }
    this.#gotBytes = Math.max(this.#gotBytes, offset);
    this.pump();
    return undefined;
  }

  pump(): void {
    if (this.#sending || this.#closed || !this.#wanted) return;
    this.#sending = true;
    this.#send().then(
      () => {
        this.#sending = false;
        if (this.#maySend()) this.pump();
      },
      (error: unknown) => {
        this.#sending = false;
        if (this.#closed) this.#closeFile();
        this.#options.onFailed(`reading a snapshot failed: ${String(error)}`);
      },
    );
  }

  /** Stops sending and closes the file; idempotent. */
  close(): void {
    this.#closed = true;
    if (!this.#sending) this.#closeFile();
  }

  #closeFile(): void {
    void this.#file?.close().catch(() => undefined);
  }

  #maySend(): boolean {
    const { link } = this.#options;
    return (
      !this.#closed &&
      this.#sentBytes < this.source.bytes &&
      this.#sentBytes - this.#gotBytes < SNAPSHOT_IN_FLIGHT_BYTES_MAX &&
      link.bufferedBytes < LINK_BYTES_MAX
    );
  }

  async #send(): Promise<void> {
    const { link, epoch, buffers } = this.#options;
    this.#file ??= await this.source.open();
    while (this.#maySend()) {
      const offset = this.#sentBytes;
      const buffer = buffers.take();
      const end = PIECE_HEADER_BYTES + Math.min(FRAME_BYTES_MAX, this.source.bytes - offset);
      const message = buffer.subarray(0, end);
      const bytes = message.subarray(PIECE_HEADER_BYTES);
      const count = await this.#file.read(bytes, offset);
      if (count < bytes.length) throw new RangeError(`the file ends at ${offset + count}`);
      if (this.#closed) break;
      this.#sentBytes += count;
      link.send(completePiece(message, { epoch, offset }), () => {
        buffers.giveBack(buffer);
        this.pump();
      });
    }
    if (this.#closed) await this.#file.close();
  }
}
