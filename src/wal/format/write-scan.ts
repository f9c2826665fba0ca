/**
 * Scanner of the writes of a segment, a layer around the rules of records: finds each header, passes the bytes after it to the scanner
 * of batches, and reports where each batch ends in the file. Pure: the caller passes the bytes of the file.
 */
import { isFill } from './fill-byte.ts';
import { WRITE_HEADER_BYTES } from './limits.ts';
import type { Position } from './position.ts';
import type { Salt } from './salt.ts';
import { type BatchInfo, BatchScanner, type ScanEnd } from './scan.ts';
import { borderAfter, decodeWriteHeader } from './write-header.ts';

/** End of a batch in its segment. */
export interface BatchPlace {
  /** Offset just past its seal, in the file. */
  readonly offset: number;
  /** Bytes of its write that follow; 0 if the batch ends its write. */
  readonly left: number;
}

/** A write with a good header; offsets are in the file. */
export interface Extent {
  /** Offset of the header. */
  readonly start: number;
  /** Offset just past the last batch. */
  readonly end: number;
  readonly number: number;
  readonly fillBlocks: number;
}

/** Receives a batch and the bytes that hold it; the bytes are reused after the call. */
export type BatchVisitor = (batch: BatchInfo, bytes: Buffer, place: BatchPlace) => void;

/** Start of a scan. */
export interface ScanStart extends BatchPlace {
  readonly state: Position;
  /** Salt of the segment. */
  readonly salt: Salt;
}

/** Reads batches, write by write, up to the end or a fault. Can continue with more bytes, like a BatchScanner. */
export class WriteScanner {
  readonly #salt: Salt;
  readonly #scanner: BatchScanner;
  /** File offset of the first given byte. */
  #base: number;
  /** File offset just past the current write, or past the last one. */
  #end: number;
  #isInside: boolean;
  #write: Extent | undefined;
  /** Number of the last write whose header was read. */
  #number = 0;
  #lastEnd: number;
  #bytes: Buffer = Buffer.alloc(0);
  #visitor: BatchVisitor = () => undefined;

  /** `base` is the file offset of the first byte that `run` gets. */
  constructor({ state, salt, offset, left }: ScanStart, base: number) {
    this.#salt = salt;
    this.#base = base;
    this.#end = offset + left;
    this.#isInside = left > 0;
    this.#lastEnd = offset;
    this.#scanner = new BatchScanner(state, offset - base);
  }

  /** State at the last good seal. */
  get before(): Position {
    return this.#scanner.before;
  }

  /** File offset just past the last good seal; the start of the scan if there is none. */
  get lastEnd(): number {
    return this.#lastEnd;
  }

  /** Current write; undefined between two writes. */
  get write(): Extent | undefined {
    return this.#isInside ? this.#write : undefined;
  }

  /** Number of the last write; the next one must have a higher number. */
  get number(): number {
    return this.#number;
  }

  /** Offset of the first byte that is still needed: the start of the unfinished batch, or of the next header. */
  get neededFrom(): number {
    return this.#isInside ? this.#scanner.batchOffset : borderAfter(this.#end) - this.#base;
  }

  /** Adjusts the offsets after the caller moved the bytes by `bytes` towards the beginning. */
  shift(bytes: number): void {
    this.#base += bytes;
    this.#scanner.shift(bytes);
  }

  run(bytes: Buffer, visitor: BatchVisitor): ScanEnd {
    this.#bytes = bytes;
    this.#visitor = visitor;
    for (;;) {
      if (this.#isInside) {
        const end = this.#readBatches(bytes);
        if (end !== undefined) return end;
      }
      const offset = borderAfter(this.#end) - this.#base;
      if (offset + WRITE_HEADER_BYTES > bytes.length) return { kind: 'end', offset };
      const reason = this.#enter(bytes, offset);
      if (reason === undefined) continue;
      const isEmpty = isFill(bytes.subarray(offset, offset + WRITE_HEADER_BYTES));
      return isEmpty ? { kind: 'fill', offset } : { kind: 'invalid', offset, reason };
    }
  }

  /** Reads the batches of the current write; undefined if the whole write was read. */
  #readBatches(bytes: Buffer): ScanEnd | undefined {
    const end = this.#end - this.#base;
    const stop = this.#scanner.run(bytes, this.#onBatch, Math.min(end, bytes.length));
    const { offset } = stop;
    if (stop.kind === 'invalid') return stop;
    if (stop.kind === 'fill') {
      return { kind: 'invalid', offset, reason: 'the fill byte inside a write' };
    }
    if (end > bytes.length) return stop;
    if (this.#scanner.batchOffset !== end) {
      return { kind: 'invalid', offset, reason: 'a write that ends inside a batch' };
    }
    this.#isInside = false;
    return undefined;
  }

  /** Begins the write whose header is at `offset`; returns the fault if there is none. */
  #enter(bytes: Buffer, offset: number): string | undefined {
    const header = decodeWriteHeader(bytes, offset, this.#salt);
    if (typeof header === 'string') return header;
    const { number, firstLsn, fillBlocks } = header;
    const { lsn } = this.before;
    if (firstLsn !== lsn + 1) return `a write of LSN ${firstLsn}, expected ${lsn + 1}`;
    if (number <= this.#number) return `write ${number} behind write ${this.#number}`;
    const start = this.#base + offset;
    this.#end = start + WRITE_HEADER_BYTES + header.bytes;
    this.#write = { start, end: this.#end, number, fillBlocks };
    this.#number = number;
    this.#isInside = true;
    this.#scanner.moveTo(offset + WRITE_HEADER_BYTES);
    return undefined;
  }

  readonly #onBatch = (batch: BatchInfo): void => {
    const offset = this.#base + batch.end;
    this.#lastEnd = offset;
    this.#visitor(batch, this.#bytes, { offset, left: this.#end - offset });
  };
}
