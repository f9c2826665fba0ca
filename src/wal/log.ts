import assert from 'node:assert';
import { isWalshipError, WalshipError } from '../errors.ts';
import { BatchBuilder } from './batch-builder.ts';
import type { BatchContext, LogOperation, SealedBatch } from './batch-builder.ts';
import { checkOperations, rejected } from './check-operations.ts';
import type { LogChunk } from './chunk.ts';
import { encodeEpochValue } from './epoch-record.ts';
import { checkFollowerWrite } from './follower-write.ts';
import { GroupCommit } from './group-commit.ts';
import {
  BATCH_BYTES_MAX,
  KiB,
  MiB,
  SEGMENT_BYTES_DEFAULT,
  SEGMENT_HEADER_BYTES,
} from './limits.ts';
import { LogMap } from './log-map.ts';
import type { LogIdentity, LogOptions, SavedTail } from './log-options.ts';
import { beginLog, openLog, startOf, walDirOf } from './open-log.ts';
import type { OpenedLog, OpenedSegment } from './open-log.ts';
import type { EpochEntry, Position } from './position.ts';
import { LogReader } from './reader.ts';
import { RecentBatches } from './recent-batches.ts';
import { OP, recordBytes } from './record.ts';
import type { LogRecord } from './record.ts';
import type { RecoveryReport } from './recover.ts';
import { saveTail } from './save-tail.ts';
import type { BatchInfo } from './scan.ts';
import { records } from './scan.ts';
import { SegmentWriter, wasRefused } from './segment-writer.ts';
import { cutSegments } from './truncate.ts';

export type { BatchContext, LogOperation } from './batch-builder.ts';
export type { LogChunk } from './chunk.ts';
export type { LogIdentity, LogOptions, SavedTail } from './log-options.ts';

const RECENT_BYTES_DEFAULT = 16 * MiB;
const READ_BYTES = 256 * KiB;

/**
 * The log of one node: appended to by a leader, written to by a follower, read by anyone.
 *
 * Invariant: durable <= written <= last; only what is durable is ever read or shipped.
 * A failed write or fsync is final: `onFailed` hears of it, and nothing is written afterwards.
 */
export class Log {
  /** What recovery found, cut and saved. */
  readonly recovery: RecoveryReport;
  readonly #options: LogOptions;
  readonly #segmentBytes: number;
  readonly #builder: BatchBuilder;
  readonly #commit: GroupCommit;
  readonly #recent: RecentBatches;
  readonly #durableListeners: ((durable: Position) => void)[] = [];
  readonly #failedListeners: ((error: WalshipError) => void)[] = [];
  #map: LogMap;
  #reader: LogReader;
  #writer: SegmentWriter | undefined;
  #clusterId: string | undefined;
  #epochs: EpochEntry[];
  #knownCommitLsn: number;
  #leading = false;
  /** A follower's write, a cut, or the beginning of the log is going on. */
  #exclusive = false;
  #failure: WalshipError | undefined;
  #closing: Promise<void> | undefined;
  #wakeups: (() => void)[] = [];

