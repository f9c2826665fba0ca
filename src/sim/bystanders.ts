/** Participants besides voters and clients, in part of the runs: strangers, a learner, a wire that damages messages. */
import { SimLearner } from './sim-learner.ts';
import type { SimMachine } from './sim-machine.ts';
import type { SimNetwork } from './sim-network.ts';
import type { RunTraits } from './sim-shapes.ts';
import type { SimWorld } from './sim-world.ts';
import { Stranger } from './stranger.ts';
import { WireDamage } from './wire-damage.ts';

/** Part of a simulated cluster that bystanders touch. */
export interface BystandersPlace {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly machines: readonly SimMachine[];
  note(text: string): void;
  /** Creates a machine besides the voters. */
  learner(nodeId: string): SimMachine;
}

export class Bystanders {
  readonly #learner: SimLearner | undefined;
  readonly #all: readonly { run(): Promise<void>; stop(): void }[];

  constructor(cluster: BystandersPlace, traits: RunTraits) {
    const { world, network, machines } = cluster;
    const note = (text: string): void => cluster.note(text);
    this.#learner = traits.learner
      ? new SimLearner({ world, machine: cluster.learner('learner') })
      : undefined;
    this.#all = [
      ...(traits.stranger ? [new Stranger({ world, network, machines })] : []),
      ...(traits.wireDamage ? [new WireDamage({ world, network, note })] : []),
      ...(this.#learner === undefined ? [] : [this.#learner]),
    ];
    // A single voter refuses to start on a write with a garbled block: nobody else can say that it was never acknowledged.
    const garbles = traits.garbles && machines.length > 1;
    for (const { disk } of machines) disk.garbleBlocks = garbles;
    world.clockDrift = traits.clockDrift;
  }

  run(onFailure: (error: unknown) => void): void {
    for (const one of this.#all) one.run().catch(onFailure);
  }

  stop(): void {
    for (const one of this.#all) one.stop();
  }

  /** Returns true if the learner, if there is one, has caught up with this position. */
  isSettled(durable: { readonly lsn: number; readonly chain: number } | undefined): boolean {
    if (this.#learner === undefined) return true;
    return durable !== undefined && this.#learner.hasAll(durable);
  }
}
