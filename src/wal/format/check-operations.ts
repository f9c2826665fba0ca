import { WalshipError } from '../../errors.ts';
import type { ErrorCode, ErrorDetails } from '../../errors.ts';
import type { LogOperation } from './record.ts';
import {
  BATCH_BYTES_MAX,
  KEY_BYTES_MAX,
  TRANSACTION_ITEMS_MAX,
  VALUE_BYTES_MAX,
} from './limits.ts';
import { OP, recordBytes } from './record.ts';
import { SEAL_BYTES } from './seal.ts';

/**
 * Checks that a transaction may be appended; returns the bytes of its records.
 * @throws WalshipError KEY_INVALID, VALUE_TOO_LARGE, TXN_TOO_LARGE, REQUEST_INVALID; always rejected.
 */
export function checkOperations(ops: readonly LogOperation[]): number {
  checkCount(ops);
  const bytes = checkRange(ops, 0, ops.length);
  checkTotal(ops, bytes);
  return bytes;
}

/** Checks the number of operations, as the first part of `checkOperations`. @throws WalshipError REQUEST_INVALID, TXN_TOO_LARGE. */
export function checkCount(ops: readonly LogOperation[]): void {
  if (ops.length === 0) throw rejected('REQUEST_INVALID', 'a transaction without operations');
  if (ops.length > TRANSACTION_ITEMS_MAX) {
    const message = `a transaction of ${ops.length} operations, at most ${TRANSACTION_ITEMS_MAX}`;
    throw rejected('TXN_TOO_LARGE', message, { itemsMax: TRANSACTION_ITEMS_MAX });
  }
}

/** Checks the operations from `start` to `end`, as a part of `checkOperations`; returns the bytes of their records. */
export function checkRange(ops: readonly LogOperation[], start: number, end: number): number {
  let bytes = 0;
  for (let index = start; index < end; index += 1) {
    const { op, key, value } = ops[index] as LogOperation;
    if (key.length === 0 || key.length > KEY_BYTES_MAX) {
      throw rejected('KEY_INVALID', `a key of ${key.length} bytes, expected 1 to ${KEY_BYTES_MAX}`);
    }
    if (value.length > VALUE_BYTES_MAX) {
      const message = `a value of ${value.length} bytes, at most ${VALUE_BYTES_MAX}`;
      throw rejected('VALUE_TOO_LARGE', message);
    }
    if (!isAppendable(op, index < ops.length - 1)) throw rejected('REQUEST_INVALID', `op ${op}`);
    if (op === OP.DELETE && value.length > 0) {
      throw rejected('REQUEST_INVALID', 'a DELETE with a value');
    }
    bytes += recordBytes(key.length, value.length);
  }
  return bytes;
}

/** Checks the total size, as the last part of `checkOperations`. @throws WalshipError TXN_TOO_LARGE. */
export function checkTotal(ops: readonly LogOperation[], bytes: number): void {
  if (bytes + SEAL_BYTES > BATCH_BYTES_MAX) {
    throw rejected(
      'TXN_TOO_LARGE',
      `a transaction of ${bytes} bytes with ${ops.length} operations`,
      {
        bytes,
        bytesMax: BATCH_BYTES_MAX - SEAL_BYTES,
      },
    );
  }
}

/** True for an op that callers may append: EPOCH and SEAL are reserved, and a REQUEST cannot carry the CONTINUED bit. */
function isAppendable(op: number, continued: boolean): boolean {
  if (op === OP.PUT || op === OP.DELETE) return true;
  if (op === OP.REQUEST) return !continued;
  return Number.isInteger(op) && op >= OP.CUSTOM_FIRST && op <= OP.CUSTOM_LAST;
}

/** Makes an error that certifies that nothing was written. */
export function rejected(
  code: ErrorCode,
  message: string,
  details: ErrorDetails = {},
): WalshipError {
  return new WalshipError(code, message, { details, outcome: 'rejected' });
}
