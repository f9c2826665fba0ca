/**
 * The layer in a node that breaks it on demand: beneath its disk, its clock and its event loop. It is there only where `--unsafe-drill-faults` spells
 * the data directory, and the directory is one that was made for drills.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { WalshipError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { FaultDisk } from './disk/fault-disk.ts';
import { ShiftedClock } from './shifted-clock.ts';
import type { DiskFault, NodeFault } from '../../ports/break-node.ts';
import { SeededEntropy } from '../../ports/seeded-entropy.ts';

/**
 * Name of a file in every data directory that drills may ruin. Its second line, if there is one, is the present fault
 * of the disk.
 */
export const MARKER_NAME = 'DRILL';
const MARKER_TEXT = 'Drills may lose everything in this directory.\n';
/** Exit code of a process that SIGKILL does not reach: the first one of a container. */
const KILLED_EXIT_CODE = 137;

export class NodeFaults {
  readonly disk: FaultDisk;
  readonly clock: ShiftedClock;
  readonly #dir: string;

  private constructor(disk: Disk, clock: Clock, dir: string) {
    this.#dir = dir;
    this.disk = FaultDisk.open(disk, dir);
    this.disk.fault = readLastingFault(dir);
    this.clock = new ShiftedClock(clock);
  }

  /**
   * Marks an empty directory as one for drills. In one that has the mark the disk is what it was when the process before ended: full, for
   * instance.
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
      await marker.writeDurable(Buffer.from(MARKER_TEXT), 0);
      await marker.close();
      await disk.syncDir(dir);
    }
    return new NodeFaults(disk, clock, dir);
  }

  /** Applies a fault. A power cut never resolves: the process dies. */
  async apply(fault: NodeFault): Promise<void> {
    switch (fault.kind) {
      case 'heal-disk':
        this.#breakDisk(undefined);
        return;
      case 'stall':
        // The stall is in a turn of its own, so that the order is answered first.
        this.clock.after(STALL_AFTER_MS, () => stall(fault.forMs));
        return;
      case 'clock-jump':
        this.clock.jump(fault.byMs);
        return;
      case 'power-cut':
        await this.disk.powerCut(new SeededEntropy(fault.seed));
        process.kill(process.pid, 'SIGKILL');
        process.exit(KILLED_EXIT_CODE);
      default:
        this.#breakDisk(fault);
    }
  }

  #breakDisk(fault: DiskFault | undefined): void {
    this.disk.fault = fault;
    writeLastingFault(this.#dir, fault);
  }
}

const STALL_AFTER_MS = 20;

/** Makes the disk of a node that is down what it should be, from its next start on. */
export function healDisk(dir: string): void {
  writeLastingFault(dir, undefined);
}

/** Bypasses the disk that it describes: how full that is does not matter to the drill's own note. */
function writeLastingFault(dir: string, fault: DiskFault | undefined): void {
  // A sync fails only once: the next process has a disk that is well.
  const lasts = fault !== undefined && fault.kind !== 'fsync-error';
  const line = lasts ? `${JSON.stringify(fault)}\n` : '';
  writeFileSync(path.join(dir, MARKER_NAME), MARKER_TEXT + line);
}

function readLastingFault(dir: string): DiskFault | undefined {
  const [, line = ''] = readFileSync(path.join(dir, MARKER_NAME), 'utf8').split('\n');
  return line === '' ? undefined : (JSON.parse(line) as DiskFault);
}

/** Blocks the event loop. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
