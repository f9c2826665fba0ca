import assert from 'node:assert';
import { OP } from '../wal/format/record.ts';

/** A write that has an LSN and is not applied yet. */
interface PendingWrite {
  readonly lsn: number;
  readonly put: boolean;
  readonly key: string;
  /** The pending writes of the same key just before and after this one. */
  older: PendingWrite | undefined;
  newer: PendingWrite | undefined;
}

const SHIFT_COUNT_MIN = 1024;
/** Maximum number of writes that one call drops; later calls drop the rest. */
const DROPPED_AT_ONCE = 4_096;
/** Writes that are dropped for each write added; more than one, so that a backlog shrinks. */
const DROPPED_PER_NOTE = 2;

/**
 * Pending writes by key, on top of the applied state: conditions are judged against both.
 *
 * Holds one small object for each pending write; the limits on unapplied writes bound their number. A write that has been applied
 * may stay for a while: it gives the same answer as the store.
 */
export class Overlay {
  /** Newest pending write of each key; keys are latin1 strings, which represent all bytes. */
  readonly #newest = new Map<string, PendingWrite>();
  /** All pending writes, by LSN, from `#start` on. */
  #writes: PendingWrite[] = [];
  #start = 0;
  #appliedLsn = 0;

  /** Number of pending writes. */
  get count(): number {
    return this.#writes.length - this.#start;
  }

  /** Adds an appended PUT or DELETE; ignores other operations. LSNs must ascend. */
  note(lsn: number, op: number, key: Uint8Array): void {
    if (op !== OP.PUT && op !== OP.DELETE) return;
    const last = this.#writes.at(-1);
    assert(last === undefined || lsn > last.lsn, 'pending writes come in the order of the log');
    const name = nameOf(key);
    const older = this.#newest.get(name);
    const write = { lsn, put: op === OP.PUT, key: name, older, newer: undefined };
    if (older !== undefined) older.newer = write;
    this.#newest.set(name, write);
    this.#writes.push(write);
    this.#drop(DROPPED_PER_NOTE);
  }

  /** LSN of the key's newest pending write; 0 if it is a delete; undefined if there is none: then ask the store. */
  lsnOf(key: Uint8Array): number | undefined {
    if (this.#newest.size === 0) return undefined;
    const write = this.#newest.get(nameOf(key));
    if (write === undefined) return undefined;
    return write.put ? write.lsn : 0;
  }

  /** Records that everything up to `lsn` is applied, and drops up to DROPPED_AT_ONCE of those writes. */
  appliedUpTo(lsn: number): void {
    this.#appliedLsn = Math.max(this.#appliedLsn, lsn);
    this.#drop(DROPPED_AT_ONCE);
  }

  /** Drops up to `countMax` applied writes, in amortised constant time each. */
  #drop(countMax: number): void {
    for (let count = 0; count < countMax; count += 1) {
      const write = this.#writes[this.#start];
      if (write === undefined || write.lsn > this.#appliedLsn) break;
      this.#start += 1;
      // Unlinked; otherwise a key that always has a pending write would keep all of its old writes.
      if (write.newer === undefined) this.#newest.delete(write.key);
      else write.newer.older = undefined;
    }
    if (this.#start === this.#writes.length) {
      this.#writes = [];
      this.#start = 0;
    } else if (this.#start > SHIFT_COUNT_MIN && this.#start > this.#writes.length / 2) {
      this.#writes = this.#writes.slice(this.#start);
      this.#start = 0;
    }
  }

  /** Drops the writes after `lsn`, which were cut from the log; older pending writes of those keys are the newest again. */
  truncate(lsn: number): void {
    this.#appliedLsn = Math.min(this.#appliedLsn, lsn);
    for (;;) {
      const write = this.#writes.at(-1);
      if (this.count === 0 || write === undefined || write.lsn <= lsn) return;
      this.#writes.pop();
      if (write.older === undefined) {
        this.#newest.delete(write.key);
      } else {
        write.older.newer = undefined;
        this.#newest.set(write.key, write.older);
      }
    }
  }

  clear(): void {
    this.#newest.clear();
    this.#writes = [];
    this.#start = 0;
    this.#appliedLsn = 0;
  }
}

function nameOf(key: Uint8Array): string {
  const bytes = Buffer.isBuffer(key) ? key : Buffer.from(key.buffer, key.byteOffset, key.length);
  return bytes.toString('latin1');
}
