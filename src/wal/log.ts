import assert from 'node:assert';
import { isWalshipError, type WalshipError } from '../errors.ts';
import { BatchBuilder, operationsBytes } from './format/batch-builder.ts';
import type { LogOperation } from './format/record.ts';
import type { BatchContext, SealedBatch } from './format/batch-builder.ts';
import { checkOperations, rejected } from './format/check-operations.ts';
import type { LogChunk } from './format/chunk.ts';
import { DurableLog } from './read/durable-log.ts';
import { epochOperation } from './format/epoch-record.ts';
import { Exclusive } from './exclusive.ts';
import { FailStop } from './write/fail-stop.ts';
import { checkFollowerWrite } from './write/follower-write.ts';
import { GroupCommit } from './write/group-commit.ts';
import type { EpochSpan } from './format/history-spans.ts';
import { LogHistory } from './log-history.ts';
import type { LogMap } from './read/log-map.ts';
import { cutTail, type LogParts, replaceBehind } from './log-surgery.ts';
import type { CutReason, LogIdentity, LogOptions, SavedTail } from './log-options.ts';
import type { LogBase } from './format/log-base.ts';
import { beginLog, type OpenedLog, openLog, placeOf, startOf, writerFor } from './open-log.ts';
import { type EpochEntry, type Position, samePosition } from './format/position.ts';
import type { PreparedTransaction } from './format/prepared-transaction.ts';
import type { LogRecord } from './format/record.ts';
import type { ReadAhead } from './read/read-ahead.ts';
import type { RecoveryReport } from './recovery/recover.ts';
import type { BatchInfo } from './format/scan.ts';
import { SealedSegments } from './sealed-segments.ts';
import { emptySegment, type OpenedSegment } from './format/segment.ts';
import { type SegmentWriter, wasRefused } from './write/segment-writer.ts';

export type { CutReason, SavedTail } from './log-options.ts';

/**
 * The log of one node: a leader appends to it, a follower writes to it, and both read it.
 *
 * Invariant: durable <= written <= last; only durable records are read or shipped.
 * A failed write or fsync is final: `onFailed` is called, and nothing is written after.
 */
