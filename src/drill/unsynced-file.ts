/** What a power cut would take from one file: the content of every block before it was written and not synced, and the size that is durable. */
import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import type { DiskFile } from '../ports/disk.ts';

/** The unit that disks write whole. */
export const BLOCK_BYTES = 512;

/** Decides what a power cut keeps. */
export interface Chance {
  /** True with the given probability. */
  chance(probability: number): boolean;
}

const KEPT_SHARE = 0.5;

export class UnsyncedFile {
  /** Where it is now. */
  path: string;
  #durableBytes: number;
  #bytes: number;
  /** Block number to what it held before; shorter where the file ended in it. */
  #before = new Map<number, Buffer>();
  /** The same of blocks that a failed sync has covered: they count as clean and are not, until they are written again. */
  readonly #lost = new Map<number, Buffer>();

  /** A file as it is found, all of it durable. */
  constructor(path: string, bytes: number) {
    this.path = path;
    this.#bytes = bytes;
    this.#durableBytes = bytes;
  }

  /** To be called before bytes are written: remembers what is there. */
  async willWrite(file: DiskFile, position: number, bytes: number): Promise<void> {
    await this.#remember(file, position, position + bytes);
    this.#bytes = Math.max(this.#bytes, position + bytes);
  }

  async willTruncate(file: DiskFile, bytes: number): Promise<void> {
    if (bytes < this.#bytes) await this.#remember(file, bytes, this.#bytes);
    this.#bytes = bytes;
  }

  /** These bytes are on the disk, and the file's size with them. */
  wroteDurably(position: number, bytes: number): void {
    this.#durableBytes = Math.max(this.#durableBytes, position + bytes);
    for (const block of blocksOf(position, position + bytes)) {
      this.#before.delete(block);
      this.#lost.delete(block);
    }
  }

  /** A sync begins: what it covers is durable once the result was called, with what came of it. */
  beginSync(): (worked: boolean) => void {
    const covered = this.#before;
    const bytes = this.#bytes;
    this.#before = new Map();
    return (worked) => {
      if (worked) {
        this.#durableBytes = bytes;
        return;
      }
      for (const [block, before] of covered) {
        if (!this.#lost.has(block)) this.#lost.set(block, before);
      }
    };
  }

  /** Puts the file to what a disk may hold after a power cut. To be called when nothing else uses it. */
  cut(chance: Chance): void {
    const before = new Map([...this.#before, ...this.#lost]);
    if (before.size === 0 && this.#bytes === this.#durableBytes) return;
    const fd = openSync(this.path, 'r+');
    try {
      const keepsSize = chance.chance(KEPT_SHARE);
      const bytes = keepsSize ? this.#bytes : this.#durableBytes;
      ftruncateSync(fd, bytes);
      for (const [block, content] of before) {
        const start = block * BLOCK_BYTES;
        // What stood behind a new end is back with the old size, all of it.
        const returns = !keepsSize && start + BLOCK_BYTES > this.#bytes;
        if (!returns && chance.chance(KEPT_SHARE)) continue;
        // Beyond its old end a block that was lost holds zeros.
        const old = Buffer.alloc(BLOCK_BYTES);
        content.copy(old);
        const length = Math.min(BLOCK_BYTES, bytes - start);
        if (length > 0) writeSync(fd, old, 0, length, start);
      }
    } finally {
      closeSync(fd);
    }
  }

  async #remember(file: DiskFile, from: number, end: number): Promise<void> {
    const wanted = [...blocksOf(from, end)].filter((block) => !this.#before.has(block));
    for (const block of wanted) {
      const content = Buffer.alloc(BLOCK_BYTES);
      const start = block * BLOCK_BYTES;
      const found = start < this.#bytes ? await file.read(content, start) : 0;
      // Of a block that a failed sync covered, the disk still has what was there before that.
      this.#before.set(block, this.#lost.get(block) ?? content.subarray(0, found));
      this.#lost.delete(block);
    }
  }
}

function* blocksOf(from: number, end: number): Generator<number> {
  for (let block = Math.floor(from / BLOCK_BYTES); block * BLOCK_BYTES < end; block += 1) {
    yield block;
  }
}
