/**
 * The seal: the record that closes a batch. Its `lsn` is that of the batch's last record, its key is empty, and its value is
 *
 *   0           8          16             24          28          32
 *   +-----------+----------+--------------+-----------+-----------+
 *   | epoch u64 | time u64 | commitLsn u64| count u32 | chain u32 |
 *   +-----------+----------+--------------+-----------+-----------+
 *
 * chain = crc32(the crc fields of the batch's records in order ‖ the first 28 bytes of this value), seeded with the
 * previous chain. The crc *fields*, because a CRC run over data followed by its own CRC cancels half of the information.
 */
import assert from 'node:assert';
import { crc32 } from './checksum.ts';
import { encodeRecord, OP, readU32, readU64, recordBytes, writeU32, writeU64 } from './record.ts';
import type { RecordView } from './record.ts';

export interface Seal {
  /** Epoch of the leadership that wrote the batch. */
  readonly epoch: number;
  /** Milliseconds since 1970: the later of now and the previous seal's. Readers never check it. */
  readonly timeMs: number;
  /** Commit LSN that the leader knew when it wrote the seal. */
  readonly commitLsn: number;
  /** Records in the batch, without the seal: at least 1. */
  readonly count: number;
  readonly chain: number;
  /** LSN of the batch's last record. */
  readonly lsn: number;
}

export const SEAL_VALUE_BYTES = 32;
/** Size of a whole seal record. */
export const SEAL_BYTES = recordBytes(0, SEAL_VALUE_BYTES);
const CHAINED_VALUE_BYTES = 28;
const NO_KEY = Buffer.alloc(0);

/** Chain before the first record of a log. `clusterId` is 16 bytes. */
export function firstChain(clusterId: Uint8Array): number {
  return crc32(clusterId);
}

/** Number of crc fields that are gathered before one checksum call. */
const GATHERED_MAX = 256;

/** Computes a batch's chain, record by record. Reusable: `start` begins the next batch. */
export class ChainSum {
  readonly #fields = Buffer.allocUnsafeSlow(GATHERED_MAX * 4 + CHAINED_VALUE_BYTES);
  #gatheredBytes = 0;
  #chain = 0;

  start(previousChain: number): void {
    this.#gatheredBytes = 0;
    this.#chain = previousChain;
  }

  /** Adds the crc field of the next record: its last four bytes. */
  add(crc: number): void {
    if (this.#gatheredBytes === GATHERED_MAX * 4) {
      this.#chain = crc32(this.#fields.subarray(0, this.#gatheredBytes), this.#chain);
      this.#gatheredBytes = 0;
    }
    writeU32(this.#fields, this.#gatheredBytes, crc);
    this.#gatheredBytes += 4;
  }

  /** Adds the crc fields of the batch's first records, which are concatenated in `fields`. */
  addFirst(fields: Buffer): void {
    assert(this.#gatheredBytes === 0, 'nothing was added to this batch');
    this.#chain = crc32(fields, this.#chain);
  }

  /** Returns the chain of a batch whose seal has its value at `valueOffset` of `bytes`. */
  finish(bytes: Uint8Array, valueOffset: number): number {
    const start = this.#gatheredBytes;
    for (let index = 0; index < CHAINED_VALUE_BYTES; index += 1) {
      this.#fields[start + index] = bytes[valueOffset + index] as number;
    }
    return crc32(this.#fields.subarray(0, start + CHAINED_VALUE_BYTES), this.#chain);
  }
}

/** Writes the seal (SEAL_BYTES) at `offset`, with the chain that `sum` gives; returns the chain. */
export function sealBatch(target: Buffer, offset: number, batch: UnchainedSeal): number {
  const { sum, ...seal } = batch;
  const value = Buffer.allocUnsafe(SEAL_VALUE_BYTES);
  encodeSealValue(value, { ...seal, chain: 0 });
  const chain = sum.finish(value, 0);
  writeU32(value, CHAINED_VALUE_BYTES, chain);
  encodeRecord(target, offset, { lsn: seal.lsn, op: OP.SEAL, key: NO_KEY, value });
  return chain;
}

/** A seal without its chain, and the sum of the batch's records. */
export interface UnchainedSeal extends Omit<Seal, 'chain'> {
  readonly sum: ChainSum;
}

/** Writes a complete seal at `offset` and returns the offset just past it. */
export function encodeSeal(target: Buffer, offset: number, seal: Seal): number {
  const value = Buffer.allocUnsafe(SEAL_VALUE_BYTES);
  encodeSealValue(value, seal);
  return encodeRecord(target, offset, { lsn: seal.lsn, op: OP.SEAL, key: NO_KEY, value });
}

/** Decodes a record of op SEAL; returns the seal, or the fault of its shape. */
export function decodeSeal(record: RecordView): Seal | string {
  if (record.keyBytes !== 0) return 'a seal with a key';
  if (record.valueBytes !== SEAL_VALUE_BYTES) {
    return `a seal's value of ${record.valueBytes} bytes, expected ${SEAL_VALUE_BYTES}`;
  }
  const { bytes, lsn, valueOffset } = record;
  const epoch = readU64(bytes, valueOffset);
  const timeMs = readU64(bytes, valueOffset + 8);
  const commitLsn = readU64(bytes, valueOffset + 16);
  const count = readU32(bytes, valueOffset + 24);
  const chain = readU32(bytes, valueOffset + 28);
  // The time too: the seals of the next leader have at least this time, and could not be written.
  if (![epoch, timeMs, commitLsn].every(Number.isSafeInteger)) {
    return 'a seal whose numbers exceed 2^53';
  }
  return { epoch, timeMs, commitLsn, count, chain, lsn };
}

function encodeSealValue(target: Buffer, seal: Seal): void {
  assert(seal.count >= 1, 'a batch has at least one record');
  assert(Number.isSafeInteger(seal.epoch) && seal.epoch >= 1, 'a seal has an epoch');
  assert(Number.isSafeInteger(seal.timeMs) && seal.timeMs >= 0, 'a seal has a time');
  writeU64(target, 0, seal.epoch);
  writeU64(target, 8, seal.timeMs);
  writeU64(target, 16, seal.commitLsn);
  writeU32(target, 24, seal.count);
  writeU32(target, 28, seal.chain);
}
