/**
 * Evidence about the bytes after the last good write of a segment: blocks that were never written, and writes that began there.
 * Pure: the caller passes the segment's bytes, window by window.
 */
import { isFill, writtenBytes } from './fill-byte.ts';
import { BLOCK_BYTES, WRITE_HEADER_BYTES } from './limits.ts';
import type { Version } from './position.ts';
import type { Salt } from './salt.ts';
import type { Seal } from './seal.ts';
import { decodeWriteHeader } from './write-header.ts';
import type { Extent } from './write-scan.ts';

/** A write that began after the last good one, known by its header. */
export interface FoundWrite {
  readonly number: number;
  readonly firstLsn: number;
  /** Offset just past the write, in the file. */
  readonly end: number;
}

/** Evidence about the bytes after the last good write of one segment. Offsets are in the file. */
export interface TailEvidence {
  /** Offset just past the last byte that is not fill; the end of the last good seal if only fill follows it. */
  readonly writtenEnd: number;
  /** Bytes of the bad write after its last good seal; 0 if none of its batches is good. */
  readonly left: number;
  /** First block of the bad write that is still fill although the write should have covered it: the write was torn. */
  readonly hole: number | undefined;
  /** First write after the bad one: proof that all writes before it were durable. */
  readonly laterWrite: FoundWrite | undefined;
  /** Last write whose header can be read. */
  readonly lastWrite: FoundWrite | undefined;
  /** Version at the end of the last write, by its seal; undefined if the seal cannot be read. */
  readonly highest: Version | undefined;
  /** True if only fill follows the last write. */
  readonly clean: boolean;
}

export interface TailStart {
  /** Start of the bad write, or of the next one if there is none; always on a block boundary. */
  readonly start: number;
  /** Salt of the segment; undefined if its header is damaged: then the starts of its writes cannot be recognised. */
  readonly salt: Salt | undefined;
  /** The bad write; undefined if its header is damaged. */
  readonly write: Extent | undefined;
  /** Number of the last good write; later writes have higher numbers. */
  readonly number: number;
  /** LSN of the first record after the last good one. */
  readonly firstLsn: number;
  /** Offset just past the last good seal. */
  readonly lastEnd: number;
}

/** Gathers a tail's evidence. Windows are given in order, without gaps, and hold whole blocks except at the end of the file. */
export class TailScan {
  readonly #start: TailStart;
  #writtenEnd: number;
  #firstFill: number | undefined;
  #fillBlocks = 0;
  #laterWrite: FoundWrite | undefined;
  #lastWrite: FoundWrite | undefined;

  constructor(start: TailStart) {
    this.#start = start;
    this.#writtenEnd = start.lastEnd;
    const { write, firstLsn } = start;
    if (write !== undefined) this.#lastWrite = { number: write.number, firstLsn, end: write.end };
  }

  /** Last write found so far. */
  get lastWrite(): FoundWrite | undefined {
    return this.#lastWrite;
  }

  /** Adds the bytes of the file that begin at `offset`. */
  add(bytes: Buffer, offset: number): void {
    const { start, write } = this.#start;
    const blocksEnd = write === undefined ? start + BLOCK_BYTES : write.end;
    if (offset >= blocksEnd && isFill(bytes)) return;
    for (let from = 0; from < bytes.length; from += BLOCK_BYTES) {
      const at = offset + from;
      const block = bytes.subarray(from, from + BLOCK_BYTES);
      if (at < blocksEnd && isFill(block.subarray(0, blocksEnd - at))) {
        this.#firstFill ??= at;
        this.#fillBlocks += 1;
      }
      if (isFill(block)) continue;
      this.#writtenEnd = Math.max(this.#writtenEnd, at + writtenBytes(block));
      if (block.length >= WRITE_HEADER_BYTES) this.#noteWrite(block, at);
    }
  }

  /** Returns the evidence. `seal` is the seal at the end of the last write. */
  finish(seal: Seal | undefined): TailEvidence {
    const { start, write } = this.#start;
    const lastWrite = this.#lastWrite;
    const isTorn =
      write === undefined
        ? this.#fillBlocks > 0 && this.#writtenEnd > start
        : this.#fillBlocks > write.fillBlocks;
    const isLast = seal !== undefined && lastWrite !== undefined && seal.lsn >= lastWrite.firstLsn;
    // The last byte of a seal may look like fill.
    const writtenEnd = Math.max(this.#writtenEnd, isLast ? lastWrite.end : 0);
    const { lastEnd } = this.#start;
    return {
      writtenEnd,
      left: write !== undefined && lastEnd > start ? write.end - lastEnd : 0,
      hole: isTorn ? this.#firstFill : undefined,
      laterWrite: this.#laterWrite,
      lastWrite,
      highest: isLast ? { epoch: seal.epoch, lsn: seal.lsn } : undefined,
      clean: lastWrite !== undefined && writtenEnd <= lastWrite.end,
    };
  }

  #noteWrite(block: Buffer, at: number): void {
    const { salt, start, write, number: last } = this.#start;
    const header = salt === undefined ? 'no salt' : decodeWriteHeader(block, 0, salt);
    if (typeof header === 'string') return;
    const { number, firstLsn, bytes } = header;
    if (at === start && write !== undefined) return;
    if (number <= (this.#lastWrite?.number ?? last)) return;
    const found = { number, firstLsn, end: at + WRITE_HEADER_BYTES + bytes };
    this.#laterWrite ??= found;
    this.#lastWrite = found;
  }
}
