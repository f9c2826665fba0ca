/** What kind of cluster a seed is about. */
import type { Retention } from './sim-machine.ts';
import { SimWorld } from './sim-world.ts';

/** N and W; the usual ones more often. */
export const SHAPES: readonly (readonly [number, number])[] = [
  [3, 2],
  [3, 2],
  [3, 2],
  [3, 2],
  [3, 2],
  [3, 2],
  [5, 3],
  [5, 3],
  [5, 3],
  [5, 3],
  [3, 3],
  [3, 3],
  [2, 2],
  [2, 2],
  [4, 2],
  [4, 3],
  [1, 1],
  [2, 1],
  [3, 1],
  [4, 1],
  [4, 4],
  [5, 1],
  [5, 2],
  [5, 4],
  [5, 5],
];

/** In part of the runs so little log is kept that it is purged, and whoever was away for a while gets a snapshot. */
export function retentionOf(seed: number): Retention | undefined {
  const entropy = new SimWorld(seed).entropy.fork('retention');
  if (entropy.chance(0.4)) return undefined;
  const snapshotLogBytes = entropy.pick([4, 16, 64]) * 1024;
  return { snapshotLogBytes, retainBytesMax: entropy.pick([1, 16, 128]) * 1024 };
}
