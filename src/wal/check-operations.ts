import { WalshipError } from '../errors.ts';
import type { ErrorCode, ErrorDetails } from '../errors.ts';
import { operationsBytes } from './batch-builder.ts';
import type { LogOperation } from './batch-builder.ts';
import {
  BATCH_BYTES_MAX,
  KEY_BYTES_MAX,
  TRANSACTION_ITEMS_MAX,
  VALUE_BYTES_MAX,
} from './limits.ts';
import { OP } from './record.ts';
import { SEAL_BYTES } from './seal.ts';

/**
 * Bytes of the records of a transaction that may be appended.
 * @throws WalshipError KEY_INVALID, VALUE_TOO_LARGE, TXN_TOO_LARGE, REQUEST_INVALID; always rejected.
 */
export function checkOperations(ops: readonly LogOperation[]): number {
  if (ops.length === 0) throw rejected('REQUEST_INVALID', 'a transaction without operations');
  if (ops.length > TRANSACTION_ITEMS_MAX) {
    const message = `a transaction of ${ops.length} operations, at most ${TRANSACTION_ITEMS_MAX}`;
    throw rejected('TXN_TOO_LARGE', message, { itemsMax: TRANSACTION_ITEMS_MAX });
  }
  for (let index = 0; index < ops.length; index += 1) {
    const { op, key, value } = ops[index] as LogOperation;
    if (key.length === 0 || key.length > KEY_BYTES_MAX) {
      throw rejected('KEY_INVALID', `a key of ${key.length} bytes, expected 1 to ${KEY_BYTES_MAX}`);
    }
    if (value.length > VALUE_BYTES_MAX) {
      const bytes = value.length;
      throw rejected('VALUE_TOO_LARGE', `a value of ${bytes} bytes, at most ${VALUE_BYTES_MAX}`);
    }
    if (!isAppendable(op, index < ops.length - 1)) throw rejected('REQUEST_INVALID', `op ${op}`);
    if (op === OP.DELETE && value.length > 0) {
      throw rejected('REQUEST_INVALID', 'a DELETE with a value');
    }
  }
  const bytes = operationsBytes(ops);
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
  return bytes;
}

/** EPOCH and SEAL are the log's own; a REQUEST cannot carry the bit that continues a transaction. */
function isAppendable(op: number, continued: boolean): boolean {
  if (op === OP.PUT || op === OP.DELETE) return true;
  if (op === OP.REQUEST) return !continued;
  return Number.isInteger(op) && op >= OP.CUSTOM_FIRST && op <= OP.CUSTOM_LAST;
}

/** A refusal of which it is certain that nothing was written. */
export function rejected(
  code: ErrorCode,
  message: string,
  details: ErrorDetails = {},
): WalshipError {
  return new WalshipError(code, message, { details, outcome: 'rejected' });
}
