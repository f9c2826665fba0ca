import type { Clock } from '../../ports/clock.ts';
import type { LogOperation } from '../format/record.ts';
import type { BatchBuilder, BatchContext, SealedBatch } from '../format/batch-builder.ts';
import type { PreparedTransaction } from '../format/prepared-transaction.ts';
import { rejected } from '../format/check-operations.ts';
import { BATCH_BYTES_MAX, BATCH_RECORDS_MAX } from '../format/limits.ts';
import type { Position } from '../format/position.ts';

export interface GroupCommitOptions {
  readonly clock: Clock;
  readonly builder: BatchBuilder;
  /** Writes the batch; resolves with its offset in its file when it is durable. A failure is final. */
  readonly write: (batch: SealedBatch) => Promise<number>;
  /** Called for each durable batch in order, with the offset from `write`. */
  readonly onDurable: (batch: SealedBatch, offset: number) => void;
  /** Called with the error of `write`; nothing is written after it. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Group commit with one batch in flight; transactions that arrive during the write form the next batch, or several.
 *
 * A flush is always scheduled and never immediate: it runs after the I/O events that are ready now, so that their appends
 * share one batch. The same holds after a commit, since the callers that it wakes are about to append again.
 *
 * Invariant: while any record waits, a flush is scheduled or a batch is in flight.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #context: () => BatchContext = () => ({ commitLsn: 0, wallMs: 0 });
  #scheduled = false;
  #inFlight: SealedBatch | undefined;
  /** Sealed batches that wait to be written. */
  #sealed: SealedBatch[] = [];
  #sealedBytes = 0;
  #written: Position;
  #stopped = false;

  constructor(options: GroupCommitOptions, written: Position) {
    this.#options = options;
    this.#written = written;
  }

  /** End of the last sealed batch. */
  get written(): Position {
    return this.#written;
  }

  /** Bytes of records that have an LSN and are not durable yet. */
  get pendingBytes(): number {
    const { builder } = this.#options;
    return builder.bytes + this.#sealedBytes + (this.#inFlight?.bytes.length ?? 0);
  }

  /** Sets the source of the values that go into a seal; called when a batch is sealed. */
  set context(context: () => BatchContext) {
    this.#context = context;
  }

  /** Adds a checked transaction; returns the LSN of its last record. @throws WalshipError BUSY, rejected. */
  append(ops: readonly LogOperation[], bytes: number): number {
    const { builder } = this.#options;
    this.#refuseWithoutRoom(bytes);
    if (builder.count + ops.length > BATCH_RECORDS_MAX) this.#closeBatch();
    const lsn = builder.add(ops, bytes);
    this.#scheduleFirst();
    return lsn;
  }

  /** Does the same as `append`, in a batch of its own: a later record would have to copy it into a larger slab. */
  appendPrepared(transaction: PreparedTransaction): number {
    this.#refuseWithoutRoom(transaction.recordsBytes);
    this.#closeBatch();
    const lsn = this.#options.builder.addPrepared(transaction);
    this.#closeBatch();
    this.#scheduleFirst();
    return lsn;
  }

  /** Continues at `position`, the new end of the log after a follower's write or a truncation. */
  continueFrom(position: Position, timeMs: number): void {
    this.#written = position;
    this.#options.builder.continueFrom(position, timeMs);
  }

  /** Stops writing, even of records that have an LSN. */
  stop(): void {
    this.#stopped = true;
  }

  /** Limits the bytes that wait to be written to one batch. @throws WalshipError BUSY if these would exceed it. */
  #refuseWithoutRoom(bytes: number): void {
    if (this.#sealedBytes + this.#options.builder.bytesWith(bytes) <= BATCH_BYTES_MAX) return;
    const { pendingBytes } = this;
    throw rejected('BUSY', `${pendingBytes} bytes wait to be written`, { pendingBytes });
  }

  /** Seals the open batch, unless it is empty, and queues it. */
  #closeBatch(): void {
    if (this.#options.builder.count === 0) return;
    const full = this.#seal();
    this.#sealed.push(full);
    this.#sealedBytes += full.bytes.length;
  }

  #scheduleFirst(): void {
    if (!this.#scheduled && this.#inFlight === undefined) this.#schedule();
  }

  #schedule(): void {
    this.#scheduled = true;
    this.#options.clock.soon(() => {
      this.#scheduled = false;
      void this.#flush();
    });
  }

  async #flush(): Promise<void> {
    const { write, onDurable, onFailed } = this.#options;
    if (this.#stopped || !this.#waits) return;
    const full = this.#sealed.shift();
    this.#sealedBytes -= full?.bytes.length ?? 0;
    const batch = full ?? this.#seal();
    this.#inFlight = batch;
    let offset: number;
    try {
      offset = await write(batch);
    } catch (error) {
      onFailed(error);
      return;
    }
    this.#inFlight = undefined;
    onDurable(batch, offset);
    if (this.#waits && !this.#scheduled) this.#schedule();
  }

  get #waits(): boolean {
    return this.#sealed.length > 0 || this.#options.builder.count > 0;
  }

  #seal(): SealedBatch {
    const batch = this.#options.builder.seal(this.#context());
    this.#written = batch.last;
    return batch;
  }
}
