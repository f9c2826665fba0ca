import { checkFollowerWrite } from '../wal/write/follower-write.ts';
import { MiB } from '../ports/units.ts';
import { FOLLOWER_WRITE_BYTES_MAX } from '../wal/format/limits.ts';
import type { Position } from '../wal/format/position.ts';
import type { BatchInfo } from '../wal/format/scan.ts';
import { SEAL_BYTES } from '../wal/format/seal.ts';

/** More than any leader has in flight to one follower: 16 MiB and a batch. */
export const INBOX_BYTES_MAX = 64 * MiB;
/** Bytes are gathered in allocations of this size, and of FOLLOWER_WRITE_BYTES_MAX where they come faster than they are written. */
const SLAB_BYTES = MiB;

/** Verified in one turn of the event loop, or one batch of any size. */
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
 * Whole batches that were received and not written yet, in order. The leader bounds what it has in flight; one that
 * does not is left before more than INBOX_BYTES_MAX wait. What is taken for one write stays within the constant that recovery relies on.
 *
 * They are copied once, side by side, into memory that is never written again: what is taken can be written and kept as it is. They
 * are verified while they wait: the disk has something to do meanwhile.
 *
 * Invariant: only what was verified is taken.
 */
export class Inbox {
  /** Received, and not verified yet. */
  #received: Waiting[] = [];
  #verified: NextWrite[] = [];
  /** The end of what was verified, once that is known. */
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

  /** Memory for `bytes` behind all that was added; the next `add` takes it, or what of it is needed. */
  room(bytes: number): Buffer {
    if (this.#slabEnd + bytes > this.#slab.length) {
      const slabBytes = this.#bytes > 0 ? FOLLOWER_WRITE_BYTES_MAX : SLAB_BYTES;
      this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
      this.#slabEnd = 0;
    }
    return this.#slab.subarray(this.#slabEnd, this.#slabEnd + bytes);
  }

  /** Takes a copy of `bytes`, unless they are the beginning of the room that was asked for last. */
  add(bytes: Buffer, commitLsn: number): void {
    const room = this.room(bytes.length);
    if (bytes.buffer !== room.buffer || bytes.byteOffset !== room.byteOffset) room.set(bytes);
    this.#slabEnd += bytes.length;
    this.#received.push({ bytes: room, commitLsn });
    this.#bytes += bytes.length;
  }

  /** What is received continues `end`, and can be verified from now on. */
  continueFrom(end: Position): void {
    this.#end = end;
  }

  /**
   * Verifies what can be, as far as one turn allows; true where more of it waits.
   * @throws WalshipError CHAIN_MISMATCH, WAL_CORRUPT, PROTOCOL_ERROR; the inbox is of no more use.
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
   * What is to be written next, with one fsync: one entry of any size, or several that lie side by side and stay within the bound.
   * Undefined where nothing verified waits.
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

/** The LSN of the seal that whole batches end with; 0 where they cannot hold one. Not checked yet: for people only. */
export function lastLsn(bytes: Buffer): number {
  return bytes.length < SEAL_BYTES ? 0 : Number(bytes.readBigUInt64BE(bytes.length - SEAL_BYTES));
}
