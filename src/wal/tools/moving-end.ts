/** Reading a log that a running node writes to: where reading stopped is the end of that moment, and damage only where it stays so. */
import type { Clock } from '../../ports/clock.ts';
import { isAbsent } from '../../ports/disk-errors.ts';
import type { Disk } from '../../ports/disk.ts';
import { type Position, samePosition } from '../format/position.ts';
import { parseSegmentName, segmentName, stateBefore } from '../format/segment.ts';
import { readSegmentHeader } from '../format/segment-copy.ts';
import { scanSegment } from '../format/segment-scan.ts';

/** A place that does not read is read again so often, with a pause between: a write under way looks like damage for a moment. */
const READ_AGAIN_MAX = 4;
const READ_AGAIN_MS = 50;

/** Where reading a log stopped. */
export interface StopPlace {
  /** The directory of the segments. */
  readonly walDir: string;
  /** Name of the segment in which it stopped. */
  readonly segment: string;
  /** The end of the last good batch before it. */
  readonly last: Position;
}

/**
 * Reads again behind a place at which a log did not continue, and returns true once it does: then somebody writes there, and what was found is not
 * damaged. Without a clock it is read again without pauses.
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
  // It was purged, and so was all before it.
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

/** How a segment goes on behind `last`: its header does, or a batch in it. */
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
