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

/** Additions of a run to the faults that every run may have. */
export interface RunTraits {
  readonly stranger: boolean;
  readonly wireDamage: boolean;
  readonly learner: boolean;
  /** A power cut may garble the blocks that are on their way to the disk. */
  readonly garbles: boolean;
  readonly clockDrift: number;
}

/** Each in part of the runs only: what many hide, few find. */
export function traitsOf(seed: number): RunTraits {
  const entropy = new SimWorld(seed).entropy.fork('traits');
  return {
    stranger: entropy.chance(0.2),
    wireDamage: entropy.chance(0.2),
    learner: entropy.chance(0.2),
    garbles: entropy.chance(0.25),
    clockDrift: entropy.chance(0.2) ? entropy.pick([0.001, 0.05, 0.2]) : 0,
  };
}
