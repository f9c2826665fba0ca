import type { Disk } from '../../ports/disk.ts';
import type { LogBase } from '../format/log-base.ts';
import { listSnapshots, readSnapshot } from '../snapshot/snapshot-reader.ts';

/** Reads the newest valid snapshot of a data directory, the one that a start would use; undefined if there is none. */
export async function newestBase(disk: Disk, dir: string): Promise<LogBase | undefined> {
  const clock = { soon: (run: () => void) => queueMicrotask(run) };
  for (const { path } of await listSnapshots(disk, dir)) {
    const read = await readSnapshot({ disk, clock }, path);
    if (read.kind === 'snapshot') return read.snapshot;
  }
  return undefined;
}
