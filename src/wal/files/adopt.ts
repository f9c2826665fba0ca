/**
 * Files that an earlier process left, and how this process makes them durable.
 *
 * The bytes that a process finds in a file may be in the page cache only: after a kill they were never synced, and after a failed
 * fsync a later one reports success without writing them. Such bytes are not relied on, and not called durable, before they have been
 * written again: to a new file that takes the name of the old one (`writeAnew`, which also writes every other whole file), or, if
 * there is no space or no need for that, in place (`adoptInPlace`).
 */
import { WalshipError } from '../../errors.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { removeQuietly } from '../../ports/remove-quietly.ts';
import { MiB } from '../../ports/units.ts';
import { TEMPORARY_SUFFIX } from '../format/segment.ts';

/** Maximum bytes per read and write. */
const COPY_BYTES = MiB;

export interface NewFile {
  /** Directory of the file. */
  readonly dir: string;
  readonly name: string;
  /** Name until the content is durable. Default: `name` with TEMPORARY_SUFFIX. */
  readonly temporary?: string;
  /** Open file under the temporary name; default: a new one. Closed in any case. */
  readonly file?: DiskFile;
  /** Called after the rename; its changes of the directory become durable together with the name. */
  readonly renamed?: () => Promise<void>;
}

/**
 * Writes a file under a temporary name and renames it: whole and durable on resolve, replacing a file of that name. On failure
 * the temporary file is removed, if the disk still can.
 * @throws WalshipError of the disk, and errors of `write`.
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

/** Rewrites the first `bytes` of a file in place and cuts off the rest: content and size are durable on resolve. Needs no disk space. */
export async function adoptInPlace(file: DiskFile, bytes: number): Promise<void> {
  await eachPiece(file, { start: 0, end: bytes }, (piece, offset) =>
    file.writeDurable(piece, offset),
  );
  // The size too may be one that no sync writes unless it changes.
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
