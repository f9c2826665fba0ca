/**
 * What stands behind the last good write of a segment: which blocks were never written, and which writes began there. Pure: it is fed with
 * the segment's bytes, window by window.
 */
import { isFill, writtenBytes } from './fill-byte.ts';
import { BLOCK_BYTES, WRITE_HEADER_BYTES } from './limits.ts';
import type { Version } from './position.ts';
import type { Salt } from './salt.ts';
import type { Seal } from './seal.ts';
import { decodeWriteHeader } from './write-header.ts';
import type { Extent } from './write-scan.ts';

/** A write that began behind the last good one, known by its header. */
export interface FoundWrite {
  readonly number: number;
  readonly firstLsn: number;
  /** Just past it, in the file. */
  readonly end: number;
}

/** What stands behind the last good write of one segment. Offsets are in the file. */
export interface TailEvidence {
  /** Just past the last byte that is not fill; the last good seal's end where there is none behind it. */
  readonly writtenEnd: number;
  /** Bytes of the write that does not continue behind its last good seal; 0 where none of its batches is good. */
  readonly left: number;
  /** The first block of the first write that still is fill although it was to be written: the write was torn. */
  readonly hole: number | undefined;
  /** The first write behind the one that does not continue: proof that all before it were durable. */
  readonly laterWrite: FoundWrite | undefined;
  /** The last write whose header can be read. */
  readonly lastWrite: FoundWrite | undefined;
  /** Its end, as its seal says; undefined where that cannot be read. */
  readonly highest: Version | undefined;
  /** Nothing but fill follows it. */
  readonly clean: boolean;
}

export interface TailStart {
  /** A border of blocks: where the write begins that does not continue, or where the next one would. */
  readonly start: number;
  /** Undefined where the header of the segment is damaged: then nothing tells where its writes began. */
  readonly salt: Salt | undefined;
  /** The write that does not continue; undefined where its header is not whole. */
  readonly write: Extent | undefined;
  /** Of the last write that is good: those behind it have higher ones. */
  readonly number: number;
  /** Of the first record behind the last good one. */
  readonly firstLsn: number;
  /** Just past the last good seal. */
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

  /** The last write found so far. */
  get lastWrite(): FoundWrite | undefined {
    return this.#lastWrite;
  }

  /** The bytes from `offset` of the file on. */
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

  /** `seal` is the one with which the last write ends. */
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
