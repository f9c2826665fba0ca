import { KiB, MiB } from '../ports/units.ts';

/** Sizes that the memory of a message grows through before it gets its full size. */
const STEPS_BYTES = [4 * KiB, 64 * KiB, MiB];

/**
 * Gathers the bytes of one message as they come. Its full size is allocated only once a good part of it is there: a length that is announced costs
 * nothing, and memory that was never written to is not held. So what is copied in one turn is small too, however large the message.
 */
export class GrowingBuffer {
  readonly #bytesMax: number;
  #target: Buffer = Buffer.alloc(0);
  #end = 0;

  /** `bytesMax`: what is announced, or allowed. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#end;
  }

  /** Adds a copy of `source`, which fits. */
  add(source: Uint8Array): void {
    const end = this.#end + source.length;
    if (end > this.#target.length) this.#grow(end);
    this.#target.set(source, this.#end);
    this.#end = end;
  }

  /** What was added, in a buffer that nobody else has. */
  finish(): Buffer {
    return this.#target.subarray(0, this.#end);
  }

  #grow(needed: number): void {
    const step = STEPS_BYTES.find((bytes) => bytes >= needed) ?? this.#bytesMax;
    const larger = Buffer.allocUnsafeSlow(Math.min(step, this.#bytesMax));
    larger.set(this.finish());
    this.#target = larger;
  }
}
