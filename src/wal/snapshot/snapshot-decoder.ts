import { ByteRange } from '../format/byte-range.ts';
import {
  OP,
  decodeRecord,
  readU32,
  readU64,
  RecordView,
  recordBytes,
  SHORT,
} from '../format/record.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from '../format/limits.ts';
import { newestOf } from '../format/history-spans.ts';
import type { EpochSpan } from '../format/history-spans.ts';
import {
  decodeSnapshotHeader,
  decodeSpan,
  DIGEST_BYTES,
  FOOTER_VALUE_BYTES,
  newDigest,
  SNAPSHOT_HEADER_BYTES,
} from './snapshot-format.ts';
import type { SnapshotFooter, SnapshotHeader } from './snapshot-format.ts';

const KEY_OFFSET = 13;

/** One live key; the ranges are valid until the visitor returns. */
export type SnapshotVisitor = (lsn: number, key: ByteRange, value: ByteRange) => void;

/**
 * Decodes a snapshot as its bytes arrive, in pieces of any size, and checks everything: checksums, order of leaderships
 * and keys, count and digest. The visited keys are not valid before `footer` is set.
 *
 * Invariant: it keeps less than one record of the bytes.
 */
export class SnapshotDecoder {
  readonly #visit: SnapshotVisitor;
  readonly #hash = newDigest();
  readonly #record = new RecordView();
  /** Bytes of an incomplete record. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** Number of bytes needed before the next attempt to decode. */
  #neededBytes = SNAPSHOT_HEADER_BYTES;
  #header: SnapshotHeader | undefined;
  readonly #epochs: EpochSpan[] = [];
  #newestEpoch = 0;
  #footer: SnapshotFooter | undefined;
  readonly #key = new ByteRange();
  readonly #value = new ByteRange();
  /** Range of the previous key: in the current bytes, or in `#kept`. */
  #lastKey = new ByteRange();
  readonly #kept = Buffer.alloc(KEY_BYTES_MAX);
  #highestLsn = 0;
  #count = 0;
  #doneBytes = 0;
  #fault: string | undefined;
  /** True if `rewind` is impossible: a valid record was out of place, or the footer was read. */
  #spent = false;
  /** Offset in the current bytes up to which the digest is updated. */
  #hashedEnd = 0;

  constructor(visit: SnapshotVisitor = () => undefined) {
    this.#visit = visit;
  }

  /** Header; undefined until it has been read. */
  get header(): SnapshotHeader | undefined {
    return this.#header;
  }

  /** Leaderships up to the start, so far; complete if `footer` is set. */
  get epochs(): readonly EpochSpan[] {
    return this.#epochs;
  }

  /** Footer; undefined until the whole file has been read and verified. */
  get footer(): SnapshotFooter | undefined {
    return this.#fault === undefined ? this.#footer : undefined;
  }

  /** First fault, if any. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Bytes of whole, verified records: reading may continue here. */
  get doneBytes(): number {
    return this.#doneBytes;
  }

