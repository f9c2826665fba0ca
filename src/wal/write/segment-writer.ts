/**
 * Writer of segments: the current segment, the spare one after it, and the rotation from one to the next.
 *
 * The spare is filled in the background as soon as the current segment is half full, or immediately if the last spare
 * was late. A full disk therefore shows up there, while the log still has room, and not in the middle of a commit.
 *
 * Order of a rotation: header and fsync, rename, directory fsync, meta.json's newest segment; then the first batch. After the
 * directory's fsync the successor is durable, and the predecessor is trimmed in the background. A segment is never trimmed otherwise.
 *
 * Each write (the unit of one fsync) begins at a block boundary, with a header: no write touches a block with acknowledged bytes.
 *
 * Invariant: at least one fill byte stays after the last batch of a live segment.
 */
import { isUnwritable } from '../../ports/disk-errors.ts';
import assert from 'node:assert';
import { isWalshipError, WalshipError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import type { Entropy } from '../../ports/entropy.ts';
import { rejected } from '../format/check-operations.ts';
import { SEGMENT_HEADER_BYTES } from '../format/limits.ts';
import type { MetaStore } from '../files/meta.ts';
import type { Position } from '../format/position.ts';
import { Salt } from '../format/salt.ts';
import { headerAfter, nameSegment } from '../format/segment.ts';
import type { OpenedSegment, OpenSegment } from '../format/segment.ts';
import { SpareSegment } from './spare-segment.ts';
import { borderAfter, headerOf, writeEnd } from '../format/write-header.ts';

/** Time that a batch with LSNs waits for space on a full disk before the log fails for good. */
export const ROOM_WAIT_MS_MAX = 30_000;
const ROOM_RETRY_MS = 500;

export interface SegmentWriterOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** The directory of the segments. */
  readonly walDir: string;
  readonly meta: MetaStore;
  readonly clusterId: string;
  readonly entropy: Entropy;
  readonly segmentBytes: number;
  /** Called when a segment has its name, before the first write to it. */
  readonly onSegment: (segment: OpenSegment) => void;
  /** Called when background work failed for good: nothing may be written after. */
  readonly onFailed: (error: unknown) => void;
}

export interface WriteOrder {
  /** End of the log before these bytes. */
  readonly before: Position;
  /** Reaction to a full disk: wait a bounded time, because the records have their LSNs, or refuse with nothing written. */
  readonly whenFull: 'wait' | 'refuse';
}

interface Predecessor {
  readonly segment: OpenSegment;
  readonly usedBytes: number;
}

