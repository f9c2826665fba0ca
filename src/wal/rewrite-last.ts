/**
 * The last segment is always written to a new file, fsynced and renamed: what recovery read may have been in the page cache only, so
 * nothing counts as recovered before that. The same step is the cut.
 */
import { isUnwritable } from '../ports/disk-errors.ts';
import { isWalshipError, WalshipError } from '../errors.ts';
import type { Disk } from '../ports/disk.ts';
import { MiB } from './limits.ts';
import { fill, prefill, TEMPORARY_SUFFIX } from './segment.ts';
import type { PrefilledFile } from './segment.ts';

const COPY_BYTES = MiB;
const REWRITE_NAME = `rewrite${TEMPORARY_SUFFIX}`;

export interface LastSegment {
  readonly path: string;
  /** The header and whole batches. */
  readonly usedBytes: number;
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
   * Writes the used bytes of `last` into the file and gives it that name; durable on resolve, with the size of the file.
   * @throws WalshipError DISK_FULL, DISK_FAILED.
   */
  async replace(last: LastSegment): Promise<number> {
    const disk = this.#disk;
    // At least one byte of fill, so that a full segment is never taken for a trimmed one.
    const sizeBytes = Math.max(this.#sizeBytes, last.usedBytes + 1);
    const path = `${this.#dir}/${REWRITE_NAME}`;
    const made = (await this.#prefilled) ?? (await prefill(disk, path, this.#sizeBytes));
    const source = await disk.open(last.path, 'read');
    try {
      const buffer = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, last.usedBytes));
      for (let offset = 0; offset < last.usedBytes;) {
        const wanted = Math.min(COPY_BYTES, last.usedBytes - offset);
        const count = await source.read(buffer.subarray(0, wanted), offset);
        if (count < wanted) throw shrunk(last.path, offset + count);
        await made.file.write(buffer.subarray(0, count), offset);
        offset += count;
      }
      await fill(made.file, Math.max(last.usedBytes, this.#sizeBytes), sizeBytes);
      await made.file.sync();
    } finally {
      await source.close();
      await made.file.close();
    }
    // Removals that an earlier life did not make durable must not come after the cut.
    await disk.syncDir(this.#dir);
    await disk.rename(made.path, last.path);
    await disk.syncDir(this.#dir);
    return sizeBytes;
  }

  async #prefill(): Promise<PrefilledFile | undefined> {
    const path = `${this.#dir}/${REWRITE_NAME}`;
    try {
      return await prefill(this.#disk, path, this.#sizeBytes);
    } catch (error) {
      if (!isUnwritable(error)) throw error;
      const left = (await this.#disk.list(this.#dir)).includes(REWRITE_NAME);
      if (left) await this.#disk.remove(path);
      return undefined;
    }
  }
}

/** Whether recovery itself is making the file of this name. */
export function isRewrite(name: string): boolean {
  return name === REWRITE_NAME;
}

function shrunk(path: string, bytes: number): WalshipError {
  return new WalshipError('DISK_FAILED', `${path} shrank to ${bytes} bytes while it was read`, {
    details: { path, bytes },
  });
}
