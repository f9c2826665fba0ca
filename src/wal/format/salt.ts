import type { Entropy } from '../../ports/entropy.ts';
import { readU32, writeU32 } from './record.ts';

/** Bytes of a salt. */
export const SALT_BYTES = 8;

/**
 * Random bytes in the header of a segment and of each write in it. Clients cannot know them, so no value of a client can be
 * mistaken for a write. The salt is local to this node's disk: it is not shown when a header is printed or put into JSON.
 */
export class Salt {
  readonly #high: number;
  readonly #low: number;

  private constructor(high: number, low: number) {
    this.#high = high;
    this.#low = low;
  }

  static random(entropy: Entropy): Salt {
    return Salt.at(entropy.bytes(SALT_BYTES), 0);
  }

  /** Reads the salt at `offset`. */
  static at(bytes: Uint8Array, offset: number): Salt {
    return new Salt(readU32(bytes, offset), readU32(bytes, offset + 4));
  }

  writeTo(target: Uint8Array, offset: number): void {
    writeU32(target, offset, this.#high);
    writeU32(target, offset + 4, this.#low);
  }

  /** True if this salt is at `offset`. */
  isAt(bytes: Uint8Array, offset: number): boolean {
    return readU32(bytes, offset) === this.#high && readU32(bytes, offset + 4) === this.#low;
  }
}
