import { isWalshipError } from '../errors.ts';
import type { Disk } from './disk.ts';

/** Removes a useless file and ignores a failure: the caller reports the error that made the file useless. */
export async function removeQuietly(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if (!isWalshipError(error)) throw error;
  }
}
