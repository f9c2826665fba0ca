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
 * Reads a snapshot as its bytes come, in pieces of any size, and checks everything that can be checked: checksums, order of leaderships
 * and keys, count and digest. Nothing that was visited means anything before `footer` is there.
 *
 * Invariant: what it keeps of the bytes is less than one record.
 */
export class SnapshotDecoder {
  readonly #visit: SnapshotVisitor;
  readonly #hash = newDigest();
  readonly #record = new RecordView();
  /** Bytes of a record that is not whole yet. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  /** So many bytes are needed before it is worth looking again. */
  #neededBytes = SNAPSHOT_HEADER_BYTES;
  #header: SnapshotHeader | undefined;
  readonly #epochs: EpochSpan[] = [];
  #newestEpoch = 0;
  #footer: SnapshotFooter | undefined;
  readonly #key = new ByteRange();
  readonly #value = new ByteRange();
  /** The key before, where it lies: in the bytes in work, or in `#kept`. */
  #lastKey = new ByteRange();
  readonly #kept = Buffer.alloc(KEY_BYTES_MAX);
  #highestLsn = 0;
  #count = 0;
  #doneBytes = 0;
  #fault: string | undefined;
  /** What was wrong lies behind a record that had been taken in already. */
  #spent = false;
  /** Of the bytes in work: the digest has seen everything before. */
  #hashedEnd = 0;

  constructor(visit: SnapshotVisitor = () => undefined) {
    this.#visit = visit;
  }

  /** Undefined until it was read. */
  get header(): SnapshotHeader | undefined {
    return this.#header;
  }

  /** Who wrote what, up to the start; all of it where `footer` is there. */
  get epochs(): readonly EpochSpan[] {
    return this.#epochs;
  }

  /** Undefined until the whole file was read and found to be right. */
  get footer(): SnapshotFooter | undefined {
    return this.#fault === undefined ? this.#footer : undefined;
  }

  /** What is wrong, once something is. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Bytes of whole records that were found to be right: reading may go on here. */
  get doneBytes(): number {
    return this.#doneBytes;
  }

  /** Takes the bytes that follow, which are valid only during the call. Returns what is wrong; nothing more is to be added then. */
  add(bytes: Buffer): string | undefined {
    let start = 0;
    // What lies across the border is put together, record by record; the rest is read where it is.
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

  /** Reads what is whole and keeps the rest. */
  #take(bytes: Buffer): void {
    const end = this.#read(bytes);
    this.#doneBytes += end;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#wait(bytes.subarray(end));
  }

  /** Forgets the bytes behind `doneBytes`, so that others may follow instead. False where that is too late. */
  rewind(): boolean {
    if (this.#spent) return false;
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#neededBytes = this.#header === undefined ? SNAPSHOT_HEADER_BYTES : KEY_OFFSET;
    this.#fault = undefined;
    return true;
  }

  /** The file ends here: what is wrong with it, if anything. */
  end(): string | undefined {
    if (this.#fault === undefined && this.#footer === undefined) {
      this.#fault = 'the file ends before its footer';
    }
    return this.#fault;
  }

  /** Returns where the last whole record ends. */
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
    // Once for many records: a call for each would take longer than the digest itself.
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

  /** Puts the record where it belongs, or says why it does not belong there. */
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

  /** The bytes that it lies in are about to go. */
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

/** How many bytes a record at `offset` needs, as far as these bytes tell; more than there are, unless they are wrong. */
function neededFor(bytes: Buffer, offset: number): number {
  const available = bytes.length - offset;
  if (available < KEY_OFFSET) return KEY_OFFSET;
  const keyBytes = readU32(bytes, offset + 9);
  if (keyBytes > KEY_BYTES_MAX) return 0;
  if (available < KEY_OFFSET + keyBytes + 4) return KEY_OFFSET + keyBytes + 4;
  const valueBytes = readU32(bytes, offset + KEY_OFFSET + keyBytes);
  return valueBytes > VALUE_BYTES_MAX ? 0 : recordBytes(keyBytes, valueBytes);
}

/** Below zero where `a` sorts before `b`, 0 where they are equal. */
function compareRanges(a: ByteRange, b: ByteRange): number {
  const shared = Math.min(a.length, b.length);
  for (let index = 0; index < shared; index += 1) {
    const difference = (a.bytes[a.start + index] as number) - (b.bytes[b.start + index] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
