import { BLOCK_BYTES } from '../../../wal/format/limits.ts';
import type { SeededEntropy } from '../../../ports/seeded-entropy.ts';

/** Contents of the platter for a block that has changed since. */
interface Block {
  /** Bytes when it was last durable, padded with zeros; undefined: all zeros, or beyond the end. */
  readonly old: Buffer | undefined;
  /** True if a sync of it failed: no later sync makes it durable, unless it is written again. */
  ghost: boolean;
}

/** Bytes at a place in a file. */
export interface Patch {
  readonly position: number;
  readonly bytes: Buffer;
}

/**
 * Parts of one file that are not durable, by blocks of 512 bytes, and the possible results of a power cut. The file itself has the newest bytes; this class has
 * the bytes of the platter. A caller that changes the file calls this first, and one change or sync is under way at a time.
 *
 * Invariant: a block that is not noted here is, up to the durable size, on the platter as it is in the file.
 */
export class UnsyncedFile {
  #blocks = new Map<number, Block>();
  #durableBytes: number;
  #bytes: number;
  #size: 'clean' | 'dirty' | 'ghost' = 'clean';

  /** Creates it for a file of this size, whose present bytes count as durable. */
  constructor(bytes: number) {
    this.#durableBytes = bytes;
    this.#bytes = bytes;
  }

  /** Size as the process sees it. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Returns the smallest range with all bytes of [from, to) that have to be read before they are overwritten;
   * undefined: none.
   */
  unknown(from: number, to: number): { readonly from: number; readonly to: number } | undefined {
    let [first, last] = [-1, -1];
    for (const block of blocksOf(from, to)) {
      // A block that only begins before the durable end has to be read too, although `from` is past that end.
      if (block * BLOCK_BYTES >= this.#durableBytes) break;
      if (this.#blocks.has(block)) continue;
      if (first < 0) first = block;
      last = block;
    }
    if (first < 0) return undefined;
    return {
      from: first * BLOCK_BYTES,
      to: Math.min((last + 1) * BLOCK_BYTES, this.#durableBytes),
    };
  }

  /** Notes a write of [from, to) before it happens; `before` holds the bytes that `unknown` asked for. */
  note(from: number, to: number, before: Patch | undefined): void {
    for (const block of blocksOf(from, to)) {
      const known = this.#blocks.get(block);
      if (known === undefined) {
        this.#blocks.set(block, { old: this.#oldOf(block, before), ghost: false });
      } else {
        known.ghost = false;
      }
    }
    if (to > this.#bytes) this.#size = 'dirty';
  }

  /** Notes that bytes up to `to` were written. */
  wrote(to: number): void {
    this.#bytes = Math.max(this.#bytes, to);
  }

  /** Notes a new size. The cut part has been noted before. */
  resized(bytes: number): void {
    if (bytes !== this.#bytes) this.#size = 'dirty';
    this.#bytes = bytes;
  }

  /** Notes that [from, to), and the size, are durable. */
  synced(from = 0, to = Number.POSITIVE_INFINITY): void {
    for (const [block, { ghost }] of this.#within(from, to)) {
      if (!ghost) this.#blocks.delete(block);
    }
    if (this.#size !== 'dirty') return;
    this.#size = 'clean';
    const shrunk = this.#bytes < this.#durableBytes;
    this.#durableBytes = this.#bytes;
    if (shrunk) this.#forgetBeyond(this.#bytes);
  }

  /** Notes that a sync of [from, to) failed: the kernel takes it for clean from now on. */
  failed(from = 0, to = Number.POSITIVE_INFINITY): void {
    for (const [, block] of this.#within(from, to)) block.ghost = true;
    if (this.#size === 'dirty') this.#size = 'ghost';
  }

  /**
   * Returns a state of the platter after a power cut: a size, and the bytes in place of the newest ones. Each block
   * and the size are kept or lost independently.
   */
  afterPowerCut(entropy: SeededEntropy): { readonly bytes: number; readonly lost: Patch[] } {
    const bytes = this.#sizeAfterPowerCut(entropy);
    const keep = entropy.pick([0, 1, 0.5, entropy.fraction()]);
    const lost: Patch[] = [];
    for (const [block, { old }] of this.#blocks) {
      const isKept = entropy.chance(keep);
      const position = block * BLOCK_BYTES;
      // If a truncation is lost, the bytes that it removed are back.
      const isCutOff = bytes > this.#bytes && position + BLOCK_BYTES > this.#bytes;
      if (position >= bytes || (isKept && !isCutOff)) continue;
      const whole = old ?? ZEROS;
      lost.push({ position, bytes: whole.subarray(0, Math.min(BLOCK_BYTES, bytes - position)) });
    }
    return { bytes, lost };
  }

  #sizeAfterPowerCut(entropy: SeededEntropy): number {
    if (this.#size === 'clean') return this.#durableBytes;
    const low = Math.min(this.#durableBytes, this.#bytes);
    const high = Math.max(this.#durableBytes, this.#bytes);
    // A file that grew may stop anywhere on its way; one that was cut is long or short.
    if (this.#bytes > this.#durableBytes && entropy.chance(0.3)) {
      return low + entropy.below(high - low);
    }
    return entropy.chance(0.5) ? low : high;
  }

  #oldOf(block: number, before: Patch | undefined): Buffer | undefined {
    const start = block * BLOCK_BYTES;
    if (start >= this.#durableBytes || before === undefined) return undefined;
    const end = Math.min(start + BLOCK_BYTES, this.#durableBytes);
    const found = before.bytes.subarray(start - before.position, end - before.position);
    if (found.length === BLOCK_BYTES) return found;
    return Buffer.concat([found], BLOCK_BYTES);
  }

  /** Forgets blocks beyond a smaller durable size: those bytes are zeros if the file grows again. */
  #forgetBeyond(bytes: number): void {
    for (const [block, { old, ghost }] of this.#blocks) {
      const left = bytes - block * BLOCK_BYTES;
      if (left >= BLOCK_BYTES || old === undefined) continue;
      const rest = left <= 0 ? undefined : Buffer.concat([old.subarray(0, left)], BLOCK_BYTES);
      this.#blocks.set(block, { old: rest, ghost });
    }
  }

  *#within(from: number, to: number): Generator<[number, Block]> {
    const [first, end] = [Math.floor(from / BLOCK_BYTES), Math.ceil(to / BLOCK_BYTES)];
    for (const [block, known] of this.#blocks) {
      if (block >= first && block < end) yield [block, known];
    }
  }
}

const ZEROS = Buffer.alloc(BLOCK_BYTES);

function* blocksOf(from: number, to: number): Generator<number> {
  if (to <= from) return;
  const end = Math.ceil(to / BLOCK_BYTES);
  for (let block = Math.floor(from / BLOCK_BYTES); block < end; block += 1) yield block;
}
