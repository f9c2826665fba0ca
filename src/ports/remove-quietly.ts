import { isWalshipError } from '../errors.ts';
import type { Disk } from './disk.ts';

/** Removes a file that is of no use; why that is so counts, and not whether it can be removed. */
export async function removeQuietly(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if (!isWalshipError(error)) throw error;
  }
}
