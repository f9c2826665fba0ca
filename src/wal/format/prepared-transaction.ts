import type { LogOperation } from './record.ts';
import { checkCount, checkRange, checkTotal } from './check-operations.ts';
import { OP, RecordEncoder } from './record.ts';
import { SEAL_BYTES } from './seal.ts';

/** Number of operations that are checked or encoded in one step. */
export const OPERATIONS_PER_STEP = 4096;
/** Bytes of records after which a step ends earlier. */
const STEP_BYTES = 1024 * 1024;

/** A transaction that was checked and encoded in advance, because it takes too long for one turn of the event loop. */
export interface PreparedTransaction {
  readonly firstLsn: number;
  readonly count: number;
  /** Bytes of the records. */
  readonly recordsBytes: number;
  /** Encoded records, and space for the seal of their batch. */
  readonly slab: Buffer;
  /** CRC fields of the records, in order; the chain of the batch covers them. */
  readonly crcs: Buffer;
}

/**
 * Checks and encodes `ops`; yields where it may be interrupted. Their LSNs begin at `firstLsn`, so nothing else may be appended
 * before them.
 * @throws WalshipError as `checkOperations`.
 */
export function* prepareTransaction(
  ops: readonly LogOperation[],
  firstLsn: number,
): Generator<void, PreparedTransaction, void> {
  checkCount(ops);
  let recordsBytes = 0;
  for (let start = 0; start < ops.length; start += OPERATIONS_PER_STEP) {
    recordsBytes += checkRange(ops, start, Math.min(ops.length, start + OPERATIONS_PER_STEP));
    yield;
  }
  checkTotal(ops, recordsBytes);
  const slab = Buffer.allocUnsafeSlow(recordsBytes + SEAL_BYTES);
  const crcs = Buffer.allocUnsafeSlow(ops.length * 4);
  const encoder = new RecordEncoder(slab);
  let end = 0;
  let stepEnd = STEP_BYTES;
  for (let index = 0; index < ops.length; index += 1) {
    const { op, key, value } = ops[index] as LogOperation;
    const opByte = index < ops.length - 1 ? op | OP.CONTINUED : op;
    end = encoder.encode(end, { lsn: firstLsn + index, op: opByte, key, value });
    slab.copy(crcs, index * 4, end - 4, end);
    if ((index + 1) % OPERATIONS_PER_STEP !== 0 && end < stepEnd) continue;
    stepEnd = end + STEP_BYTES;
    yield;
  }
  return { firstLsn, count: ops.length, recordsBytes, slab, crcs };
}
