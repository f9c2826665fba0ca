/** Removal of unfinished files of an earlier process. */
import type { Disk } from '../ports/disk.ts';
import { dataFileKind } from './data-dir.ts';
import { parseIncomingName, snapshotDirOf } from './snapshot/snapshot-format.ts';

/**
 * Removes temporary files, and notes whose segment was never saved, at a start, before any file is created: on a full disk they occupy
 * the space that meta.json needs. A power loss may restore one; the next start removes it again. The caller holds the directory's lock.
 * @throws WalshipError DISK_FAILED.
 */
export async function removeTemporary(disk: Disk, dir: string): Promise<void> {
  await removeIn(disk, dir, '');
  await removeIn(disk, `${dir}/wal`, 'wal/');
  await removeIn(disk, `${dir}/snapshots`, 'snapshots/');
  await removeIn(disk, `${dir}/saved`, 'saved/');
  await removeLoneNotes(disk, `${dir}/saved`);
}

/** Removes the files of incomplete snapshots; none may be arriving. @throws WalshipError DISK_FAILED. */
export async function removeIncoming(disk: Disk, dir: string): Promise<void> {
  const directory = snapshotDirOf(dir);
  for (const name of await disk.list(directory)) {
    if (parseIncomingName(name) !== undefined) await disk.remove(`${directory}/${name}`);
  }
}

async function removeIn(disk: Disk, directory: string, prefix: string): Promise<void> {
  for (const name of await disk.list(directory)) {
    if (dataFileKind(prefix + name) === 'temporary') await disk.remove(`${directory}/${name}`);
  }
}

/** Removes notes without a segment. A note is written before its segment, and nothing is cut before both are durable, so such a note is void. */
async function removeLoneNotes(disk: Disk, directory: string): Promise<void> {
  const names = await disk.list(directory);
  for (const name of names) {
    if (dataFileKind(`saved/${name}`) !== 'saved-note') continue;
    if (!names.includes(name.replace(/json$/, 'wal'))) await disk.remove(`${directory}/${name}`);
  }
}