export class Log {
  /** Report of the recovery: its findings, cuts and saved pieces. */
  readonly recovery: RecoveryReport;
  readonly history: LogHistory;
  readonly #options: LogOptions;
  readonly #builder: BatchBuilder;
  readonly #commit: GroupCommit;
  readonly #durable: DurableLog;
  readonly #durableListeners: ((durable: Position) => void)[] = [];
  readonly #failStop = new FailStop();
  #writer: SegmentWriter | undefined;
  #clusterId: string | undefined;
  #leading = false;
  readonly #exclusive = new Exclusive();
  /** Segments that are no longer written to. */
  readonly sealed = new SealedSegments(() => this.#parts(), this.#exclusive);
  #closing: Promise<void> | undefined;

  private constructor(options: LogOptions, { recovered, map, current }: OpenedLog) {
    this.#options = options;
    this.recovery = recovered.report;
    this.#durable = new DurableLog(options.disk, map, options.recentBytesMax);
    this.history = new LogHistory(recovered, {
      base: options.base,
      start: () => this.#durable.map.start,
    });
    this.#clusterId = recovered.clusterId;
    this.#builder = new BatchBuilder(map.end.position, recovered.lastSeal?.timeMs ?? 0);
    const commit = {
      clock: options.clock,
      builder: this.#builder,
      write: ({ bytes, previous }: SealedBatch) =>
        this.#segments().write(bytes, { before: previous, whenFull: 'wait' }),
      onDurable: (batch: SealedBatch, offset: number) => this.#settleBatch(batch, offset),
      onFailed: (error: unknown) => this.#fail(error),
    };
    this.#commit = new GroupCommit(commit, map.end.position);
    if (current !== undefined) this.#writer = this.#writeTo(current);
  }

  /**
   * Recovers the log in `dir`; everything it then holds is durable.
   * @throws WalshipError WAL_CORRUPT, SEGMENT_MISSING, WRONG_CLUSTER, UNSUPPORTED_VERSION, SAVED_FULL, DISK_FULL, DISK_FAILED.
   */
  static async open(options: LogOptions): Promise<Log> {
    const opened = await openLog(options);
    const log = new Log(options, opened);
    for (const { segment, usedBytes } of opened.untrimmed) {
      log.#writer?.trim(segment.file, usedBytes);
    }
    return log;
  }

  /** Cluster and history of the log; undefined while it is blank. */
  get identity(): LogIdentity | undefined {
    const clusterId = this.#clusterId;
    if (clusterId === undefined) return undefined;
    const historyId = this.history.newest?.historyId ?? this.#options.meta.current.historyId;
    return { clusterId, historyId: historyId ?? '' };
  }

  /** Position of the last record with an LSN; the chain is that of the last sealed batch. */
  get last(): Position {
    const { lsn, epoch } = this.#builder;
    return { epoch, lsn, chain: this.#commit.written.chain };
  }

  /** End of the last batch that was sealed and submitted. */
  get written(): Position {
    return this.#commit.written;
  }

  /** End of the last batch that was fsynced. */
  get durable(): Position {
    return this.#durable.end;
  }

  /** Leaderships that wrote the log, oldest first: see LogHistory. */
  get epochs(): readonly EpochSpan[] {
    return this.history.spans;
  }

  /** Oldest LSN held; in an empty log the first LSN to be written. */
  get firstLsn(): number {
    return this.#durable.firstLsn;
  }

  /** Bytes of records that have an LSN and are not durable yet; at most two batches. */
  get pendingBytes(): number {
    return this.#commit.pendingBytes;
  }

  /** Approximate number of durable stream bytes after `lsn`; may be a little too high, never too low. */
  bytesAfter(lsn: number): number {
    return this.#durable.bytesAfter(lsn);
  }

  /** Epoch of the leadership that wrote the record at `lsn`; 0 before the first one, or if it is forgotten. */
  epochAt(lsn: number): number {
    return this.history.epochAt(lsn);
  }

  /** Error of the disk that does not accept the next segment; while set, nothing can be appended. */
  get unwritable(): WalshipError | undefined {
    return this.#writer?.lack;
  }

  /** Calls `listener` with the new durable end after each write, in order. */
  onDurable(listener: (durable: Position) => void): void {
    this.#durableListeners.push(listener);
  }

  /** Calls `listener` once, after a failed write: nothing is written after, and the outcome of waiting records is indeterminate. */
  onFailed(listener: (error: WalshipError) => void): void {
    this.#failStop.onFailed(listener);
  }

  /** Gives a blank log its identity and its first segment; durable on resolve. @throws WalshipError DISK_FULL, DISK_FAILED, NODE_CLOSED. */
  async begin(identity: LogIdentity): Promise<void> {
    this.#failStop.refuseIfEnded();
    assert(this.#writer === undefined, 'only a blank log begins');
    await this.#exclusive.run(async () => {
      const segment = await beginLog(placeOf(this.#options), identity);
      this.#clusterId = identity.clusterId;
      this.#durable.begin(startOf(identity));
      this.#durable.map.addSegment(segment.path, segment.header);
      this.#commit.continueFrom(this.durable, 0);
      this.#writer = this.#writeTo(emptySegment(segment));
    });
  }

  /**
   * Begins a leadership: its EPOCH record opens a batch. Returns the record's LSN; `append` writes in this epoch from now on.
   * Nothing may be in flight. `context` is called whenever a batch is sealed.
   * @throws WalshipError DISK_FULL, DISK_FAILED, NODE_CLOSED; rejected.
   */
  lead(entry: Omit<EpochEntry, 'firstLsn'>, context: () => BatchContext): number {
    this.#failStop.refuseIfEnded();
    assert(!this.#leading && !this.#exclusive.busy, 'a leadership begins on a log at rest');
    assert(this.#builder.lsn === this.durable.lsn, 'a leadership begins behind what is durable');
    const op = epochOperation(entry);
    const bytes = operationsBytes([op]);
    // A full disk is known before the log is full: a leadership may still begin if its record fits.
    this.#segments().refuseIfFull(this.#builder.bytesWith(bytes));
    this.#builder.enter(entry.epoch);
    this.#commit.context = context;
    this.#leading = true;
    const firstLsn = this.#commit.append([op], bytes);
    this.history.began({ ...entry, firstLsn });
    return firstLsn;
  }

  /**
   * Appends a copy of a transaction and immediately returns the LSN of its last record, which is durable when `durable` reaches it.
   * @throws WalshipError KEY_INVALID, VALUE_TOO_LARGE, TXN_TOO_LARGE, REQUEST_INVALID, BUSY, DISK_FULL, DISK_FAILED,
   * NODE_CLOSED, NO_LEADER (this log does not lead); always rejected, with nothing written.
   */
  append(ops: readonly LogOperation[]): number {
    this.#refuseUnlessLeading();
    return this.#commit.append(ops, checkOperations(ops));
  }

  /** Does the same as `append` for a transaction that was prepared with `last.lsn + 1`. Does not copy it. */
  appendPrepared(transaction: PreparedTransaction): number {
    this.#refuseUnlessLeading();
    return this.#commit.appendPrepared(transaction);
  }

  #refuseUnlessLeading(): void {
    this.#failStop.refuseIfEnded();
    if (!this.#leading) throw rejected('NO_LEADER', 'this log follows, it does not lead');
    this.#segments().refuseIfFull(Infinity);
  }

  /** Refuses new records; those that have an LSN are still written. */
  stopLeading(): void {
    this.#leading = false;
  }

  /**
   * Resolves when every record that has an LSN now is durable and no write or cut is in flight.
   * @throws WalshipError DISK_FAILED if the log has failed.
   */
  async drained(): Promise<void> {
    const target = this.#builder.lsn;
    await this.#exclusive.until(() => {
      const reached = this.durable.lsn >= Math.min(target, this.#builder.lsn);
      if (reached && !this.#exclusive.busy) return true;
      if (this.#failStop.failure !== undefined) throw this.#failStop.failure;
      return false;
    });
  }

  /**
   * Writes whole batches from a leader at the end of the log; resolves when they are durable. All are verified before a byte is
   * written: here, or by the caller that passes `batches`. The caller must not change `bytes` after. One call at a time, and not while
   * leading.
   * @throws WalshipError CHAIN_MISMATCH, WAL_CORRUPT, PROTOCOL_ERROR, DISK_FULL, NODE_CLOSED with nothing written; DISK_FAILED.
   */
  async write(bytes: Buffer, batches = checkFollowerWrite(this.written, bytes)): Promise<Position> {
    this.#failStop.refuseIfEnded();
    assert(!this.#leading, 'a leader appends');
    const before = this.written;
    const newest = batches.at(-1);
    if (newest === undefined) return this.durable;
    assert(samePosition(batches[0]?.first ?? before, before), 'batches continue the log');
    await this.#exclusive.run(async () => {
      this.#commit.continueFrom(newest.last, newest.seal.timeMs);
      let offset: number;
      try {
        offset = await this.#segments().write(bytes, { before, whenFull: 'refuse' });
      } catch (error) {
        if (!wasRefused(error)) throw this.#fail(error);
        this.#commit.continueFrom(before, 0);
        throw error;
      }
      if (this.#failStop.failure !== undefined) throw this.#failStop.failure;
      this.#settleFollower(bytes, batches, offset);
    });
    return newest.last;
  }

  /**
   * Saves and then cuts off all records after `to`, the end of a batch; durable on resolve. Undefined if there was nothing to cut.
   * @throws WalshipError CHAIN_MISMATCH (`to` is not in this log), SAVED_FULL, with nothing changed; DISK_FAILED.
   */
  async truncate(to: Position, reason: CutReason): Promise<SavedTail | undefined> {
    this.#failStop.refuseIfEnded();
    assert(!this.#leading, 'a leader never cuts its log');
    await this.drained();
    if (to.lsn === this.durable.lsn && to.chain === this.durable.chain) return undefined;
    return this.#exclusive.run(() => cutTail(this.#parts(), to, reason));
  }

  /** Removes whole segments without records above `lsn`, never the newest; durable on resolve. @throws WalshipError DISK_FAILED, NODE_CLOSED. */
  async purge(lsn: number): Promise<void> {
    this.#failStop.refuseIfEnded();
    await this.sealed.purge(lsn);
    this.history.purged();
  }

  /**
   * Begins a new log after the start of a durable snapshot; first saves the records of the old one that the snapshot may not include.
   * Durable on resolve; the next start finishes an interrupted replacement. Returns the saved tail. @throws WalshipError SAVED_FULL or DISK_FULL with nothing changed; DISK_FAILED.
   */
  async replaceBehind(base: LogBase, reason: Omit<CutReason, 'why'>): Promise<SavedTail> {
    this.#failStop.refuseIfEnded();
    assert(!this.#leading, 'a leader never puts its log aside');
    await this.drained();
    return this.#exclusive.run(async () => {
      const { opened, tail } = await replaceBehind(this.#parts(), base, reason);
      this.#clusterId = base.clusterId;
      if (this.#writer === undefined) this.#writer = this.#writeTo(opened);
      else await this.#writer.replace(opened);
      return tail;
    });
  }

  /** Disk usage of the durable log on this node, with headers and the fill between writes. */
  get onDisk(): Pick<LogMap, 'diskBytes' | 'diskBytesAfter' | 'boundaryBefore'> {
    return this.#durable.map;
  }

  /**
   * Reads whole batches after `lsn`, which is 0 or the end of a batch: at most `bytesMax` together, but at least one. From memory, or
   * from files, through `ahead` if given. Undefined if no durable batch follows.
   * @throws WalshipError PURGED, LSN_REPLACED (no batch ends at `lsn`), WAL_CORRUPT, DISK_FAILED.
   */
  chunkAfter(lsn: number, bytesMax: number, ahead?: ReadAhead): Promise<LogChunk | undefined> {
    return this.#durable.chunkAfter(lsn, bytesMax, ahead);
  }

  /** Does the same as `chunkAfter` synchronously; undefined if memory does not hold the batches. */
  recentAfter(lsn: number, bytesMax: number): LogChunk | undefined {
    return this.#durable.recentAfter(lsn, bytesMax);
  }

  /** Position at `lsn`; undefined if no durable batch ends there, or if it is no longer held. */
  chainAt(lsn: number): Promise<Position | undefined> {
    return this.#durable.chainAt(lsn);
  }

  /**
   * Reads durable records from LSN `from` on, without seals, up to the durable end when it is reached. Memory is bounded.
   * Keys and values stay valid; each keeps its chunk alive.
   * @throws WalshipError PURGED, LSN_REPLACED (the log was cut during the read), WAL_CORRUPT, DISK_FAILED.
   */
  read({ from }: { readonly from: number }): AsyncIterable<LogRecord> {
    return this.#durable.read(from);
  }

  /** Writes the records that have an LSN, then closes the files. Idempotent. Never trims: the last segment keeps its fill. */
  close(): Promise<void> {
    this.#failStop.close();
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    this.#leading = false;
    try {
      await this.drained();
      await this.sealed.settled();
      await this.#writer?.close();
    } catch (error) {
      // A failed log has already reported its failure; its files are closed as far as possible.
      if (!isWalshipError(error) || this.#failStop.failure === undefined) throw error;
    }
  }

  #writeTo(opened: OpenedSegment): SegmentWriter {
    return writerFor(this.#options, opened, {
      onSegment: ({ path, header }) => this.#durable.map.addSegment(path, header),
      onFailed: (error) => void this.#fail(error),
    });
  }

  #parts(): LogParts {
    return {
      options: this.#options,
      durable: this.#durable,
      history: this.history,
      commit: this.#commit,
      writer: this.#writer,
      settled: () => this.sealed.settled(),
      fail: (cause) => this.#fail(cause),
    };
  }

  #segments(): SegmentWriter {
    assert(this.#writer !== undefined, 'a blank log has to begin first');
    return this.#writer;
  }

  /** Records a durable batch and announces it; after a failure does nothing, since no caller may rely on later batches. */
  #settleBatch(batch: SealedBatch, offset: number): void {
    if (this.#failStop.failure !== undefined) return;
    this.#durable.add(batch, { offset: offset + batch.bytes.length, left: 0 });
    this.history.committed(batch.commitLsn);
    this.#announce();
  }

  #settleFollower(written: Buffer, batches: readonly BatchInfo[], offset: number): void {
    this.#durable.addWrite(written, batches, offset);
    for (const { seal, epochStart } of batches) {
      this.history.committed(seal.commitLsn);
      if (epochStart !== undefined) this.history.began(epochStart);
    }
    this.#announce();
  }

  #announce(): void {
    for (const listener of this.#durableListeners) listener(this.durable);
    this.#exclusive.wake();
  }

  #fail(cause: unknown): WalshipError {
    this.#leading = false;
    this.#commit.stop();
    const failure = this.#failStop.fail(cause);
    this.#exclusive.wake();
    return failure;
  }
}
