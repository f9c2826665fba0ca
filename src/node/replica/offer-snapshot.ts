import type { Disk } from '../../ports/disk.ts';
import type { SnapshotSource } from '../../leader/snapshot-sender.ts';
import type { Log } from '../../wal/log.ts';
import { samePosition } from '../../wal/format/position.ts';
import { glanceAtFooter, glanceAtStart } from '../../wal/snapshot/snapshot-shelf.ts';

/**
 * Opens the snapshot at `path` for sending. Resolves with undefined where it cannot be read, or where the log does
 * not continue from it, so that its receiver could not either. The receiver verifies the contents.
 * @throws WalshipError DISK_FAILED.
 */
export async function snapshotSource(
  disk: Disk,
  log: Log,
  path: string,
): Promise<SnapshotSource | undefined> {
  const start = await glanceAtStart(disk, path);
  const footer = await glanceAtFooter(disk, path);
  if (start === undefined || footer === undefined || start.lsn + 1 < log.firstLsn) return undefined;
  const ours = await log.chainAt(start.lsn);
  if (ours === undefined || !samePosition(ours, start)) return undefined;
  const { endLsn, digest, bytes } = footer;
  const open: SnapshotSource['open'] = async () => {
    const file = await disk.open(path, 'read');
    return {
      read: (target, offset) => file.read(target, offset),
      close: () => file.close(),
    };
  };
  return { path, start, endLsn, digest, bytes, open };
}
