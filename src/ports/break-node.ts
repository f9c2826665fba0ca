/** How a node that was started for drills is broken from within. */

/** Which files of a node a disk fault is about. */
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

/** Does to a node what a drill asks for. A power cut never resolves. */
export type BreakNode = (fault: NodeFault) => Promise<void>;
