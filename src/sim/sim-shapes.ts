/** Kinds of clusters, chosen by the seed. */
import type { Retention } from './sim-machine.ts';
import { SimWorld } from './sim-world.ts';

/** Pairs of N and W; the usual ones more often. */
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

/**
 * Returns, in part of the runs, such a small retention that log is purged, and nodes that were away for a while get a
 * snapshot.
 */
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
  /** True if a power cut may garble the blocks that are being written. */
  readonly garbles: boolean;
  readonly clockDrift: number;
}

/**
 * Returns the traits of a run. Each is present in part of the runs only: a fault that hides others would hide them in
 * every run.
 */
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
