/**
 * A disk wrapper that reads over unreadable sectors. Recovery must not stop at one: its content is lost like any damaged bytes, and
 * the recovery table decides what follows, with the LSNs; the other blocks are read, and saved.
 */
import { isWalshipError, WalshipError } from '../../errors.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { BLOCK_BYTES } from '../format/limits.ts';

/** Maximum number of unreadable blocks in one file; more mean that the disk has failed. */
export const UNREADABLE_BLOCKS_MAX = 256;
/** Substitute for each unreadable byte: neither fill nor the beginning of a record. */
const UNREADABLE_BYTE = 0;

/** Unreadable blocks of one file. */
export interface UnreadableBlocks {
  readonly path: string;
  /** Offset of the first one found. */
  readonly offset: number;
  readonly count: number;
}

/** Returns a disk whose files read unreadable blocks as zeros; `onUnreadable` is called with the file's totals for each such block found. */
export function readingOver(
  disk: Disk,
  onUnreadable: (blocks: UnreadableBlocks) => void = () => undefined,
): Disk {
  return {
    open: async (path, mode) => readableFile(await disk.open(path, mode), path, onUnreadable),
    list: (path) => disk.list(path),
    makeDir: (path) => disk.makeDir(path),
    rename: (source, target) => disk.rename(source, target),
    remove: (path) => disk.remove(path),
    syncDir: (path) => disk.syncDir(path),
    lock: (path) => disk.lock(path),
  };
}

function readableFile(
  file: DiskFile,
  path: string,
  onUnreadable: (blocks: UnreadableBlocks) => void,
): DiskFile {
  const blocks = new Set<number>();
  const read = async (target: Buffer, position: number): Promise<number> => {
    try {
      return await file.read(target, position);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      const first = Math.floor(position / BLOCK_BYTES);
      const last = Math.floor((position + target.length - 1) / BLOCK_BYTES);
      if (first === last) return await again(target, position, first);
      const middle = Math.ceil((first + last) / 2) * BLOCK_BYTES - position;
      const count = await read(target.subarray(0, middle), position);
      if (count < middle) return count;
      return middle + (await read(target.subarray(middle), position + middle));
    }
  };
  /** Retries one block: a disk may fail the first read and succeed the second time. */
  const again = async (target: Buffer, position: number, block: number): Promise<number> => {
    try {
      return await file.read(target, position);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      return await skip(target, position, block);
    }
  };
  const skip = async (target: Buffer, position: number, block: number): Promise<number> => {
    blocks.add(block);
    if (blocks.size > UNREADABLE_BLOCKS_MAX) {
      const message = `${path} has more than ${UNREADABLE_BLOCKS_MAX} blocks that cannot be read`;
      throw new WalshipError('DISK_FAILED', message, { details: { path } });
    }
    const [offset = 0] = blocks;
    onUnreadable({ path, offset: offset * BLOCK_BYTES, count: blocks.size });
    const count = Math.max(0, Math.min(target.length, (await file.size()) - position));
    target.fill(UNREADABLE_BYTE, 0, count);
    return count;
  };
  return {
    size: () => file.size(),
    read,
    write: (source, position) => file.write(source, position),
    writeDurable: (source, position) => file.writeDurable(source, position),
    sync: () => file.sync(),
    truncate: (bytes) => file.truncate(bytes),
    close: () => file.close(),
  };
}

function isUnreadable(error: unknown): boolean {
  return isWalshipError(error, 'DISK_FAILED') && error.details['errno'] === 'EIO';
}
