/**
 * Rewrite of the last segment at every start (adopt.ts): the bytes that recovery read may have been in the page cache only, so they do
 * not count as recovered before they have been written again. The same step performs the cut.
 *
 * The segment is written to a new file of full size that takes its name; if the disk has no space for that, to a file as long as the
 * used part, which then frees the space of the old one; and if there is not even that much space, in place. A full disk therefore does
 * not prevent a start.
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
  /** File offset just past its last batch. */
  readonly usedBytes: number;
  readonly sizeBytes: number;
}

/** The file that has replaced the last segment. */
export interface RewrittenSegment extends SegmentCopy {
  readonly sizeBytes: number;
}

/**
 * The file that replaces the last segment. Its fill is written while the log is being read, which takes about as long.
 * A lack of space is no failure before `replace`: recovery may free space in the meantime by removing leftovers.
 */
export class SegmentRewrite {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #sizeBytes: number;
  /** Prefilled file; undefined if there was no space, or after `drop`. */
  #prefilled: Promise<PrefilledFile | undefined>;

  /** Starts to fill the file in `dir`, the directory of the segments. */
  constructor(disk: Disk, dir: string, sizeBytes: number) {
    this.#disk = disk;
    this.#dir = dir;
    this.#sizeBytes = sizeBytes;
    this.#prefilled = this.#prefill();
    // Reported to the caller that awaits it.
    this.#prefilled.catch(() => undefined);
  }

  /** Removes the file if the disk still works: recovery refuses and changes nothing, or needs the space. */
  async drop(): Promise<void> {
    const prefilled = this.#prefilled;
    this.#prefilled = Promise.resolve(undefined);
    try {
      const made = await prefilled;
      if (made === undefined) return;
      await made.file.close();
      await this.#disk.remove(made.path);
    } catch (error) {
      // The next recovery removes the file; the error that ends this one is more important.
      if (!isWalshipError(error)) throw error;
    }
  }

  /**
   * Makes the used bytes of `last` durable under its name, followed by fill only.
   * @throws WalshipError DISK_FAILED, and other errors of the disk, after which the temporary file is removed.
   */
  async replace(last: LastSegment, salt: Salt): Promise<RewrittenSegment> {
    // Removals by an earlier process that are not durable yet must become durable before the cut.
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

  /** Copies the segment to the prefilled file, or to a new one of the smallest possible size. */
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

/** True for the name of the file that recovery itself is writing. */
export function isRewrite(name: string): boolean {
  return name === REWRITE_NAME;
}
