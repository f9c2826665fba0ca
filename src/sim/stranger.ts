/**
 * A process outside of the cluster that sends its nodes messages that no node sends: foreign ones, each with one
 * extreme integer.
 */
import { extremesOf } from './extreme-messages.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import type { SimMachine } from './sim-machine.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimWorld } from './sim-world.ts';
import { messagesOf } from './stranger-messages.ts';

export interface StrangerOptions {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly machines: readonly SimMachine[];
}

const ADDRESS = 'elsewhere';
const RUN = 'f'.repeat(32);
/** Milliseconds that a link stays open after the message. */
const PATIENCE_MS = 3;

export class Stranger {
  readonly #options: StrangerOptions;
  readonly #entropy: SeededEntropy;
  #running = true;

  constructor(options: StrangerOptions) {
    this.#options = options;
    this.#entropy = options.world.entropy.fork('stranger');
  }

  stop(): void {
    this.#running = false;
  }

  async run(): Promise<void> {
    const { world, network, machines } = this.#options;
    const entropy = this.#entropy;
    const dialer = network.dialer(ADDRESS, world.process());
    while (this.#running) {
      await world.pass(entropy.between(20, 400));
      const { address, node } = entropy.pick(machines);
      if (node === undefined) continue;
      const message = entropy.pick(messagesOf(node.status(), 'nobody', RUN));
      const said = extremesOf(message);
      const link = await dialer.dial(address).catch(() => undefined);
      if (link === undefined || said.length === 0) continue;
      link.receive({ onMessage: () => undefined, onClose: () => undefined });
      for (let count = 1 + entropy.below(3); count > 0; count -= 1) {
        link.send(entropy.pick(said).bytes);
      }
      await world.pass(PATIENCE_MS);
      link.close('that was all');
    }
  }
}
