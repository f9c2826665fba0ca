/** What may be wrong with the disk beneath a running node, on purpose. */
import { relative } from 'node:path';
import type { DrilledPart } from '../../../ports/break-node.ts';

export interface DiskFaults {
  /** No file can grow: ENOSPC. What is there can be written over, and what is cut or removed makes room. */
  readonly full?: boolean;
  /** No file or directory can be made: ENOSPC. What is there can grow, and each file that is removed makes room for one. */
  readonly noInodes?: boolean;
  /** Nothing can be changed: EROFS. */
  readonly readOnly?: boolean;
  /** Every durable write and every sync of `part` takes so much longer. */
  readonly slowMs?: number;
  /** The next durable write or sync of `part` fails with EIO, once; what it covered reads back, and never becomes durable by a later sync. */
  readonly fsyncError?: boolean;
  /** Of `slowMs` and `fsyncError`. */
  readonly part: DrilledPart;
}

/** Nothing is wrong. */
export const NO_DISK_FAULTS: DiskFaults = { part: 'all' };

/** Returns what of it is still wrong for the next process that uses the disk: a sync fails only once. */
export function lastingFaults({ fsyncError, ...rest }: DiskFaults): DiskFaults {
  return fsyncError === true ? NO_DISK_FAULTS : rest;
}

/** Whether `path` belongs to `part` of the data directory `dir`. */
export function isOfPart(dir: string, path: string, part: DrilledPart): boolean {
  if (part === 'all') return true;
  const below = relative(dir, path);
  // A name in the data directory itself is made durable with meta.json only.
  if (part === 'meta') return below === '' || below.startsWith('meta.json');
  return below === part || below.startsWith(`${part}/`);
}
