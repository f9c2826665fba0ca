import { stat, statfs } from 'node:fs/promises';
import type { DataFacts } from '../server/metrics.ts';
import { snapshotDirOf, snapshotName } from '../wal/snapshot/snapshot-format.ts';

/**
 * Reads facts about the file system of a data directory; never fails, because a scrape has more to report than this.
 */
export async function dataFacts(dir: string, snapshotLsn: number): Promise<DataFacts> {
  const snapshot = `${snapshotDirOf(dir)}/${snapshotName(snapshotLsn)}`;
  const [room, file] = await Promise.allSettled([
    statfs(dir),
    snapshotLsn === 0 ? undefined : stat(snapshot),
  ]);
  const { bavail = null, blocks = null, bsize = 0 } = valueOf(room) ?? {};
  return {
    freeBytes: bavail === null ? null : bavail * bsize,
    totalBytes: blocks === null ? null : blocks * bsize,
    snapshotAt: valueOf(file)?.mtimeMs ?? null,
  };
}

function valueOf<T>(result: PromiseSettledResult<T>): T | undefined {
  return result.status === 'fulfilled' ? result.value : undefined;
}
