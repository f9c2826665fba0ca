/**
 * Reading over sectors that the disk cannot read. Recovery must not end at one: what stands there is lost like what has rotted, and the table of
 * recovery says what follows, with the LSNs; the rest is read, and saved.
 */
import { isWalshipError, WalshipError } from '../../errors.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { BLOCK_BYTES } from '../format/limits.ts';

/** More unreadable blocks in one file mean that the disk has failed. */
export const UNREADABLE_BLOCKS_MAX = 256;
/** Stands for each byte that cannot be read: it is neither fill nor the beginning of a record. */
const UNREADABLE_BYTE = 0;

/** Unreadable blocks of one file. */
export interface UnreadableBlocks {
  readonly path: string;
  /** Of the first one that was met. */
  readonly offset: number;
  readonly count: number;
}

/** A disk whose files read over what cannot be read, as zeros; `onUnreadable` hears of each file that has such blocks, with each one that is met. */
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
  /** A disk may fail once and read the block the second time. */
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
