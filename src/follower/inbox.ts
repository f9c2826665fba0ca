import { SEAL_BYTES } from '../wal/seal.ts';
import { FOLLOWER_WRITE_BYTES_MAX, MiB } from '../wal/limits.ts';

/** More than any leader has in flight to one follower: 16 MiB and a batch. */
export const INBOX_BYTES_MAX = 64 * MiB;

/**
 * Whole batches that were received and not written yet, in order. The leader bounds what it has in flight; one that
 * does not is left before more than INBOX_BYTES_MAX wait. What is taken for one write stays within the constant that recovery relies on.
 */
export class Inbox {
  #waiting: { readonly bytes: Buffer; readonly commitLsn: number }[] = [];
  #bytes = 0;

  /** Bytes that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  get full(): boolean {
    return this.#bytes > INBOX_BYTES_MAX;
  }

  add(bytes: Buffer, commitLsn: number): void {
    this.#waiting.push({ bytes, commitLsn });
    this.#bytes += bytes.length;
  }

  /** What is to be written next, with one fsync: one entry of any size, or several that stay within the bound. */
  take(): { readonly bytes: Buffer; readonly commitLsn: number } | undefined {
    const first = this.#waiting[0];
    if (first === undefined) return undefined;
    let count = 1;
    let bytes = first.bytes.length;
    let { commitLsn } = first;
    for (const next of this.#waiting.slice(1)) {
      if (bytes + next.bytes.length > FOLLOWER_WRITE_BYTES_MAX) break;
      count += 1;
      bytes += next.bytes.length;
      commitLsn = Math.max(commitLsn, next.commitLsn);
    }
    const taken = this.#waiting.splice(0, count).map((entry) => entry.bytes);
    this.#bytes -= bytes;
    return { bytes: taken.length === 1 ? first.bytes : Buffer.concat(taken, bytes), commitLsn };
  }
}

/** The LSN of the seal that whole batches end with; 0 where they cannot hold one. Not checked yet: for people only. */
export function lastLsn(bytes: Buffer): number {
  return bytes.length < SEAL_BYTES ? 0 : Number(bytes.readBigUInt64BE(bytes.length - SEAL_BYTES));
}
