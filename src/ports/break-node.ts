/** Faults that a node which was started for drills can cause in itself. These are also the bodies of `POST /v1/drill`. */

/** Files of a node that a disk fault affects. */
export const DISK_PARTS = ['all', 'wal', 'meta', 'snapshots'] as const;
export type DiskPart = (typeof DISK_PARTS)[number];

/** One thing that is wrong with the disk beneath a running node. It outlives the process, but for a failed fsync. */
export type DiskFault =
  /** No file can grow: ENOSPC. Existing bytes can be written over, and what is cut or removed makes room. */
  | { readonly kind: 'disk-full' }
  /** No file or directory can be made: ENOSPC. Files can grow, and each file that is removed makes room for one. */
  | { readonly kind: 'no-inodes' }
  /** Failure of every change with EROFS. */
  | { readonly kind: 'disk-read-only' }
  /** Every durable write and every sync of `part` takes so much longer. */
  | { readonly kind: 'disk-slow'; readonly ms: number; readonly part: DiskPart }
  /** The next durable write or sync of `part` fails with EIO, once; what it covered reads back, and never becomes durable by a later sync. */
  | { readonly kind: 'fsync-error'; readonly part: DiskPart };

/** One fault of the node itself. */
export type NodeFault =
  | DiskFault
  /** Ends every fault of the disk. */
  | { readonly kind: 'heal-disk' }
  /** The event loop does nothing for so long. */
  | { readonly kind: 'stall'; readonly forMs: number }
  /** The wall clock jumps by so much, back where negative. */
  | { readonly kind: 'clock-jump'; readonly byMs: number }
  /** The node loses what was not fsynced, names in directories included, as the seed chooses, and dies. */
  | { readonly kind: 'power-cut'; readonly seed: number };

/** Causes a fault in the node; resolves when the fault is in place. A power cut never resolves. */
export type BreakNode = (fault: NodeFault) => Promise<void>;
