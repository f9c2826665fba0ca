/** Check for a log that a running node writes to: a bad place is damage only if it stays bad; otherwise it was the end at that moment. */
import type { Clock } from '../../ports/clock.ts';
import { isAbsent } from '../../ports/disk-errors.ts';
import type { Disk } from '../../ports/disk.ts';
import { type Position, samePosition } from '../format/position.ts';
import { parseSegmentName, segmentName, stateBefore } from '../format/segment.ts';
import { readSegmentHeader } from '../format/segment-copy.ts';
import { scanSegment } from '../format/segment-scan.ts';

/** Number of repeated reads of a bad place, with a pause between: a write in progress looks like damage for a moment. */
const READ_AGAIN_MAX = 4;
const READ_AGAIN_MS = 50;

/** Place at which the reading of a log stopped. */
export interface StopPlace {
  /** The directory of the segments. */
  readonly walDir: string;
  /** Name of the segment in which reading stopped. */
  readonly segment: string;
  /** End of the last good batch. */
  readonly last: Position;
}

/**
 * Repeats the read after a place at which a log stopped; returns true if the log now continues: then a node is writing there, and the
 * place is not damaged. Without a clock there are no pauses.
 * @throws WalshipError DISK_FAILED.
 */
export async function hasMoved(
  disk: Disk,
  stop: StopPlace,
  clock: Clock | undefined,
): Promise<boolean> {
  for (let count = 0; count < READ_AGAIN_MAX; count += 1) {
    if (count > 0 && clock !== undefined) {
      await new Promise<void>((resolve) => {
        clock.after(READ_AGAIN_MS, resolve);
      });
    }
    if (await goesOn(disk, stop)) return true;
  }
  return false;
}

async function goesOn(disk: Disk, { walDir, segment, last }: StopPlace): Promise<boolean> {
  const names = await disk.list(walDir);
  // The segment was purged, with everything before it.
  if (!names.includes(segment)) return names.some((name) => isBehind(name, segment));
  const next = segmentName(last.lsn + 1);
  const follows = next !== segment && names.includes(next);
  try {
    if (follows && (await continues(disk, `${walDir}/${next}`, last)) !== 'not') return true;
    return (await continues(disk, `${walDir}/${segment}`, last)) === 'with a batch';
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function isBehind(name: string, segment: string): boolean {
  return (parseSegmentName(name) ?? 0) > (parseSegmentName(segment) ?? 0);
}

/** Tells how a segment continues `last`: with its header, with a batch in it, or not. */
async function continues(
  disk: Disk,
  path: string,
  last: Position,
): Promise<'not' | 'with its header' | 'with a batch'> {
  const file = await disk.open(path, 'read');
  try {
    const decoded = await readSegmentHeader(file);
    if (decoded.kind !== 'header') return 'not';
    const { header } = decoded;
    let found = false;
    await scanSegment({ file, sizeBytes: await file.size(), header }, ({ first }) => {
      found ||= samePosition(first, last);
    });
    if (found) return 'with a batch';
    return samePosition(stateBefore(header), last) ? 'with its header' : 'not';
  } finally {
    await file.close();
  }
}
