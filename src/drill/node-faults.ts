/**
 * The layer in a node that breaks it on demand: beneath its disk, its clock and its event loop. It is there only where `--unsafe-drill-faults` spells
 * the data directory, and the directory is one that was made for drills.
 */
import path from 'node:path';
import { WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import { NO_DISK_FAULTS } from './disk/disk-faults.ts';
import { FaultDisk } from './disk/fault-disk.ts';
import { ShiftedClock } from './shifted-clock.ts';
import type { NodeFault } from '../ports/break-node.ts';
import { SimEntropy } from '../sim/sim-entropy.ts';

/** Stands in every data directory that drills may ruin. */
export const MARKER_NAME = 'DRILL';
/** What a process ends with that SIGKILL does not reach: the first one of a container. */
const KILLED_EXIT_CODE = 137;

export class NodeFaults {
  readonly disk: FaultDisk;
  readonly clock: ShiftedClock;

  private constructor(disk: Disk, clock: Clock, dir: string) {
    this.disk = FaultDisk.open(disk, dir);
    this.clock = new ShiftedClock(clock);
  }

  /**
   * Marks an empty directory as one for drills.
   * @throws WalshipError CONFIG_INVALID where it is not empty and has no such mark.
   */
  static async open(disk: Disk, clock: Clock, dir: string): Promise<NodeFaults> {
    await disk.makeDir(dir);
    const names = await disk.list(dir);
    if (!names.includes(MARKER_NAME)) {
      if (names.length > 0) {
        const message =
          `${dir} was not made for drills, which lose what is in it: it holds ${names[0] ?? ''} and no ${MARKER_NAME}; ` +
          'start a node for drills with an empty directory';
        throw new WalshipError('CONFIG_INVALID', message);
      }
      const marker = await disk.open(path.join(dir, MARKER_NAME), 'create');
      await marker.writeDurable(Buffer.from('Drills may lose everything in this directory.\n'), 0);
      await marker.close();
      await disk.syncDir(dir);
    }
    return new NodeFaults(disk, clock, dir);
  }

  /** Does it. A power cut never resolves: the process dies. */
  async apply(fault: NodeFault): Promise<void> {
    switch (fault.kind) {
      case 'disk-healthy':
        this.disk.faults = NO_DISK_FAULTS;
        return;
      case 'disk-full':
        this.disk.faults = { full: true, part: 'all' };
        return;
      case 'disk-read-only':
        this.disk.faults = { readOnly: true, part: 'all' };
        return;
      case 'disk-slow':
        this.disk.faults = { slowMs: fault.ms, part: fault.part };
        return;
      case 'sync-fails':
        this.disk.faults = { fsyncError: true, part: fault.part };
        return;
      case 'stall':
        // In a turn of its own, so that the order is answered first.
        this.clock.after(STALL_AFTER_MS, () => stall(fault.ms));
        return;
      case 'clock-jump':
        this.clock.jump(fault.byMs);
        return;
      case 'power-cut':
        await this.disk.powerCut(new SimEntropy(fault.seed));
        process.kill(process.pid, 'SIGKILL');
        process.exit(KILLED_EXIT_CODE);
    }
  }
}

const STALL_AFTER_MS = 20;

/** Blocks the event loop. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
