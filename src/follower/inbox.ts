import { checkFollowerWrite } from '../wal/write/follower-write.ts';
import { MiB } from '../ports/units.ts';
import { FOLLOWER_WRITE_BYTES_MAX } from '../wal/format/limits.ts';
import type { Position } from '../wal/format/position.ts';
import type { BatchInfo } from '../wal/format/scan.ts';
import { SEAL_BYTES } from '../wal/format/seal.ts';

/** Bytes that may wait in an inbox: more than any leader has in flight to one follower, which is 16 MiB and a batch. */
export const INBOX_BYTES_MAX = 64 * MiB;
/**
 * Size of the allocations that received bytes are gathered in; FOLLOWER_WRITE_BYTES_MAX where they come faster than
 * they are written.
 */
const SLAB_BYTES = MiB;

/** Bytes verified in one turn of the event loop, unless a single batch is larger. */
const VERIFY_BYTES_MAX = MiB;

interface Waiting {
  readonly bytes: Buffer;
  readonly commitLsn: number;
}

/** Verified batches for one write; `batches` count from the beginning of `bytes`. */
export interface NextWrite extends Waiting {
  readonly batches: readonly BatchInfo[];
}

/**
 * Whole batches received and not written yet, in order. A leader bounds its bytes in flight; a session whose leader
 * does not is ended before more than INBOX_BYTES_MAX wait. The bytes of one write stay within the constant that recovery relies on.
 *
 * Batches are copied once, side by side, into memory that is never written again: taken bytes can be written and kept without a copy. They
 * are verified while they wait for the disk.
 *
 * Invariant: only verified batches are taken.
 */
export class Inbox {
  /** Batches received and not verified yet. */
  #received: Waiting[] = [];
  #verified: NextWrite[] = [];
  /** End of the verified batches, once the follower's position is known. */
  #end: Position | undefined;
  #bytes = 0;
  #slab: Buffer = Buffer.alloc(0);
  #slabEnd = 0;
  readonly #check: typeof checkFollowerWrite;

  constructor(check = checkFollowerWrite) {
    this.#check = check;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#bytes > INBOX_BYTES_MAX;
  }

  /**
   * Returns a buffer for `bytes`, placed after all added bytes; the next `add` takes it, or the part of it that is
   * needed.
   */
  room(bytes: number): Buffer {
    if (this.#slabEnd + bytes > this.#slab.length) {
      const slabBytes = this.#bytes > 0 ? FOLLOWER_WRITE_BYTES_MAX : SLAB_BYTES;
      this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
      this.#slabEnd = 0;
    }
    return this.#slab.subarray(this.#slabEnd, this.#slabEnd + bytes);
  }

  /** Adds received batches. Copies `bytes`, unless they are the beginning of the last buffer from `room`. */
  add(bytes: Buffer, commitLsn: number): void {
    const room = this.room(bytes.length);
    if (bytes.buffer !== room.buffer || bytes.byteOffset !== room.byteOffset) room.set(bytes);
    this.#slabEnd += bytes.length;
    this.#received.push({ bytes: room, commitLsn });
    this.#bytes += bytes.length;
  }

  /** Sets the position that received batches continue from; they can be verified from now on. */
  continueFrom(end: Position): void {
    this.#end = end;
  }

  /**
   * Verifies waiting batches, as many as one turn allows; returns true if more of them wait.
   * @throws WalshipError CHAIN_MISMATCH, WAL_CORRUPT, PROTOCOL_ERROR; the inbox is unusable afterwards.
   */
  verify(): boolean {
    if (this.#end === undefined) return false;
    let count = 0;
    for (let done = 0; count < this.#received.length && done < VERIFY_BYTES_MAX; count += 1) {
      const { bytes, commitLsn } = this.#received[count] as Waiting;
      const batches = this.#check(this.#end, bytes);
      this.#end = batches.at(-1)?.last ?? this.#end;
      this.#verified.push({ bytes, commitLsn, batches });
      done += bytes.length;
    }
    this.#received = count === this.#received.length ? [] : this.#received.slice(count);
    return this.#received.length > 0;
  }

  /**
   * Takes the bytes of the next write and fsync: one entry of any size, or several adjacent entries within the bound.
   * Returns undefined where nothing verified waits.
   */
  take(): NextWrite | undefined {
    const first = this.#verified[0];
    if (first === undefined) return undefined;
    const { buffer, byteOffset } = first.bytes;
    const batches = [...first.batches];
    let count = 1;
    let bytes = first.bytes.length;
    let { commitLsn } = first;
    for (; count < this.#verified.length; count += 1) {
      const next = this.#verified[count] as NextWrite;
      if (next.bytes.buffer !== buffer) break;
      if (bytes + next.bytes.length > FOLLOWER_WRITE_BYTES_MAX) break;
      for (const batch of next.batches) batches.push(movedBy(bytes, batch));
      bytes += next.bytes.length;
      commitLsn = Math.max(commitLsn, next.commitLsn);
    }
    this.#verified.splice(0, count);
    this.#bytes -= bytes;
    return { bytes: Buffer.from(buffer, byteOffset, bytes), commitLsn, batches };
  }
}

function movedBy(bytes: number, batch: BatchInfo): BatchInfo {
  return { ...batch, offset: batch.offset + bytes, end: batch.end + bytes };
}

/**
 * Returns the LSN of the seal at the end of whole batches; 0 where they cannot hold one. Not verified yet: for
 * display only.
 */
export function lastLsn(bytes: Buffer): number {
  return bytes.length < SEAL_BYTES ? 0 : Number(bytes.readBigUInt64BE(bytes.length - SEAL_BYTES));
}
