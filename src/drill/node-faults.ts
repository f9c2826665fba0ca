/**
 * The layer in a node that breaks it on demand: beneath its disk, its clock and its event loop. It is there only where `--unsafe-drill-faults` spells
 * the data directory, and the directory is one that was made for drills.
 */
import path from 'node:path';
import { WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import { FaultDisk } from './fault-disk.ts';
import { ShiftedClock } from './shifted-clock.ts';
import type { NodeFault } from '../ports/break-node.ts';
import { SimEntropy } from '../sim/sim-entropy.ts';

/** Stands in every data directory that drills may ruin. */
export const MARKER_NAME = 'DRILL';
/** Files that have lost their names, until their directory is synced. */
const SIDE_DIR = '.drill';

export class NodeFaults {
  readonly disk: FaultDisk;
  readonly clock: ShiftedClock;

  private constructor(disk: Disk, clock: Clock, dir: string) {
    this.disk = new FaultDisk(disk, path.join(dir, SIDE_DIR));
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
        this.disk.condition = {};
        return;
      case 'disk-full':
        this.disk.condition = { full: true };
        return;
      case 'disk-read-only':
        this.disk.condition = { readOnly: true };
        return;
      case 'disk-slow':
        this.disk.condition = { slow: { ms: fault.ms, part: fault.part } };
        return;
      case 'sync-fails':
        this.disk.condition = { syncFails: fault.part };
        return;
      case 'stall':
        // In a turn of its own, so that the order is answered first.
        this.clock.after(STALL_AFTER_MS, () => stall(fault.ms));
        return;
      case 'clock-jump':
        this.clock.jump(fault.byMs);
        return;
      case 'power-cut':
        await this.disk.cutPower(new SimEntropy(fault.seed));
        process.kill(process.pid, 'SIGKILL');
        // The first process of a container cannot kill itself so; nothing that ends it in another way reaches the disk any more.
        process.exit(POWERLESS_EXIT_CODE);
    }
  }
}

const STALL_AFTER_MS = 20;
/** As of a process that was killed. */
const POWERLESS_EXIT_CODE = 137;

/** Blocks the event loop. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
