/** A node that follows and counts for nothing: it comes and goes, and has everything in the end. */
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import type { SimMachine } from './sim-machine.ts';
import type { SimWorld } from './sim-world.ts';

export interface LearnerOptions {
  readonly world: SimWorld;
  readonly machine: SimMachine;
}

export class SimLearner {
  readonly #options: LearnerOptions;
  readonly #entropy: SeededEntropy;
  #running = true;

  constructor(options: LearnerOptions) {
    this.#options = options;
    this.#entropy = options.world.entropy.fork('learner');
  }

  /** Stops the crashes: the learner stays up from here on. */
  stop(): void {
    this.#running = false;
    this.#options.machine.start();
  }

  async run(): Promise<void> {
    const { world, machine } = this.#options;
    const entropy = this.#entropy;
    machine.start();
    while (this.#running) {
      await world.pass(entropy.between(200, 3_000));
      if (!this.#running) return;
      if (!machine.isUp) machine.start();
      else if (entropy.chance(0.6)) machine.kill();
      else machine.losePower();
    }
  }

  /**
   * Returns true if it has applied everything, and ends with this LSN and chain. It is never intact: no leader makes
   * it so.
   */
  hasAll({ lsn, chain }: { readonly lsn: number; readonly chain: number }): boolean {
    const status = this.#options.machine.node?.status();
    return (
      status?.durable.lsn === lsn && status.durable.chain === chain && status.applied.lsn === lsn
    );
  }
}
