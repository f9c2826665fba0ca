/**
 * Breaks disks for longer than one operation, besides the other faults: they are full, have no inodes, are read-only,
 * or have an unreadable sector; processes have no descriptors. It draws from a random sequence of its own, and in
 * part of the runs it does nothing.
 */
import type { DiskLoss } from './disk-loss.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import type { SimMachine } from './sim-machine.ts';
import type { SimWorld } from './sim-world.ts';

export interface DiskNemesisOptions {
  readonly world: SimWorld;
  readonly machines: readonly SimMachine[];
  readonly losses: DiskLoss;
  readonly note: (text: string) => void;
}

type Fault = (machine: SimMachine) => void;

/** Share of the runs in which disks have limits. */
const RUNS = 0.4;
/** Number of descriptors that a node needs at least to open its files. */
const DESCRIPTORS_MIN = 4;

export class DiskNemesis {
  readonly #options: DiskNemesisOptions;
  readonly #entropy: SeededEntropy;
  #running = true;

  constructor(options: DiskNemesisOptions) {
    this.#options = options;
    this.#entropy = options.world.entropy.fork('disks');
  }

  stop(): void {
    this.#running = false;
    for (const { disk } of this.#options.machines) disk.room.free();
  }

  async run(): Promise<void> {
    const { world, machines, losses } = this.#options;
    const entropy = this.#entropy;
    if (!entropy.chance(RUNS)) return;
    const faults: readonly Fault[] = [
      (machine) => this.#fill(machine),
      (machine) => this.#takeInodes(machine),
      (machine) => this.#takeDescriptors(machine),
      (machine) => this.#mountReadOnly(machine),
      (machine) => this.#inNext(machine, 'short'),
      (machine) => this.#inNext(machine, 'emfile'),
      (machine) => losses.loseSector(machine, entropy),
    ];
    // Each run uses some of the faults: a full disk hides the effects of a read-only one.
    const known = faults.filter(() => entropy.chance(0.5));
    while (this.#running && known.length > 0) {
      await world.pass(entropy.between(200, 2_500));
      if (this.#running) entropy.pick(known)(entropy.pick(machines));
    }
  }

  /** Fills the disk, wholly or nearly, and frees the space some time later. */
  #fill({ nodeId, disk }: SimMachine): void {
    const leftBytes = this.#entropy.pick([0, 512, 4_096, 20_000, 100_000]);
    disk.room.fill(leftBytes);
    this.#options.note(`${nodeId}: the disk is full but for ${leftBytes} bytes`);
    this.#later(() => {
      disk.room.capacityBytes = Number.POSITIVE_INFINITY;
      this.#options.note(`${nodeId}: the disk has room again`);
    });
  }

  #takeInodes({ nodeId, disk }: SimMachine): void {
    const left = this.#entropy.below(3);
    disk.room.fillInodes(left);
    this.#options.note(`${nodeId}: ${left} inodes are left`);
    this.#later(() => {
      disk.room.inodesMax = Number.POSITIVE_INFINITY;
    });
  }

  #takeDescriptors({ nodeId, disk }: SimMachine): void {
    const count = DESCRIPTORS_MIN + this.#entropy.below(6);
    disk.room.descriptorsMax = count;
    this.#options.note(`${nodeId}: ${count} descriptors are all there are`);
    this.#later(() => {
      disk.room.descriptorsMax = Number.POSITIVE_INFINITY;
    });
  }

  #mountReadOnly({ nodeId, disk }: SimMachine): void {
    disk.room.isReadOnly = true;
    this.#options.note(`${nodeId}: the disk is read-only`);
    this.#later(() => {
      disk.room.isReadOnly = false;
    });
  }

  #inNext({ nodeId, disk }: SimMachine, fault: 'short' | 'emfile'): void {
    const number = disk.operations + 1 + this.#entropy.below(20);
    disk.failAt(number, fault);
    this.#options.note(`${nodeId}: ${fault} at disk operation ${number}`);
  }

  #later(run: () => void): void {
    this.#options.world.clock.schedule(this.#entropy.pick([50, 500, 3_000, 8_000]), run);
  }
}