  /** Adds the next bytes, which are valid only during the call. Returns the fault, if any; nothing may be added after a fault. */
  add(bytes: Buffer): string | undefined {
    let start = 0;
    // Records that span two pieces are joined, one by one; the others are read in place.
    while (this.#waitingBytes > 0 && this.#fault === undefined) {
      const end = start + this.#neededBytes - this.#waitingBytes;
      this.#wait(bytes.subarray(start, end));
      if (end > bytes.length) return undefined;
      start = end;
      const [only, ...others] = this.#waiting;
      const joined =
        only !== undefined && others.length === 0
          ? only
          : Buffer.concat(this.#waiting, this.#waitingBytes);
      this.#take(joined);
    }
    if (this.#fault !== undefined || start === bytes.length) return this.#fault;
    const rest = bytes.subarray(start);
    if (rest.length < this.#neededBytes) this.#wait(rest);
    else this.#take(rest);
    return this.#fault;
  }

  #wait(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#waiting.push(Buffer.from(bytes));
    this.#waitingBytes += bytes.length;
  }

  /** Reads the whole records and keeps the rest. */
  #take(bytes: Buffer): void {
    const end = this.#read(bytes);
    this.#doneBytes += end;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#wait(bytes.subarray(end));
  }

  /** Drops the bytes after `doneBytes`, so that others can follow instead. False if that is no longer possible. */
  rewind(): boolean {
    if (this.#spent) return false;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#neededBytes = this.#header === undefined ? SNAPSHOT_HEADER_BYTES : KEY_OFFSET;
    this.#fault = undefined;
    return true;
  }

  /** Ends the file; returns the fault, if any. */
  end(): string | undefined {
    if (this.#fault === undefined && this.#footer === undefined) {
      this.#fault = 'the file ends before its footer';
    }
    return this.#fault;
  }

  /** Reads the whole records; returns the end of the last one. */
  #read(bytes: Buffer): number {
    let offset = 0;
    if (this.#header === undefined) {
      const header = decodeSnapshotHeader(bytes);
      if (typeof header === 'string') {
        this.#fault = header;
        return 0;
      }
      this.#header = header;
      offset = SNAPSHOT_HEADER_BYTES;
    }
    this.#hashedEnd = 0;
    for (;;) {
      const fault = this.#next(bytes, offset);
      if (fault === SHORT) break;
      if (fault !== undefined) {
        this.#fault = fault;
        break;
      }
      offset = this.#record.end;
    }
    // One call for many records: a call for each would take longer than the digest itself.
    if (!this.#spent) this.#hash.update(bytes.subarray(this.#hashedEnd, offset));
    this.#neededBytes = this.#footer === undefined ? neededFor(bytes, offset) : 0;
    this.#keepLastKey();
    return offset;
  }

  /** Reads one record. SHORT changes nothing. */
  #next(bytes: Buffer, offset: number): string | undefined {
    if (this.#footer !== undefined) {
      return offset < bytes.length ? 'bytes behind the footer' : SHORT;
    }
    const record = this.#record;
    const fault = decodeRecord(bytes, offset, record);
    if (fault !== undefined) return fault;
    const misplaced = this.#place();
    this.#spent ||= misplaced !== undefined;
    return misplaced;
  }

  /** Takes the record into the section it belongs to; returns the fault if it is out of place. */
  #place(): string | undefined {
    const { opByte } = this.#record;
    if (opByte === OP.EPOCH) return this.#span();
    if (opByte === OP.SEAL) return this.#seal();
    if (this.#epochs.length > 0) return `op ${opByte} among the leaderships`;
    return opByte === OP.PUT ? this.#put() : `op ${opByte} among the keys`;
  }

  #span(): string | undefined {
    const span = decodeSpan(this.#record);
    if (typeof span === 'string') return span;
    const before = this.#epochs.at(-1);
    const rises = span.firstLsn > (before?.firstLsn ?? 0);
    const isSecondGap = before?.epoch === null && span.epoch === null;
    if (!rises || isSecondGap || (span.epoch !== null && span.epoch <= this.#newestEpoch)) {
      return 'leaderships out of order';
    }
    this.#newestEpoch = span.epoch ?? this.#newestEpoch;
    this.#epochs.push(span);
    return undefined;
  }

  #put(): string | undefined {
    const { lsn, keyBytes } = this.#record;
    if (keyBytes === 0) return 'an empty key';
    const key = this.#key;
    this.#record.locate(key, this.#value);
    if (compareRanges(this.#lastKey, key) >= 0) return 'keys out of order';
    if (lsn < 1) return 'LSN 0';
    const last = this.#lastKey;
    last.bytes = key.bytes;
    last.start = key.start;
    last.end = key.end;
    this.#highestLsn = Math.max(this.#highestLsn, lsn);
    this.#count += 1;
    this.#visit(lsn, key, this.#value);
    return undefined;
  }

  /** Copies the last key, since the buffer that holds it is about to be reused. */
  #keepLastKey(): void {
    const { bytes, start, end, length } = this.#lastKey;
    if (bytes === this.#kept) return;
    this.#kept.set(bytes.subarray(start, end));
    this.#lastKey = ByteRange.of(this.#kept);
    this.#lastKey.end = length;
  }

  #seal(): string | undefined {
    const { lsn, keyBytes, value, bytes, valueOffset } = this.#record;
    if (keyBytes !== 0 || value.length !== FOOTER_VALUE_BYTES) return 'a footer of another shape';
    if (readU64(value, 0) !== this.#count) return `${this.#count} keys, not as many as it says`;
    if (lsn < this.#highestLsn || lsn < (this.#header?.start.lsn ?? 0)) {
      return `its end, LSN ${lsn}, is below what it holds`;
    }
    const newest = newestOf(this.#epochs);
    const { start } = this.#header ?? {};
    if (newest?.epoch !== start?.epoch || (newest?.firstLsn ?? 0) > (start?.lsn ?? 0)) {
      return `the last leadership is of epoch ${newest?.epoch ?? 0}, the start of ${start?.epoch ?? 0}`;
    }
    this.#spent = true;
    this.#hash.update(bytes.subarray(this.#hashedEnd, valueOffset + 8));
    const digest = this.#hash.digest();
    if (!digest.equals(value.subarray(8, 8 + DIGEST_BYTES))) return 'another SHA-256 than it says';
    this.#footer = { endLsn: lsn, count: this.#count, digest: digest.toString('hex') };
    return undefined;
  }
}

/** Number of bytes that the incomplete record at `offset` needs at least; 0 if its lengths are invalid. */
function neededFor(bytes: Buffer, offset: number): number {
  const available = bytes.length - offset;
  if (available < KEY_OFFSET) return KEY_OFFSET;
  const keyBytes = readU32(bytes, offset + 9);
  if (keyBytes > KEY_BYTES_MAX) return 0;
  if (available < KEY_OFFSET + keyBytes + 4) return KEY_OFFSET + keyBytes + 4;
  const valueBytes = readU32(bytes, offset + KEY_OFFSET + keyBytes);
  return valueBytes > VALUE_BYTES_MAX ? 0 : recordBytes(keyBytes, valueBytes);
}

/** Compares keys: below zero if `a` sorts before `b`, 0 if they are equal. */
function compareRanges(a: ByteRange, b: ByteRange): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (a.bytes[a.start + index] as number) - (b.bytes[b.start + index] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
