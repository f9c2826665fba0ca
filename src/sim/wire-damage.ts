/**
 * Bits that flip on the way between two nodes, undetected by the transport: in the bytes of a log or of a snapshot,
 * which have checksums of their own.
 */
import { FRAME_TYPE, PIECE_TYPE } from '../protocol/codec.ts';
import { FRAME_HEADER_BYTES } from '../protocol/frame.ts';
import { PIECE_HEADER_BYTES } from '../protocol/snapshot-piece.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import type { SimNetwork } from './sim-network.ts';
import type { SimWorld } from './sim-world.ts';

export interface WireDamageOptions {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  readonly note: (text: string) => void;
}

export class WireDamage {
  readonly #options: WireDamageOptions;
  readonly #entropy: SeededEntropy;
  #running = true;
  #isDue = false;

  constructor(options: WireDamageOptions) {
    this.#options = options;
    this.#entropy = options.world.entropy.fork('wire');
  }

  stop(): void {
    this.#running = false;
  }

  async run(): Promise<void> {
    const { world, network } = this.#options;
    network.damage = (message) => this.#damage(message);
    while (this.#running) {
      await world.pass(this.#entropy.between(100, 2_500));
      this.#isDue = true;
    }
  }

  #damage(message: Buffer): void {
    const from = bytesFrom(message);
    if (!this.#running || !this.#isDue || from >= message.length) return;
    this.#isDue = false;
    const offset = from + this.#entropy.below(message.length - from);
    const mask = 1 << this.#entropy.below(8);
    message[offset] = (message[offset] ?? 0) ^ mask;
    this.#options.note(`a bit flips on the wire, in byte ${offset} of ${message.length}`);
  }
}

/** Returns the offset of the first byte of a log or of a snapshot in a message. */
function bytesFrom(message: Buffer): number {
  if (message[0] === FRAME_TYPE) return FRAME_HEADER_BYTES;
  return message[0] === PIECE_TYPE ? PIECE_HEADER_BYTES : Number.POSITIVE_INFINITY;
}
