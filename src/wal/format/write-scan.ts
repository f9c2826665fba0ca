/**
 * The writes of a segment, a layer around the rules of records: finds each header, hands what follows it to the scanner of batches, and
 * says where in the file each batch ends. Pure: it is fed with bytes of the file.
 */
import { isFill } from './fill-byte.ts';
import { WRITE_HEADER_BYTES } from './limits.ts';
import type { Position } from './position.ts';
import type { Salt } from './salt.ts';
import { type BatchInfo, BatchScanner, type ScanEnd } from './scan.ts';
import { borderAfter, decodeWriteHeader } from './write-header.ts';

/** Where a batch ends in its segment. */
export interface BatchPlace {
  /** Just past its seal, in the file. */
  readonly offset: number;
  /** Bytes of its write that follow; 0 where another write comes next. */
  readonly left: number;
}

/** A write whose header is whole; offsets are in the file. */
export interface Extent {
  /** Of the header. */
  readonly start: number;
  /** Just past the last batch. */
  readonly end: number;
  readonly number: number;
  readonly fillBlocks: number;
}

/** A batch and the bytes it lies in, which are reused after the call. */
export type BatchVisitor = (batch: BatchInfo, bytes: Buffer, place: BatchPlace) => void;

/** Where reading begins. */
export interface ScanStart extends BatchPlace {
  readonly state: Position;
  /** Of the segment. */
  readonly salt: Salt;
}

/** Reads batches, write by write, until something ends it. It can go on with more bytes, as a BatchScanner can. */
export class WriteScanner {
  readonly #salt: Salt;
  readonly #scanner: BatchScanner;
  /** Where the first of the given bytes lies in the file. */
  #base: number;
  /** Just past the write that is being read, or that was read last, in the file. */
  #end: number;
  #isInside: boolean;
  #write: Extent | undefined;
  /** Of the write whose header was read last. */
  #number = 0;
  #lastEnd: number;
  #bytes: Buffer = Buffer.alloc(0);
  #visitor: BatchVisitor = () => undefined;

  /** `base` is where the first byte that `run` gets lies in the file. */
  constructor({ state, salt, offset, left }: ScanStart, base: number) {
    this.#salt = salt;
    this.#base = base;
    this.#end = offset + left;
    this.#isInside = left > 0;
    this.#lastEnd = offset;
    this.#scanner = new BatchScanner(state, offset - base);
  }

  /** The state at the last good seal. */
  get before(): Position {
    return this.#scanner.before;
  }

  /** Just past the last good seal, in the file; where reading began, if there is none. */
  get lastEnd(): number {
    return this.#lastEnd;
  }

  /** The write that is being read; undefined between two of them. */
  get write(): Extent | undefined {
    return this.#isInside ? this.#write : undefined;
  }

  /** The next write has a higher number. */
  get number(): number {
    return this.#number;
  }

  /** Where the first byte that is still needed lies: of the unfinished batch, or of the next header. */
  get neededFrom(): number {
    return this.#isInside ? this.#scanner.batchOffset : borderAfter(this.#end) - this.#base;
  }

  /** The caller moved the bytes this far towards the beginning. */
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

  /** Undefined where the whole write was read. */
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

  /** Begins the write whose header stands at `offset`, or says why there is none. */
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
