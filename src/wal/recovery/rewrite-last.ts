/**
 * The last segment is made this life's own at every start (adopt.ts): what recovery read may have been in the page cache only, so nothing
 * counts as recovered before it was written again. The same step is the cut.
 *
 * It is written to a new file of full size that takes its name; where the disk has no room for that, to one that is as long as what is used,
 * which gives back the room of the old one; and where it has not even that, over itself. So a disk that filled up is no reason not to start.
 */
import assert from 'node:assert';
import type { Disk } from '../../ports/disk.ts';
import { isUnwritable } from '../../ports/disk-errors.ts';
import { isWalshipError } from '../../errors.ts';
import { writeAnew } from '../files/adopt.ts';
import type { Salt } from '../format/salt.ts';
import { fill, prefill, TEMPORARY_SUFFIX } from '../format/segment.ts';
import type { PrefilledFile } from '../format/segment.ts';
import { copySegment, rewriteInPlace } from '../format/segment-copy.ts';
import type { SegmentCopy } from '../format/segment-copy.ts';

const REWRITE_NAME = `rewrite${TEMPORARY_SUFFIX}`;

export interface LastSegment {
  readonly path: string;
  /** Just past its last batch, in the file. */
  readonly usedBytes: number;
  readonly sizeBytes: number;
}

/** The file that took its place. */
export interface RewrittenSegment extends SegmentCopy {
  readonly sizeBytes: number;
}

/**
 * The file that takes the last segment's place. Its fill is written while the log is being read, which takes about as long.
 * A disk without room for it is no failure before `replace`: until then, recovery may have removed what was left behind.
 */
export class SegmentRewrite {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #sizeBytes: number;
  /** Undefined where there was no room, or the file is not wanted. */
  #prefilled: Promise<PrefilledFile | undefined>;

  /** Begins to fill the file in `dir`, which holds the segments. */
  constructor(disk: Disk, dir: string, sizeBytes: number) {
    this.#disk = disk;
    this.#dir = dir;
    this.#sizeBytes = sizeBytes;
    this.#prefilled = this.#prefill();
    // Whoever awaits it hears of a failure.
    this.#prefilled.catch(() => undefined);
  }

  /** Removes the file, as far as the disk still works: recovery changes nothing, or needs the room. */
  async drop(): Promise<void> {
    const prefilled = this.#prefilled;
    this.#prefilled = Promise.resolve(undefined);
    try {
      const made = await prefilled;
      if (made === undefined) return;
      await made.file.close();
      await this.#disk.remove(made.path);
    } catch (error) {
      // The next recovery removes it; why this one ends is more important.
      if (!isWalshipError(error)) throw error;
    }
  }

  /**
   * Makes the used bytes of `last` durable under its name, with nothing but fill behind them.
   * @throws WalshipError DISK_FAILED, and what else kept the disk from taking them, with nothing left behind.
   */
  async replace(last: LastSegment, salt: Salt): Promise<RewrittenSegment> {
    // Removals that an earlier life did not make durable must not come after the cut.
    await this.#disk.syncDir(this.#dir);
    const made = (await this.#prefilled) ?? (await this.#prefill());
    this.#prefilled = Promise.resolve(undefined);
    if (made !== undefined) return this.#copy(last, salt, made);
    try {
      return await this.#copy(last, salt);
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      const copy = await rewriteInPlace(this.#disk, last);
      return { ...copy, sizeBytes: Math.max(last.sizeBytes, last.usedBytes + 1) };
    }
  }

  /** Copies it to a file that is fill, or to a new one that is no larger than it must be. */
  async #copy(last: LastSegment, salt: Salt, filled?: PrefilledFile): Promise<RewrittenSegment> {
    const { path, usedBytes } = last;
    // At least one byte of fill, so that a full segment is never taken for a trimmed one.
    const sizeBytes = Math.max(filled?.sizeBytes ?? 0, usedBytes + 1);
    const name = path.slice(path.lastIndexOf('/') + 1);
    const place = { dir: this.#dir, name, temporary: REWRITE_NAME };
    let copy: SegmentCopy | undefined;
    const file = filled === undefined ? place : { ...place, file: filled.file };
    await writeAnew(this.#disk, file, async (target) => {
      const source = await this.#disk.open(path, 'read');
      try {
        copy = await copySegment({ file: source, path, usedBytes }, target, salt);
      } finally {
        await source.close();
      }
      await fill(target, Math.max(usedBytes, filled?.sizeBytes ?? 0), sizeBytes);
    });
    assert(copy !== undefined, 'what was written anew was copied');
    return { ...copy, sizeBytes };
  }

  async #prefill(): Promise<PrefilledFile | undefined> {
    try {
      return await prefill(this.#disk, `${this.#dir}/${REWRITE_NAME}`, this.#sizeBytes);
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      return undefined;
    }
  }
}

/** Whether recovery itself is making the file of this name. */
export function isRewrite(name: string): boolean {
  return name === REWRITE_NAME;
}
