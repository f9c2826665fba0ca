import { MiB } from '../ports/units.ts';
import type { Bound } from './api/bounds.ts';
import type { ReadPath } from './requests/read-path.ts';
import { READ_WAITERS_MAX } from './requests/read-path.ts';
import { HELD_WRITES_MAX } from './requests/write-hold.ts';
import type { WritePath } from './requests/write-path.ts';
import {
  UNAPPLIED_BYTES_MAX,
  UNAPPLIED_WRITES_MAX,
  WRITE_WAITERS_MAX,
} from './requests/write-path.ts';

/** Default for the bytes of uncommitted log on a leader. */
export const UNCOMMITTED_BYTES_MAX_DEFAULT = 64 * MiB;

/** Returns the bounds on a node's reads and, while it leads, on its writes. */
export function nodeBounds(
  reads: ReadPath,
  writes: () => WritePath | undefined,
  uncommittedBytesMax: number,
): readonly Bound[] {
  const writing = (read: (counts: WritePath['counts']) => number) => (): number => {
    const path = writes();
    return path === undefined ? 0 : read(path.counts);
  };
  return [
    { name: 'waiting reads', max: READ_WAITERS_MAX, used: () => reads.waitingCount },
    { name: 'waiting writes', max: WRITE_WAITERS_MAX, used: writing((c) => c.waiting) },
    { name: 'held writes', max: HELD_WRITES_MAX, used: writing((c) => c.held) },
    {
      name: 'uncommitted bytes',
      max: uncommittedBytesMax,
      used: writing((c) => c.uncommittedBytes),
    },
    { name: 'unapplied bytes', max: UNAPPLIED_BYTES_MAX, used: writing((c) => c.unappliedBytes) },
    { name: 'unapplied writes', max: UNAPPLIED_WRITES_MAX, used: writing((c) => c.unapplied) },
  ];
}
