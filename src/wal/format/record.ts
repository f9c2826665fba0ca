/**
 * The record: one operation with its LSN. All integers are big-endian; 21 bytes plus key plus value.
 *
 *   0          8     9           13        13+k         17+k        17+k+v     21+k+v
 *   +----------+-----+-----------+---------+------------+-----------+----------+
 *   | lsn  u64 | op  | keyLen u32| key     | valLen u32 | value     | crc  u32 |
 *   +----------+-----+-----------+---------+------------+-----------+----------+
 *
 * `crc` is CRC-32 over every byte before it. This file knows shapes and lengths; only `continues` in scan.ts
 * knows which record may follow which.
 */
import assert from 'node:assert';
import type { ByteRange } from './byte-range.ts';
import { Checksums } from './checksum.ts';
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from './limits.ts';

/** One operation to be appended; key and value are copied. */
export interface LogOperation {
  readonly op: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Operations of records. 32 to 63 belong to programs that embed their own state machine. */
export const OP = {
  PUT: 1,
  DELETE: 2,
  EPOCH: 3,
  SEAL: 4,
  /** Reserved: a client's request id. */
  REQUEST: 5,
  CUSTOM_FIRST: 32,
  CUSTOM_LAST: 63,
  /** Bit that continues the transaction in the next record; on 1, 2 and 32 to 63 only. */
  CONTINUED: 0x80,
} as const;

/** Bytes of a record without its key and value. */
export const RECORD_OVERHEAD_BYTES = 21;
const KEY_OFFSET = 13;
/** Lowest high half of an LSN that exceeds the safe integers. */
const LSN_HIGH_END = 2 ** 21;

/** A decoded record; key and value alias the source bytes. */
export interface LogRecord {
  readonly lsn: number;
  /** Operation without the CONTINUED bit. */
  readonly op: number;
  /** True if the next record belongs to the same transaction. */
  readonly more: boolean;
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface NewRecord {
  readonly lsn: number;
  /** Op byte as written: with OP.CONTINUED if the transaction continues. */
  readonly op: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Size of a record with these lengths. */
export function recordBytes(keyBytes: number, valueBytes: number): number {
  return RECORD_OVERHEAD_BYTES + keyBytes + valueBytes;
}

/** Writes records into one buffer, without an object for each. */
export class RecordEncoder {
  readonly #target: Buffer;
  readonly #sums: Checksums;

  constructor(target: Buffer) {
    this.#target = target;
    this.#sums = new Checksums(target);
  }

  /** Writes `record` at `offset`, over any old bytes, and returns the offset just past it. */
  encode(offset: number, record: NewRecord): number {
    const target = this.#target;
    const { lsn, op, key, value } = record;
    assert(Number.isSafeInteger(lsn) && lsn > 0, 'lsn must be a positive safe integer');
    assert(key.length <= KEY_BYTES_MAX, 'key exceeds KEY_BYTES_MAX');
    assert(value.length <= VALUE_BYTES_MAX, 'value exceeds VALUE_BYTES_MAX');
    const valueOffset = offset + KEY_OFFSET + key.length + 4;
    const crcOffset = valueOffset + value.length;
    assert(crcOffset + 4 <= target.length, 'target cannot hold the record');

    writeU64(target, offset, lsn);
    target[offset + 8] = op;
    writeU32(target, offset + 9, key.length);
    copy(key, target, offset + KEY_OFFSET);
    writeU32(target, valueOffset - 4, value.length);
    copy(value, target, valueOffset);
    writeU32(target, crcOffset, this.#sums.crc32(offset, crcOffset));
    return crcOffset + 4;
  }
}

/** Writes one record, with a temporary RecordEncoder. */
export function encodeRecord(target: Buffer, offset: number, record: NewRecord): number {
  return new RecordEncoder(target).encode(offset, record);
}

/** Fault of a record that extends past the end of the bytes. */
export const SHORT = 'the bytes end inside a record';

const NO_BYTES = Buffer.alloc(0);

/** One decoded record, reusable for the next: holds offsets, and creates key and value only on request. */
export class RecordView implements LogRecord {
  /** Buffer that holds the record; set by `over`. */
  bytes: Buffer = NO_BYTES;
  #sums = new Checksums(NO_BYTES);
  offset = 0;
  lsn = 0;
  /** Op byte with the CONTINUED bit. */
  opByte = 0;
  keyBytes = 0;
  valueBytes = 0;
  crc = 0;

  get op(): number {
    return this.opByte & ~OP.CONTINUED;
  }
  get more(): boolean {
    return (this.opByte & OP.CONTINUED) !== 0;
  }
  get valueOffset(): number {
    return this.offset + KEY_OFFSET + this.keyBytes + 4;
  }
  get end(): number {
    return this.offset + RECORD_OVERHEAD_BYTES + this.keyBytes + this.valueBytes;
  }
  get key(): Buffer {
    const start = this.offset + KEY_OFFSET;
    return this.bytes.subarray(start, start + this.keyBytes);
  }
  get value(): Buffer {
    const start = this.valueOffset;
    return this.bytes.subarray(start, start + this.valueBytes);
  }

  /** Sets the two ranges to the key and the value of the record. */
  locate(key: ByteRange, value: ByteRange): void {
    const { data } = this.#sums;
    key.bytes = this.bytes;
    key.data = data;
    key.start = this.offset + KEY_OFFSET;
    key.end = key.start + this.keyBytes;
    value.bytes = this.bytes;
    value.data = data;
    value.start = key.end + 4;
    value.end = value.start + this.valueBytes;
  }

  /** Switches to another buffer; the record's offsets are stale until they are set again. */
  over(bytes: Buffer): Checksums {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.#sums = new Checksums(bytes);
    }
    return this.#sums;
  }
}

/**
 * Decodes the record at `offset` into `view`: lengths within limits, LSN within 2^53, CRC right. Returns undefined, or
 * the fault (SHORT if the bytes end too early). Never throws, whatever the bytes, and reads nothing past them.
 */
export function decodeRecord(bytes: Buffer, offset: number, view: RecordView): string | undefined {
  const available = bytes.length - offset;
  if (available < KEY_OFFSET) return SHORT;
  const sums = view.over(bytes);
  const { data } = sums;
  const lsnHigh = data.getUint32(offset);
  if (lsnHigh >= LSN_HIGH_END) return 'the LSN exceeds 2^53';
  const keyBytes = data.getUint32(offset + 9);
  if (keyBytes > KEY_BYTES_MAX) return `key of ${keyBytes} bytes, at most ${KEY_BYTES_MAX}`;
  if (available < KEY_OFFSET + keyBytes + 4) return SHORT;
  const valueBytes = data.getUint32(offset + KEY_OFFSET + keyBytes);
  if (valueBytes > VALUE_BYTES_MAX) {
    return `value of ${valueBytes} bytes, at most ${VALUE_BYTES_MAX}`;
  }
  const coveredBytes = KEY_OFFSET + 4 + keyBytes + valueBytes;
  if (available < coveredBytes + 4) return SHORT;
  const crcOffset = offset + coveredBytes;
  const stored = data.getUint32(crcOffset);
  const actual = sums.crc32(offset, crcOffset);
  if (actual !== stored) return `checksum ${hex32(actual)}, stored ${hex32(stored)}`;
  view.offset = offset;
  view.lsn = lsnHigh * 0x1_0000_0000 + data.getUint32(offset + 4);
  view.opByte = bytes[offset + 8] as number;
  view.keyBytes = keyBytes;
  view.valueBytes = valueBytes;
  view.crc = stored;
  return undefined;
}

/** Reads the u32 at `offset`, which must be inside; byte by byte, since the engine inlines that. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return (
    (((bytes[offset] as number) << 24) |
      ((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number)) >>>
    0
  );
}

/** Reads the u64 at `offset`, which may exceed the safe integers: check before use. */
export function readU64(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset) * 0x1_0000_0000 + readU32(bytes, offset + 4);
}

export function writeU32(target: Uint8Array, offset: number, value: number): void {
  target[offset] = value >>> 24;
  target[offset + 1] = value >>> 16;
  target[offset + 2] = value >>> 8;
  target[offset + 3] = value;
}

/** Writes a non-negative safe integer. */
export function writeU64(target: Uint8Array, offset: number, value: number): void {
  writeU32(target, offset, Math.floor(value / 0x1_0000_0000));
  writeU32(target, offset + 4, value % 0x1_0000_0000);
}

/** Formats a checksum or a chain for display: eight hexadecimal digits. */
export function hex32(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

/** Largest copy for which a loop is faster than a call into the engine. */
const HAND_COPY_BYTES_MAX = 24;

function copy(source: Uint8Array, target: Uint8Array, offset: number): void {
  if (source.length > HAND_COPY_BYTES_MAX) {
    target.set(source, offset);
    return;
  }
  for (let index = 0; index < source.length; index += 1) {
    target[offset + index] = source[index] as number;
  }
}
