import type { Disk } from '../../ports/disk.ts';
import type { SnapshotSource } from '../../leader/snapshot-sender.ts';
import type { Log } from '../../wal/log.ts';
import { samePosition } from '../../wal/format/position.ts';
import { glanceAtFooter, glanceAtStart } from '../../wal/snapshot/snapshot-shelf.ts';

/**
 * The snapshot at `path` as something to send: undefined where it does not read, or where the log does not lead on from it, so that
 * whoever got it could not go on. What is inside is verified by the one who receives it.
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
