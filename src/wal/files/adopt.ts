/**
 * Files of an earlier life, and how they become this one's.
 *
 * What a process finds in a file may be in the page cache only: after a kill nobody synced it, and after a failed fsync a later one
 * reports success without writing it. So nothing is built on such bytes, and nothing of them is called durable, before they were
 * written again: to a new file that takes the name of the old one (`writeAnew`, which makes every other whole file as well), or where
 * there is no room for that, or no need, over themselves (`adoptInPlace`).
 */
import { WalshipError } from '../../errors.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { removeQuietly } from '../../ports/remove-quietly.ts';
import { MiB } from '../../ports/units.ts';
import { TEMPORARY_SUFFIX } from '../format/segment.ts';

/** Most that is read and written at once. */
const COPY_BYTES = MiB;

export interface NewFile {
  /** The name that it gets, in the directory `dir`. */
  readonly dir: string;
  readonly name: string;
  /** Its name until it is durable. Default: the other one, with TEMPORARY_SUFFIX. */
  readonly temporary?: string;
  /** A file that waits under the temporary name, open; default: a new one. It is closed in any case. */
  readonly file?: DiskFile;
  /** Does what shall be durable with its name. */
  readonly renamed?: () => Promise<void>;
}

/**
 * Writes a file under a temporary name and gives it its own: durable on resolve, whole, and in place of what had that name. Where that fails
 * nothing is left behind, as far as the disk still removes.
 * @throws WalshipError of the disk, and what `write` throws.
 */
export async function writeAnew(
  disk: Disk,
  { dir, name, temporary = `${name}${TEMPORARY_SUFFIX}`, file: waiting, renamed }: NewFile,
  write: (file: DiskFile) => Promise<void>,
): Promise<void> {
  const source = `${dir}/${temporary}`;
  const file = waiting ?? (await disk.open(source, 'create'));
  try {
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(source, `${dir}/${name}`);
  } catch (error) {
    await removeQuietly(disk, source);
    throw error;
  }
  await renamed?.();
  await disk.syncDir(dir);
}

/** A part of a file. */
interface FileRange {
  readonly start: number;
  readonly end: number;
}

/** Writes the first `bytes` of a file over themselves and cuts off the rest: durable on resolve, its size as well. It needs no room. */
export async function adoptInPlace(file: DiskFile, bytes: number): Promise<void> {
  await eachPiece(file, { start: 0, end: bytes }, (piece, offset) =>
    file.writeDurable(piece, offset),
  );
  // The size too may be one that no sync will write any more, unless it changes.
  await file.truncate(bytes + 1);
  await file.truncate(bytes);
  await file.sync();
}

async function eachPiece(
  file: DiskFile,
  { start, end }: FileRange,
  use: (bytes: Buffer, offset: number) => Promise<void>,
): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.max(1, Math.min(COPY_BYTES, end - start)));
  for (let offset = start; offset < end;) {
    const wanted = Math.min(COPY_BYTES, end - offset);
    const count = await file.read(buffer.subarray(0, wanted), offset);
    if (count < wanted) {
      const at = offset + count;
      const message = `a file ends at ${at} while it is read, expected ${end} bytes`;
      throw new WalshipError('DISK_FAILED', message, { details: { bytes: at, expected: end } });
    }
    await use(buffer.subarray(0, count), offset);
    offset += count;
  }
}
