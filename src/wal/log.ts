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
import { cutTail, type LogParts, restart } from './log-surgery.ts';
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
 * The log of one node: appended to by a leader, written to by a follower, read by anyone.
 *
 * Invariant: durable <= written <= last; only what is durable is ever read or shipped.
 * A failed write or fsync is final: `onFailed` hears of it, and nothing is written afterwards.
 */
export class Log {
  /** What recovery found, cut and saved. */
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
  /** The segments that are not written to any more. */
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

  /** Undefined while the log is blank. */
  get identity(): LogIdentity | undefined {
    const clusterId = this.#clusterId;
    if (clusterId === undefined) return undefined;
    const historyId = this.history.newest?.historyId ?? this.#options.meta.current.historyId;
    return { clusterId, historyId: historyId ?? '' };
  }

  /** The last record given an LSN; its chain is that of the last sealed batch. */
  get last(): Position {
    const { lsn, epoch } = this.#builder;
    return { epoch, lsn, chain: this.#commit.written.chain };
  }

  /** The end of the last batch that was sealed and submitted. */
  get written(): Position {
    return this.#commit.written;
  }

  /** The end of the last batch that was fsynced. */
  get durable(): Position {
    return this.#durable.end;
  }

  /** Who wrote which stretch, oldest first: see LogHistory. */
  get epochs(): readonly EpochSpan[] {
    return this.history.spans;
  }

  /** The oldest LSN held, or to be written first. */
  get firstLsn(): number {
    return this.#durable.firstLsn;
  }

  /** Bytes that have an LSN and are not durable; at most two batches. */
  get pendingBytes(): number {
    return this.#commit.pendingBytes;
  }

  /** About how many durable bytes of the stream lie behind `lsn`; it may say a few more, never fewer. */
  bytesAfter(lsn: number): number {
    return this.#durable.bytesAfter(lsn);
  }

  /** The epoch of the leadership that wrote the record at `lsn`; 0 before the first one, and where that is forgotten. */
  epochAt(lsn: number): number {
    return this.history.epochAt(lsn);
  }

  /** Why the disk takes no next segment, where it does not: then nothing new is appended. */
  get unwritable(): WalshipError | undefined {
    return this.#writer?.lack;
  }

  /** Calls `listener` after each commit, in order, when it is durable. */
  onDurable(listener: (durable: Position) => void): void {
    this.#durableListeners.push(listener);
  }

  /** Calls `listener` once, when a write failed: nothing is written any more, and what waits is indeterminate. */
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
   * Nothing may be in flight. `context` is asked whenever a batch is sealed.
   * @throws WalshipError DISK_FULL, DISK_FAILED, NODE_CLOSED; rejected.
   */
  lead(entry: Omit<EpochEntry, 'firstLsn'>, context: () => BatchContext): number {
    this.#failStop.refuseIfEnded();
    assert(!this.#leading && !this.#exclusive.busy, 'a leadership begins on a log at rest');
    assert(this.#builder.lsn === this.durable.lsn, 'a leadership begins behind what is durable');
    const op = epochOperation(entry);
    const bytes = operationsBytes([op]);
    // A full disk is known before the log is full: then a leadership may still begin, where there is room for it.
    this.#segments().refuseIfFull(this.#builder.bytesWith(bytes));
    this.#builder.enter(entry.epoch);
    this.#commit.context = context;
    this.#leading = true;
    const firstLsn = this.#commit.append([op], bytes);
    this.history.began({ ...entry, firstLsn });
    return firstLsn;
  }

  /**
   * Appends a transaction; copies it, and returns the LSN of its last record at once. It is durable when `durable` gets there.
   * @throws WalshipError KEY_INVALID, VALUE_TOO_LARGE, TXN_TOO_LARGE, REQUEST_INVALID, BUSY, DISK_FULL, DISK_FAILED,
   * NODE_CLOSED, NO_LEADER (nobody leads here); always rejected, with nothing written.
   */
  append(ops: readonly LogOperation[]): number {
    this.#refuseUnlessLeading();
    return this.#commit.append(ops, checkOperations(ops));
  }

  /** Does the same as `append`, for a transaction that was prepared with `last.lsn + 1`. Does not copy it. */
  appendPrepared(transaction: PreparedTransaction): number {
    this.#refuseUnlessLeading();
    return this.#commit.appendPrepared(transaction);
  }

  #refuseUnlessLeading(): void {
    this.#failStop.refuseIfEnded();
    if (!this.#leading) throw rejected('NO_LEADER', 'this log follows, it does not lead');
    this.#segments().refuseIfFull(Infinity);
  }

  /** Takes no more records; those that have an LSN are still written. */
  stopLeading(): void {
    this.#leading = false;
  }

  /**
   * Resolves when every record that has an LSN now is durable and no write or cut is in flight.
   * @throws WalshipError DISK_FAILED where that will never be.
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
   * Writes whole batches from a leader behind what is there; resolves when they are durable. Everything is verified before a byte is
   * written: here, or before by whoever has `batches`. `bytes` must never change again: they are kept. One call at a time, and not while leading.
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
   * Cuts off everything behind `to`, the end of a batch, having saved it first; durable on resolve. Undefined where nothing was cut.
   * @throws WalshipError CHAIN_MISMATCH (`to` is not in this log), SAVED_FULL, with nothing changed; DISK_FAILED.
   */
  async truncate(to: Position, reason: CutReason): Promise<SavedTail | undefined> {
    this.#failStop.refuseIfEnded();
    assert(!this.#leading, 'a leader never cuts its log');
    await this.drained();
    if (to.lsn === this.durable.lsn && to.chain === this.durable.chain) return undefined;
    return this.#exclusive.run(() => cutTail(this.#parts(), to, reason));
  }

  /** Removes whole segments that hold nothing above `lsn`, never the newest; durable on resolve. @throws WalshipError DISK_FAILED, NODE_CLOSED. */
  async purge(lsn: number): Promise<void> {
    this.#failStop.refuseIfEnded();
    await this.sealed.purge(lsn);
    this.history.purged();
  }

  /**
   * Begins a new log behind the start of a durable snapshot; what that may not hold of the old one is in saved/ before. Durable on resolve, else finished
   * at the next start. Returns what was saved. @throws WalshipError SAVED_FULL or DISK_FULL with nothing changed; DISK_FAILED.
   */
  async restart(base: LogBase, reason: Omit<CutReason, 'why'>): Promise<SavedTail> {
    this.#failStop.refuseIfEnded();
    assert(!this.#leading, 'a leader never puts its log aside');
    await this.drained();
    return this.#exclusive.run(async () => {
      const { opened, tail } = await restart(this.#parts(), base, reason);
      this.#clusterId = base.clusterId;
      if (this.#writer === undefined) this.#writer = this.#writeTo(opened);
      else await this.#writer.replace(opened);
      return tail;
    });
  }

  /** What the durable log takes on this node's disk: with headers, and with what stays empty between writes. */
  get onDisk(): Pick<LogMap, 'diskBytes' | 'diskBytesAfter' | 'boundaryBefore'> {
    return this.#durable.map;
  }

  /**
   * Whole batches behind `lsn`, which is 0 or the end of a batch: together at most `bytesMax`, but at least one. From memory, else
   * from files, through `ahead` where that is given. Undefined where nothing durable follows.
   * @throws WalshipError PURGED, LSN_REPLACED (no batch ends at `lsn`), WAL_CORRUPT, DISK_FAILED.
   */
  chunkAfter(lsn: number, bytesMax: number, ahead?: ReadAhead): Promise<LogChunk | undefined> {
    return this.#durable.chunkAfter(lsn, bytesMax, ahead);
  }

  /** As `chunkAfter`, at once, where memory holds it. */
  recentAfter(lsn: number, bytesMax: number): LogChunk | undefined {
    return this.#durable.recentAfter(lsn, bytesMax);
  }

  /** The position at `lsn`; undefined where no durable batch ends there, or it is not held. */
  chainAt(lsn: number): Promise<Position | undefined> {
    return this.#durable.chainAt(lsn);
  }

  /**
   * Durable records from LSN `from` on, without seals, up to what is durable when the end is reached. Memory is bounded.
   * Keys and values stay valid; each keeps the chunk it came in alive.
   * @throws WalshipError PURGED, LSN_REPLACED (the log was cut meanwhile), WAL_CORRUPT, DISK_FAILED.
   */
  read({ from }: { readonly from: number }): AsyncIterable<LogRecord> {
    return this.#durable.read(from);
  }

  /** Writes what has an LSN, then closes the files. Idempotent. Never trims: the last segment keeps its fill. */
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
      // A log that failed has said so already; its files are closed as well as they can be.
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

  /** What was in flight when the log failed is announced no more: nobody may build on it. */
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
