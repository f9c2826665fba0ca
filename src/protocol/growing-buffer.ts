import { KiB, MiB } from '../ports/units.ts';

/** Buffer sizes before the full size. */
const STEPS_BYTES = [4 * KiB, 64 * KiB, MiB];

/**
 * Gathers the bytes of one message as they arrive. The full size is allocated only when a good part has arrived: an announced
 * length costs nothing, and memory that was never written to is not held. Each growth copies little, however large the message.
 */
export class GrowingBuffer {
  readonly #bytesMax: number;
  #target: Buffer = Buffer.alloc(0);
  #end = 0;

  /** `bytesMax` is the announced or the allowed size. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#end;
  }

  /** Appends a copy of `source`; the total must not exceed `bytesMax`. */
  add(source: Uint8Array): void {
    const end = this.#end + source.length;
    if (end > this.#target.length) this.#grow(end);
    this.#target.set(source, this.#end);
    this.#end = end;
  }

  /** Returns the bytes added; the buffer belongs to the caller. */
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