  private constructor(options: LogOptions, { recovered, map, current }: OpenedLog) {
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES_DEFAULT;
    this.recovery = recovered.report;
    this.#map = map;
    this.#reader = new LogReader(options.disk, map);
    this.#recent = new RecentBatches(options.recentBytesMax ?? RECENT_BYTES_DEFAULT);
    this.#epochs = [...recovered.epochs];
    this.#knownCommitLsn = recovered.knownCommitLsn;
    this.#clusterId = recovered.clusterId;
    this.#builder = new BatchBuilder(map.end.position, recovered.lastSeal?.timeMs ?? 0);
    const commit = {
      clock: options.clock,
      builder: this.#builder,
      write: (batch: SealedBatch) => this.#writeBatch(batch),
      onDurable: (batch: SealedBatch) => this.#settleBatch(batch),
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
    const historyId = this.#epochs.at(-1)?.historyId ?? this.#options.meta.current.historyId;
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
    return this.#map.end.position;
  }

  /** The highest commitLsn in any durable seal. */
  get knownCommitLsn(): number {
    return this.#knownCommitLsn;
  }

  /** Every leadership that wrote to this log, oldest first. */
  get epochs(): readonly EpochEntry[] {
    return this.#epochs;
  }

  /** The oldest LSN held, or to be written first. */
  get firstLsn(): number {
    return this.#map.start.lsn + 1;
  }

  /** Bytes that have an LSN and are not durable; at most two batches. */
  get pendingBytes(): number {
    return this.#commit.pendingBytes;
  }

  /** About how many durable bytes lie behind `lsn`; it may say a few more, never fewer. */
  bytesAfter(lsn: number): number {
    return lsn >= this.durable.lsn ? 0 : this.#map.end.at - this.#map.placeBefore(lsn).at;
  }

  /** The epoch of the leadership that wrote the record at `lsn`; 0 before the first one. */
  epochAt(lsn: number): number {
    return this.#epochs.findLast((entry) => entry.firstLsn <= lsn)?.epoch ?? 0;
  }

  /** Calls `listener` after each commit, in order, when it is durable. */
  onDurable(listener: (durable: Position) => void): void {
    this.#durableListeners.push(listener);
  }

  /** Calls `listener` once, when a write failed: nothing is written any more, and what waits is indeterminate. */
  onFailed(listener: (error: WalshipError) => void): void {
    this.#failedListeners.push(listener);
    if (this.#failure !== undefined) listener(this.#failure);
  }

  /**
   * Gives a blank log its identity and its first segment; durable on resolve.
   * @throws WalshipError DISK_FULL, DISK_FAILED, NODE_CLOSED.
   */
  async begin(identity: LogIdentity): Promise<void> {
    this.#refuseIfEnded();
    assert(this.#writer === undefined, 'only a blank log begins');
    await this.#exclusively(async () => {
      const { disk, dir, meta } = this.#options;
      const log = { disk, dir, meta, segmentBytes: this.#segmentBytes };
      const segment = await beginLog(log, identity);
      this.#clusterId = identity.clusterId;
      this.#map = new LogMap(startOf(identity));
      this.#reader = new LogReader(disk, this.#map);
      this.#map.addSegment(segment.path, segment.header);
      this.#commit.continueFrom(this.#map.end.position, 0);
      this.#writer = this.#writeTo({ segment, usedBytes: SEGMENT_HEADER_BYTES });
    });
  }

  /**
   * Begins a leadership: its EPOCH record opens a batch. Returns the record's LSN; `append` writes in this epoch from now on.
   * Nothing may be in flight. `context` is asked whenever a batch is sealed.
   * @throws WalshipError DISK_FULL, DISK_FAILED, NODE_CLOSED; rejected.
   */
  lead(entry: Omit<EpochEntry, 'firstLsn'>, context: () => BatchContext): number {
    this.#refuseIfEnded();
    assert(!this.#leading && !this.#exclusive, 'a leadership begins on a log at rest');
    assert(this.#builder.lsn === this.durable.lsn, 'a leadership begins behind what is durable');
    const key = Buffer.from(entry.leader, 'utf8');
    const op = { op: OP.EPOCH, key, value: encodeEpochValue(entry) };
    const bytes = recordBytes(op.key.length, op.value.length);
    this.#refuseIfFull(bytes, 'leadership');
    this.#builder.enter(entry.epoch);
    this.#commit.context = context;
    this.#leading = true;
    const firstLsn = this.#commit.append([op], bytes);
    this.#epochs.push({ ...entry, firstLsn });
    return firstLsn;
  }

  /**
   * Appends a transaction; copies it, and returns the LSN of its last record at once. It is durable when `durable` gets there.
   * @throws WalshipError KEY_INVALID, VALUE_TOO_LARGE, TXN_TOO_LARGE, REQUEST_INVALID, BUSY, DISK_FULL, DISK_FAILED,
   * NODE_CLOSED, NO_LEADER (nobody leads here); always rejected, with nothing written.
   */
  append(ops: readonly LogOperation[]): number {
    this.#refuseIfEnded();
    if (!this.#leading) throw rejected('NO_LEADER', 'this log follows, it does not lead');
    const bytes = checkOperations(ops);
    if (this.#builder.bytesWith(bytes) > BATCH_BYTES_MAX) {
      const pendingBytes = this.#commit.pendingBytes;
      throw rejected('BUSY', `${pendingBytes} bytes wait to be written`, { pendingBytes });
    }
    this.#refuseIfFull(bytes, 'write');
    return this.#commit.append(ops, bytes);
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
    while (this.#exclusive || this.durable.lsn < Math.min(target, this.#builder.lsn)) {
      if (this.#failure !== undefined) throw this.#failure;
      await new Promise<void>((done) => {
        this.#wakeups.push(done);
      });
    }
  }

  /**
   * Writes whole batches from a leader behind what is there; resolves when they are durable. Everything is verified before a byte is
   * written. `bytes` are copied before the first turn ends. One call at a time, and not while leading.
   * @throws WalshipError CHAIN_MISMATCH, WAL_CORRUPT, PROTOCOL_ERROR, DISK_FULL, NODE_CLOSED with nothing written; DISK_FAILED.
   */
  async write(bytes: Buffer): Promise<Position> {
    this.#refuseIfEnded();
    assert(!this.#leading, 'a leader appends');
    const before = this.#commit.written;
    const batches = checkFollowerWrite(before, bytes);
    const newest = batches.at(-1);
    if (newest === undefined) return this.durable;
    const copy = this.#builder.copy(bytes);
    await this.#exclusively(async () => {
      this.#commit.continueFrom(newest.last, newest.seal.timeMs);
      try {
        await this.#segments().write(copy, { before, whenFull: 'refuse' });
      } catch (error) {
        if (!wasRefused(error)) throw this.#fail(error);
        this.#commit.continueFrom(before, 0);
        throw error;
      }
      this.#settleFollower(copy, batches);
    });
    return newest.last;
  }

  /**
   * Cuts off everything behind `to`, the end of a batch, having saved it first; durable on resolve. Undefined where nothing was cut.
   * @throws WalshipError CHAIN_MISMATCH (`to` is not in this log), SAVED_FULL, with nothing changed; DISK_FAILED.
   */
  async truncate(to: Position, why: string): Promise<SavedTail | undefined> {
    this.#refuseIfEnded();
    assert(!this.#leading, 'a leader never cuts its log');
    await this.drained();
    if (to.lsn === this.durable.lsn && to.chain === this.durable.chain) return undefined;
    return this.#exclusively(() => this.#cut(to, why));
  }

  /**
   * Whole batches behind `lsn`, which is 0 or the end of a batch: together at most `bytesMax`, but at least one. From memory, else
   * from files. Undefined where nothing durable follows.
   * @throws WalshipError PURGED, LSN_REPLACED (no batch ends at `lsn`), WAL_CORRUPT, DISK_FAILED.
   */
  async chunkAfter(lsn: number, bytesMax: number): Promise<LogChunk | undefined> {
    if (lsn >= this.durable.lsn) return undefined;
    return this.#recent.after(lsn, bytesMax) ?? this.#reader.chunkAfter(lsn, bytesMax);
  }

  /** As `chunkAfter`, at once, where memory holds it. */
  recentAfter(lsn: number, bytesMax: number): LogChunk | undefined {
    return this.#recent.after(lsn, bytesMax);
  }

  /** The position at `lsn`; undefined where no durable batch ends there, or it is not held. */
  async chainAt(lsn: number): Promise<Position | undefined> {
    if (lsn === this.durable.lsn) return this.durable;
    return this.#recent.positionAt(lsn) ?? (await this.#reader.placeAt(lsn))?.position;
  }

  /**
   * Durable records from LSN `from` on, without seals, up to what is durable when the end is reached. Memory is bounded.
   * Keys and values stay valid; each keeps up to READ_BYTES alive.
   * @throws WalshipError PURGED, LSN_REPLACED (the log was cut meanwhile), WAL_CORRUPT, DISK_FAILED.
   */
  async *read({ from }: { readonly from: number }): AsyncGenerator<LogRecord, void, undefined> {
    if (from < this.firstLsn) {
      const oldest = this.firstLsn;
      throw new WalshipError('PURGED', `LSN ${from} is not held, the oldest one is ${oldest}`, {
        details: { lsn: from, oldest },
      });
    }
    if (from > this.durable.lsn) return;
    let at = this.#map.placeBefore(from - 1).position;
    for (;;) {
      const chunk = await this.chunkAfter(at.lsn, READ_BYTES);
      const cut =
        chunk === undefined ? this.durable.lsn < at.lsn : chunk.previous.chain !== at.chain;
      if (cut) throw new WalshipError('LSN_REPLACED', `the log was cut below LSN ${at.lsn}`);
      if (chunk === undefined) return;
      for (const record of records(chunk.bytes)) if (record.lsn >= from) yield record;
      at = chunk.last;
    }
  }

  /** Writes what has an LSN, then closes the files. Idempotent. Never trims: the last segment keeps its fill. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    this.#leading = false;
    try {
      await this.drained();
      await this.#writer?.close();
    } catch (error) {
      // A log that failed has said so already; its files are closed as well as they can be.
      if (!isWalshipError(error) || this.#failure === undefined) throw error;
    }
  }

  #writeTo({ segment, usedBytes }: OpenedSegment): SegmentWriter {
    const { disk, clock, dir, meta } = this.#options;
    const options = {
      disk,
      clock,
      walDir: walDirOf(dir),
      meta,
      clusterId: segment.header.clusterId,
      segmentBytes: this.#segmentBytes,
      onSegment: ({ path, header }: OpenedSegment['segment']) => this.#map.addSegment(path, header),
      onFailed: (error: unknown) => void this.#fail(error),
    };
    return new SegmentWriter(options, segment, usedBytes);
  }

  #segments(): SegmentWriter {
    assert(this.#writer !== undefined, 'a blank log has to begin first');
    return this.#writer;
  }

  #writeBatch(batch: SealedBatch): Promise<void> {
    return this.#segments().write(batch.bytes, { before: batch.previous, whenFull: 'wait' });
  }

  #settleBatch({ bytes, previous, last, commitLsn }: SealedBatch): void {
    this.#map.addBatch(bytes.length, last);
    this.#recent.add(bytes, previous, last);
    this.#knownCommitLsn = Math.max(this.#knownCommitLsn, commitLsn);
    this.#announce();
  }

  #settleFollower(copy: Buffer, batches: readonly BatchInfo[]): void {
    for (const { offset, end, first, last, seal, epochStart } of batches) {
      this.#map.addBatch(end - offset, last);
      this.#recent.add(copy.subarray(offset, end), first, last);
      this.#knownCommitLsn = Math.max(this.#knownCommitLsn, seal.commitLsn);
      if (epochStart !== undefined) this.#epochs.push(epochStart);
    }
    this.#announce();
  }

  #announce(): void {
    const { durable } = this;
    for (const listener of this.#durableListeners) listener(durable);
    this.#wake();
  }

  async #cut(to: Position, why: string): Promise<SavedTail> {
    const { disk, clock, dir, meta } = this.#options;
    const place = await this.#reader.placeAt(to.lsn);
    if (place?.position.chain !== to.chain || place.position.epoch !== to.epoch) {
      throw new WalshipError('CHAIN_MISMATCH', `this log has no batch that ends at LSN ${to.lsn}`, {
        details: { lsn: to.lsn, chain: to.chain },
      });
    }
    const walDir = walDirOf(dir);
    const saved = await saveTail({ disk, dir }, { map: this.#map, from: place, why, clock });
    try {
      await this.#segments().settle();
      this.#map.truncate(place);
      this.#reader.invalidate();
      this.#recent.truncate(to.lsn);
      this.#epochs = this.#epochs.filter((entry) => entry.firstLsn <= to.lsn);
      this.#knownCommitLsn = Math.min(this.#knownCommitLsn, to.lsn);
      this.#commit.continueFrom(to, 0);
      await meta.update({ cut: to, newestSegment: this.#map.newestBase });
      const { segment, usedBytes } = await cutSegments(
        { disk, walDir, segmentBytes: this.#segmentBytes },
        to,
      );
      await meta.update({ cut: null });
      await this.#segments().replace(segment, usedBytes);
    } catch (error) {
      throw this.#fail(error);
    }
    return saved;
  }

  async #exclusively<T>(run: () => Promise<T>): Promise<T> {
    assert(!this.#exclusive, 'one write or cut at a time');
    this.#exclusive = true;
    try {
      return await run();
    } finally {
      this.#exclusive = false;
      this.#wake();
    }
  }

  #wake(): void {
    const wakeups = this.#wakeups;
    if (wakeups.length === 0) return;
    this.#wakeups = [];
    for (const wakeup of wakeups) wakeup();
  }

  /** Remembers the first failure, tells of it, and returns it. A bug is no failure of the disk: it is thrown on. */
  #fail(cause: unknown): WalshipError {
    if (!isWalshipError(cause)) throw cause;
    if (this.#failure !== undefined) return this.#failure;
    const { message, details } = cause;
    this.#failure = new WalshipError('DISK_FAILED', message, {
      details,
      outcome: 'indeterminate',
      cause,
    });
    this.#leading = false;
    this.#commit.stop();
    for (const listener of this.#failedListeners) listener(this.#failure);
    this.#wake();
    return this.#failure;
  }

  #refuseIfEnded(): void {
    if (this.#failure !== undefined) {
      const { message, details } = this.#failure;
      throw rejected('DISK_FAILED', `the log has failed: ${message}`, details);
    }
    if (this.#closing !== undefined) throw rejected('NODE_CLOSED', 'the log is closed');
  }

  /** A full disk is known before the log is full: then only a leadership may still begin, where there is room for it. */
  #refuseIfFull(bytes: number, what: 'write' | 'leadership'): void {
    const writer = this.#segments();
    if (!writer.full) return;
    if (what === 'leadership' && writer.fits(this.#builder.bytesWith(bytes))) return;
    throw rejected('DISK_FULL', 'there is no room for the next segment');
  }
}
