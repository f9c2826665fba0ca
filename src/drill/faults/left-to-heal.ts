/** What is still broken after a list of faults: pure bookkeeping, so that the end of a drill puts everything right and nothing twice. */
import type { Fault } from './fault.ts';

export interface LeftToHeal {
  readonly network: boolean;
  /** Nodes whose disk is not as it should be, in the order in which they broke. */
  readonly disks: readonly string[];
  readonly paused: readonly string[];
  /** Nodes with a crowd of idle clients. */
  readonly crowded: readonly string[];
}

/** @param faults what was done, oldest first, healing included. */
export function leftToHeal(faults: readonly Fault[]): LeftToHeal {
  let network = false;
  const disks = new Set<string>();
  const paused = new Set<string>();
  const crowded = new Set<string>();
  for (const fault of faults) {
    switch (fault.kind) {
      case 'heal-network':
        network = false;
        break;
      case 'cut':
      case 'isolate':
      case 'partition':
      case 'delay':
      case 'loss':
      case 'bandwidth':
        network = true;
        break;
      case 'disk-full':
      case 'no-inodes':
      case 'disk-slow':
      case 'fsync-error':
      case 'disk-read-only':
        disks.add(fault.node);
        break;
      case 'heal-disk':
        disks.delete(fault.node);
        break;
      case 'idle-clients':
        crowded.add(fault.node);
        break;
      case 'clients-leave':
        crowded.delete(fault.node);
        break;
      case 'pause':
        paused.add(fault.node);
        break;
      case 'resume':
      case 'kill':
        paused.delete(fault.node);
        break;
      case 'power-cut':
        for (const node of fault.nodes) paused.delete(node);
        break;
      // Over at once, or put right by what the cluster does itself.
      case 'stop':
      case 'start':
      case 'stall':
      case 'clock-jump':
      case 'reset':
      case 'flip-bit':
      case 'torn-tail':
      case 'lose-segment':
      case 'lose-snapshots':
      case 'wipe':
      case 'back-up':
      case 'restore':
    }
  }
  return { network, disks: [...disks], paused: [...paused], crowded: [...crowded] };
}

/** How long a pause of the scenario is, in a drill that takes `durationMs` in all. */
export function scaledMs(
  afterMs: number,
  { ownMs, durationMs }: { readonly ownMs: number; readonly durationMs: number | undefined },
): number {
  return durationMs === undefined ? afterMs : Math.round((afterMs * durationMs) / ownMs);
}
