/** Faults that a node which was started for drills can cause in itself. */

/** Files of a node that a disk fault affects. */
export const DISK_PARTS = ['wal', 'meta', 'snapshots', 'all'] as const;
export type DrilledPart = (typeof DISK_PARTS)[number];

/** One fault of the node itself. */
export type NodeFault =
  | { readonly kind: 'disk-healthy' }
  | { readonly kind: 'disk-full' }
  | { readonly kind: 'no-inodes' }
  | { readonly kind: 'disk-read-only' }
  | { readonly kind: 'disk-slow'; readonly ms: number; readonly part: DrilledPart }
  | { readonly kind: 'sync-fails'; readonly part: DrilledPart }
  | { readonly kind: 'stall'; readonly ms: number }
  | { readonly kind: 'clock-jump'; readonly byMs: number }
  | { readonly kind: 'power-cut'; readonly seed: number };

/** Causes a fault in the node; resolves when the fault is in place. A power cut never resolves. */
export type BreakNode = (fault: NodeFault) => Promise<void>;
