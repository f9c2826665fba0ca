/** The rest that is still broken after a list of faults: pure bookkeeping, so that the end of a drill repairs everything, and nothing twice. */
import { nodesOf } from './actions.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './table.ts';

export interface LeftToHeal {
  readonly network: boolean;
  /** Nodes whose disk is not as it should be, in the order in which they broke. */
  readonly disks: readonly string[];
  readonly paused: readonly string[];
  /** Nodes with a crowd of idle clients. */
  readonly crowded: readonly string[];
  /** Nodes without descriptors. */
  readonly starved: readonly string[];
}

/** @param faults what was done, oldest first, healing included. */
export function leftToHeal(faults: readonly Fault[]): LeftToHeal {
  const broken = {
    pause: new Set<string>(),
    disk: new Set<string>(),
    clients: new Set<string>(),
    descriptors: new Set<string>(),
    network: new Set<string>(),
  };
  for (const fault of faults) {
    const { breaks, heals } = FAULTS[fault.kind];
    if (heals === 'network') broken.network.clear();
    for (const node of nodesOf(fault)) {
      if (breaks === 'process') {
        // A pause and a limit end with their process.
        broken.pause.delete(node);
        broken.descriptors.delete(node);
      } else if (breaks !== undefined) {
        broken[breaks].add(node);
      }
      if (heals !== undefined && heals !== 'process') broken[heals].delete(node);
    }
  }
  return {
    network: broken.network.size > 0,
    disks: [...broken.disk],
    paused: [...broken.pause],
    crowded: [...broken.clients],
    starved: [...broken.descriptors],
  };
}

/** Returns the milliseconds of a pause of the scenario, in a drill that takes `durationMs` in all. */
export function scaledMs(
  afterMs: number,
  { ownMs, durationMs }: { readonly ownMs: number; readonly durationMs: number | undefined },
): number {
  return durationMs === undefined ? afterMs : Math.round((afterMs * durationMs) / ownMs);
}
