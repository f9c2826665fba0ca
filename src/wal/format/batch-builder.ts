import assert from 'node:assert';
import { MiB } from '../../ports/units.ts';
import { BATCH_BYTES_MAX } from './limits.ts';
import type { Position } from './position.ts';
import type { PreparedTransaction } from './prepared-transaction.ts';
import { OP, readU32, recordBytes, RecordEncoder } from './record.ts';
import type { LogOperation } from './record.ts';
import { ChainSum, SEAL_BYTES, sealBatch } from './seal.ts';

/** Size of the slabs that batches are encoded into, side by side; a larger batch gets its own slab. */
const SLAB_BYTES = MiB;

/** Values of the leader at the moment a batch is sealed. */
export interface BatchContext {
  readonly commitLsn: number;
  readonly wallMs: number;
}

/** A closed batch, ready to be written. */
export interface SealedBatch {
  /** Encoded batch; never changes again. */
  readonly bytes: Buffer;
  readonly previous: Position;
  readonly last: Position;
  readonly timeMs: number;
  readonly commitLsn: number;
}

/**
 * Encodes records straight into the bytes that will be written, kept and shipped.
 *
 * A slab is written once and never reused: a reference to a batch keeps its slab alive, so that nothing is ever copied
 * for the recent batches or for a follower. A batch that outgrows its slab moves to a larger one, of twice the size.
 */
export class BatchBuilder {
  #slab: Buffer = Buffer.alloc(0);
  /** Encoder that writes into the slab. */
  #encoder = new RecordEncoder(this.#slab);
  #start = 0;
  #end = 0;
  #count = 0;
  /** End of the last sealed batch. */
  #previous: Position;
  #epoch: number;
  #timeMs: number;
  #lsn: number;
  readonly #sum = new ChainSum();

  constructor(previous: Position, timeMs: number) {
    this.#previous = previous;
    this.#epoch = previous.epoch;
    this.#timeMs = Number.isSafeInteger(timeMs) ? timeMs : 0;
    this.#lsn = previous.lsn;
    this.#sum.start(previous.chain);
  }

  /** Last LSN assigned. */
  get lsn(): number {
    return this.#lsn;
  }

  /** Epoch of the next records. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Bytes of the open batch with its future seal; 0 if it is empty. */
  get bytes(): number {
    return this.#count === 0 ? 0 : this.#end - this.#start + SEAL_BYTES;
  }

  /** Records of the open batch. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of the open batch with its seal after `bytes` more bytes of records. */
  bytesWith(bytes: number): number {
    return this.#end - this.#start + bytes + SEAL_BYTES;
  }

  /** Starts `epoch`: the next records belong to it. Invariant: one batch, one epoch. */
  enter(epoch: number): void {
    assert(this.#count === 0, 'a new epoch begins with a new batch');
    assert(epoch > this.#epoch, 'epochs only grow');
    this.#epoch = epoch;
  }

  /** Adds one transaction and returns the LSN of its last record. The caller has checked the transaction and that it fits. */
  add(ops: readonly LogOperation[], bytes: number): number {
    assert(this.bytesWith(bytes) <= BATCH_BYTES_MAX, 'a batch is within BATCH_BYTES_MAX');
    this.#reserve(bytes + SEAL_BYTES);
    const lastIndex = ops.length - 1;
    for (let index = 0; index <= lastIndex; index += 1) {
      const { op, key, value } = ops[index] as LogOperation;
      this.#lsn += 1;
      this.#count += 1;
      this.#end = this.#encoder.encode(this.#end, {
        lsn: this.#lsn,
        op: index < lastIndex ? op | OP.CONTINUED : op,
        key,
        value,
      });
      this.#sum.add(readU32(this.#slab, this.#end - 4));
    }
    return this.#lsn;
  }

  /** Begins a batch with a transaction that was encoded earlier, in its own slab; returns the LSN of its last record. */
  addPrepared({ slab, firstLsn, count, recordsBytes, crcs }: PreparedTransaction): number {
    assert(this.#count === 0, 'a prepared transaction begins a batch');
    assert(firstLsn === this.#lsn + 1, 'nothing was appended since it was prepared');
    this.#slab = slab;
    this.#encoder = new RecordEncoder(slab);
    this.#start = 0;
    this.#end = recordsBytes;
    this.#count = count;
    this.#lsn += count;
    this.#sum.addFirst(crcs);
    return this.#lsn;
  }

  /** Seals the open batch, which must not be empty, and opens the next one. */
  seal(context: BatchContext): SealedBatch {
    assert(this.#count > 0, 'a batch has records');
    const { commitLsn } = context;
    assert(
      commitLsn <= this.#lsn,
      'what is committed is in the log: nobody could read such a seal',
    );
    const timeMs = Math.max(this.#timeMs, context.wallMs);
    const chain = sealBatch(this.#slab, this.#end, {
      epoch: this.#epoch,
      timeMs,
      commitLsn,
      count: this.#count,
      lsn: this.#lsn,
      sum: this.#sum,
    });
    this.#end += SEAL_BYTES;
    const last = { epoch: this.#epoch, lsn: this.#lsn, chain };
    const bytes = this.#slab.subarray(this.#start, this.#end);
    const previous = this.#previous;
    this.continueFrom(last, timeMs);
    return { bytes, previous, last, timeMs, commitLsn };
  }

  /** Continues at `position`, the new end of the log after a follower's write or a truncation. */
  continueFrom(position: Position, timeMs: number): void {
    this.#previous = position;
    this.#epoch = position.epoch;
    this.#lsn = position.lsn;
    // The time of a peer may be invalid.
    if (Number.isSafeInteger(timeMs)) this.#timeMs = Math.max(this.#timeMs, timeMs);
    this.#count = 0;
    this.#start = this.#end;
    this.#sum.start(position.chain);
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#slab.length) return;
    const openBytes = this.#end - this.#start;
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, nextSlabBytes(openBytes, bytes)));
    this.#slab.copy(slab, 0, this.#start, this.#end);
    this.#slab = slab;
    this.#encoder = new RecordEncoder(slab);
    this.#start = 0;
    this.#end = openBytes;
  }
}

/** Size of the next slab: doubled only if a batch outgrows a slab; a batch that merely reaches the end of its slab needs a new one only. */
function nextSlabBytes(openBytes: number, bytes: number): number {
  const needed = openBytes + bytes;
  return needed <= SLAB_BYTES
    ? SLAB_BYTES
    : Math.min(needed * 2, Math.max(needed, BATCH_BYTES_MAX));
}

/** Bytes of the records of one transaction. */
export function operationsBytes(ops: readonly LogOperation[]): number {
  let bytes = 0;
  for (const { key, value } of ops) bytes += recordBytes(key.length, value.length);
  return bytes;
}
