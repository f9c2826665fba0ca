/**
 * What the bytes behind the last good seal give away: where written bytes end, whether a block of them never reached the disk,
 * and which seals stand further on. Pure: it is fed with a segment's bytes, window by window.
 */
import { BLOCK_BYTES, FILL_BYTE, MiB } from './limits.ts';
import type { Position, Version } from './position.ts';
import { decodeRecord, OP, RecordView, recordBytes } from './record.ts';
import { decodeSeal, SEAL_BYTES, SEAL_VALUE_BYTES } from './seal.ts';

/** A seal of exact shape and CRC, behind the last good one. */
export interface FoundSeal extends Version {
  readonly count: number;
  /** Just past it, in the segment. */
  readonly end: number;
}

/** What stands behind the last good seal of one segment. Offsets are in the file. */
export interface TailEvidence {
  /** Just past the last byte that is not fill; the beginning of the tail where there is none. */
  readonly writtenEnd: number;
  /**
   * Where a block that still holds the fill begins although bytes further on were written, or where written bytes end on a
   * block border: the place of a write that did not reach the disk.
   */
  readonly hole: number | undefined;
  /** The first seal behind the last good one: often the one that closes the batch which does not continue. */
  readonly nextSeal: FoundSeal | undefined;
  /** The first seal of a batch that begins behind the one which does not continue. */
  readonly laterSeal: FoundSeal | undefined;
  /** The one that reaches furthest into the file. */
  readonly lastSeal: FoundSeal | undefined;
  /** The highest of them. */
  readonly highest: Version | undefined;
  /** Epochs of all of them, ascending. */
  readonly epochs: readonly number[];
}

const FILL = Buffer.alloc(MiB, FILL_BYTE);
/** From the op of a seal to the length of its value. */
const SEAL_PATTERN = Buffer.from([OP.SEAL, 0, 0, 0, 0, 0, 0, 0, SEAL_VALUE_BYTES]);
const PATTERN_OFFSET = 8;
const RECORD_BYTES_MIN = recordBytes(1, 0);
/** More distinct epochs than this in one tail are noise. */
const EPOCHS_MAX = 64;

/** True where every byte of `bytes` is fill. */
export function isFill(bytes: Buffer): boolean {
  for (let offset = 0; offset < bytes.length; offset += FILL.length) {
    const end = Math.min(bytes.length, offset + FILL.length);
    if (bytes.compare(FILL, 0, end - offset, offset, end) !== 0) return false;
  }
  return true;
}

/** Gathers a tail's evidence. Windows are given in order, without gaps. */
export class TailScan {
  readonly #start: number;
  readonly #last: Position;
  readonly #view = new RecordView();
  #writtenEnd: number;
  /** The first stretch of fill that reaches to a block border; a hole once something written follows. */
  #hole: number | undefined;
  #carry: Buffer = Buffer.alloc(0);
  #nextSeal: FoundSeal | undefined;
  #laterSeal: FoundSeal | undefined;
  #lastSeal: FoundSeal | undefined;
  #highest: Version | undefined;
  readonly #epochs = new Set<number>();

  /** `start` is where the tail begins, just past the last good seal, and `last` the position there. */
  constructor(start: number, last: Position) {
    this.#start = start;
    this.#writtenEnd = start;
    this.#last = last;
  }

  /** The bytes from `offset` of the file on. */
  add(bytes: Buffer, offset: number): void {
    if (isFill(bytes)) {
      if (bytes.length > 0) this.#noteFill(offset, offset + bytes.length);
      // A seal may end in fill, but none lies in it: what is behind its first bytes need not be searched.
      this.#findSeals(bytes.subarray(0, SEAL_BYTES), offset);
    } else {
      this.#addBlocks(bytes, offset);
      this.#findSeals(bytes, offset);
    }
  }

  finish(): TailEvidence {
    // A seal may end in a byte that looks like fill.
    const end = Math.max(this.#writtenEnd, this.#lastSeal?.end ?? 0);
    let hole = this.#hole !== undefined && this.#hole < end ? this.#hole : undefined;
    if (hole === undefined && end > this.#start && end % BLOCK_BYTES === 0) hole = end;
    return {
      writtenEnd: end,
      hole,
      nextSeal: this.#nextSeal,
      laterSeal: this.#laterSeal,
      lastSeal: this.#lastSeal,
      highest: this.#highest,
      epochs: [...this.#epochs].toSorted((a, b) => a - b),
    };
  }

  #addBlocks(bytes: Buffer, offset: number): void {
    let from = 0;
    while (from < bytes.length) {
      const border = BLOCK_BYTES - ((offset + from) % BLOCK_BYTES);
      const to = Math.min(bytes.length, from + border);
      const block = bytes.subarray(from, to);
      if (isFill(block)) this.#noteFill(offset + from, offset + to);
      else this.#writtenEnd = offset + from + writtenBytes(block);
      from = to;
    }
  }

  /** A stretch that ends at a border of blocks; what comes before it in its block is older, and was durable. */
  #noteFill(from: number, to: number): void {
    const wholeBlock = from % BLOCK_BYTES === 0 || from === this.#start;
    if (this.#hole === undefined && wholeBlock && to > from) this.#hole = from;
  }

  #findSeals(bytes: Buffer, offset: number): void {
    const joined = this.#carry.length === 0 ? bytes : Buffer.concat([this.#carry, bytes]);
    const base = offset - this.#carry.length;
    let from = 0;
    for (;;) {
      const found = joined.indexOf(SEAL_PATTERN, from);
      if (found < 0) break;
      const start = found - PATTERN_OFFSET;
      if (start + SEAL_BYTES > joined.length) break;
      if (start >= 0) this.#noteSeal(joined, start, base);
      from = found + 1;
    }
    const keep = Math.min(joined.length, SEAL_BYTES - 1);
    this.#carry = Buffer.from(joined.subarray(joined.length - keep));
  }

  #noteSeal(bytes: Buffer, start: number, base: number): void {
    if (decodeRecord(bytes, start, this.#view) !== undefined) return;
    const seal = decodeSeal(this.#view);
    if (typeof seal === 'string') return;
    const { epoch, lsn, count } = seal;
    const fileOffset = base + start;
    // As many records as fit in between, at most: a value may hold a seal of some other log.
    const reach = Math.ceil((fileOffset - this.#start) / RECORD_BYTES_MIN);
    if (lsn <= this.#last.lsn || lsn > this.#last.lsn + reach || count > lsn) return;
    const found: FoundSeal = { epoch, lsn, count, end: fileOffset + SEAL_BYTES };
    // A window's end may show the same seal twice.
    if (this.#lastSeal !== undefined && this.#lastSeal.end >= found.end) return;
    this.#nextSeal ??= found;
    if (lsn - count > this.#last.lsn) this.#laterSeal ??= found;
    this.#lastSeal = found;
    if (this.#highest === undefined || epoch > this.#highest.epoch || lsn > this.#highest.lsn) {
      this.#highest = {
        epoch: Math.max(epoch, this.#highest?.epoch ?? 0),
        lsn: Math.max(lsn, this.#highest?.lsn ?? 0),
      };
    }
    if (this.#epochs.size < EPOCHS_MAX) this.#epochs.add(epoch);
  }
}

/** Bytes of `block` up to the last one that is not fill. */
function writtenBytes(block: Buffer): number {
  let end = block.length;
  while (end > 0 && block[end - 1] === FILL_BYTE) end -= 1;
  return end;
}