export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #spare: SpareSegment;
  #current: OpenSegment;
  /** Offset just past the last write. */
  #offset: number;
  /** Number of the last write in the current segment. */
  #number: number;
  /** Segment before the current one, until the name of the current one is durable. */
  #predecessor: Predecessor | undefined;
  /** True until the current segment is in meta.json; nothing may be written to it before. */
  #unregistered = false;
  #writing = false;
  /** Error that a write with its LSNs waits for to pass; new records are refused meanwhile. */
  #waitsFor: WalshipError | undefined;
  #trimming: Promise<void> = Promise.resolve();

  /** Continues writing in `current`. */
  constructor(options: SegmentWriterOptions, current: OpenedSegment) {
    const { disk, clock, walDir, segmentBytes, onFailed } = options;
    this.#options = options;
    this.#current = current.segment;
    this.#offset = current.usedBytes;
    this.#number = current.number;
    this.#spare = new SpareSegment({ disk, clock, walDir, sizeBytes: segmentBytes, onFailed });
    if (this.#halfUsed) this.#spare.start();
  }

  /** Error of the disk that does not accept the next segment; while set, new records are refused. */
  get lack(): WalshipError | undefined {
    return this.#waitsFor ?? this.#spare.lack;
  }

  /** True until the name of the current segment is durable: after a power cut its predecessor may be the last segment. */
  get isNamePending(): boolean {
    return this.#predecessor !== undefined;
  }

  /**
   * Refuses while a write waits for the disk, or if the disk does not accept the next segment and `bytes` do not fit into the current one.
   * @throws WalshipError of the disk, rejected.
   */
  refuseIfFull(bytes: number): void {
    const { lack } = this;
    if (lack === undefined || (this.#waitsFor === undefined && this.fits(bytes))) return;
    throw rejected(
      lack.code,
      `the disk does not accept the next segment: ${lack.message}`,
      lack.details,
    );
  }

  /** True if a write of batches of `bytes` still fits into the current segment. */
  fits(bytes: number): boolean {
    return writeEnd(this.#offset, bytes) < this.#current.sizeBytes;
  }

  /**
   * Writes whole batches; resolves with the offset of the first one in its segment when all are durable. One call at a time: the next
   * write must not be issued before this one is durable, which recovery relies on.
   * @throws WalshipError DISK_FULL with outcome `rejected` if nothing was written; any other failure is final.
   */
  async write(bytes: Buffer, order: WriteOrder): Promise<number> {
    assert(!this.#writing, 'one write in flight');
    this.#writing = true;
    try {
      // A rotation that was refused halfway is finished first: its predecessor is still to be trimmed.
      await this.#makeNameDurable(order);
      if (!this.fits(bytes.length)) {
        await this.#rotate(bytes.length, order);
        await this.#makeNameDurable(order);
      }
      await this.#register(order);
      const { file, header } = this.#current;
      const offset = borderAfter(this.#offset);
      this.#number += 1;
      this.#offset = writeEnd(offset, bytes.length);
      const place = { salt: header.salt, number: this.#number, firstLsn: order.before.lsn + 1 };
      await file.writeDurable([headerOf(bytes, place), bytes], offset);
      this.#fillAhead();
      return this.#offset - bytes.length;
    } finally {
      this.#writing = false;
    }
  }

  /** Continues in another segment after a cut; closes the old current segment unchanged. */
  async replace(current: OpenedSegment): Promise<void> {
    assert(!this.#writing, 'nothing is in flight');
    const replaced = [this.#predecessor?.segment.file, this.#current.file];
    this.#current = current.segment;
    this.#offset = current.usedBytes;
    this.#number = current.number;
    this.#predecessor = undefined;
    this.#unregistered = false;
    for (const file of replaced) await file?.close();
  }

  /** Waits for background work on named segments. */
  settle(): Promise<void> {
    return this.#trimming;
  }

  /** Trims a segment that has a durable successor to its used size, in the background. */
  trim(file: DiskFile, usedBytes: number): void {
    const { onFailed } = this.#options;
    this.#trimming = this.#trimming
      .then(() => trimFile(file, usedBytes))
      .catch((error: unknown) => onFailed(error));
  }

  /** Closes the current segment unchanged, and removes the spare. */
  async close(): Promise<void> {
    await this.#spare.close();
    await this.#trimming;
    await this.#predecessor?.segment.file.close();
    await this.#current.file.close();
  }

  get #halfUsed(): boolean {
    return this.#offset * 2 >= this.#current.sizeBytes;
  }

  #fillAhead(): void {
    const small = this.#current.sizeBytes < this.#options.segmentBytes;
    if (small || this.#spare.late || this.#halfUsed) this.#spare.start();
  }

  async #rotate(bytes: number, { before, whenFull }: WriteOrder): Promise<void> {
    const sizeBytes = writeEnd(SEGMENT_HEADER_BYTES, bytes) + 1;
    const next = await this.#untilRoom(() => this.#makeSegment(sizeBytes, before), whenFull);
    const predecessor = { segment: this.#current, usedBytes: this.#offset };
    // At most one trim is outstanding, so that open files cannot pile up.
    await this.#trimming;
    this.#current = next;
    this.#offset = SEGMENT_HEADER_BYTES;
    this.#number = 0;
    this.#predecessor = predecessor;
    this.#unregistered = true;
    this.#options.onSegment(next);
  }

  /** Gives the spare its header and its name. If the disk refuses either, the spare is removed, since its header may be partial. */
  async #makeSegment(sizeBytes: number, before: Position): Promise<OpenSegment> {
    const { disk, walDir, clusterId, entropy } = this.#options;
    const prefilled = await this.#spare.take(sizeBytes);
    const header = headerAfter(clusterId, before, Salt.random(entropy));
    try {
      return await nameSegment(disk, walDir, { prefilled, header });
    } catch (error) {
      if (isUnwritable(error)) await this.#spare.discard(prefilled, error);
      throw error;
    }
  }

  /** Makes the name of the current segment durable; a step of its own, because opening the directory takes a descriptor. */
  async #makeNameDurable({ whenFull }: WriteOrder): Promise<void> {
    const predecessor = this.#predecessor;
    if (predecessor === undefined) return;
    const { disk, walDir } = this.#options;
    // A failed fsync is never retried; without a descriptor it has not begun.
    await this.#untilRoom(() => disk.syncDir(walDir), whenFull, isWithoutDescriptors);
    this.#predecessor = undefined;
    const { file, header } = predecessor.segment;
    // An empty segment that was too small for its first batch was replaced under the same name.
    if (header.baseLsn === this.#current.header.baseLsn) await file.close();
    else this.trim(file, predecessor.usedBytes);
  }

  /** Records the current segment in meta.json; a separate step, because a full disk may refuse it after the rename. */
  async #register({ whenFull }: WriteOrder): Promise<void> {
    if (!this.#unregistered) return;
    const newestSegment = this.#current.header.baseLsn;
    await this.#untilRoom(() => this.#options.meta.update({ newestSegment }), whenFull);
    this.#unregistered = false;
  }

  /** Runs a step that needs space or a descriptor; retries it while `passes` accepts its error, for a bounded time or not at all. */
  async #untilRoom<T>(
    step: () => Promise<T>,
    whenFull: 'wait' | 'refuse',
    passes: (error: unknown) => error is WalshipError = isUnwritable,
  ): Promise<T> {
    const { clock } = this.#options;
    const startMs = clock.nowMs();
    for (;;) {
      try {
        const result = await step();
        this.#waitsFor = undefined;
        return result;
      } catch (error) {
        if (!passes(error)) throw error;
        if (whenFull === 'refuse') throw refused(error);
        if (clock.nowMs() - startMs >= ROOM_WAIT_MS_MAX) throw error;
        this.#waitsFor = error;
        await new Promise<void>((done) => {
          clock.after(ROOM_RETRY_MS, done);
        });
      }
    }
  }
}

const isWithoutDescriptors = (error: unknown): error is WalshipError =>
  isWalshipError(error, 'NO_DESCRIPTORS');

/** True for a write that was refused before anything was written: the log can continue later. */
export function wasRefused(error: unknown): error is WalshipError {
  return isUnwritable(error) && error.outcome === 'rejected';
}

function refused(cause: WalshipError): WalshipError {
  return new WalshipError(cause.code, cause.message, {
    details: cause.details,
    outcome: 'rejected',
    cause,
  });
}

async function trimFile(file: DiskFile, usedBytes: number): Promise<void> {
  try {
    await file.truncate(usedBytes);
    await file.sync();
  } finally {
    await file.close();
  }
}
