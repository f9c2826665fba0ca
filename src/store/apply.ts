import { WalshipError } from '../errors.ts';
import { ByteRange } from '../wal/byte-range.ts';
import { OP } from '../wal/record.ts';
import { forEachRecord } from '../wal/scan.ts';
import type { Store } from './store.ts';

/**
 * Applies the PUT and DELETE records in verified log bytes, up to and with `limitLsn`, and returns the last LSN among all
 * records up to there (0 for none). EPOCH and REQUEST records change nothing. Idempotent.
 * @throws WalshipError OP_UNKNOWN at an operation of another state machine; what came before it has been applied.
 */
export function applyRecords(store: Store, bytes: Buffer, limitLsn = Infinity): number {
  let lastLsn = 0;
  const key = new ByteRange();
  const value = new ByteRange();
  forEachRecord(bytes, (record) => {
    const { lsn, op } = record;
    if (lsn > limitLsn) return;
    switch (op) {
      case OP.PUT:
        record.locate(key, value);
        store.putRange(lsn, key, value);
        break;
      case OP.DELETE:
        record.locate(key, value);
        store.deleteRange(lsn, key);
        break;
      case OP.EPOCH:
      case OP.REQUEST:
        break;
      default:
        throw new WalshipError('OP_UNKNOWN', `operation ${op} at lsn ${lsn}, expected 1 or 2`, {
          details: { op, lsn },
        });
    }
    lastLsn = lsn;
  });
  return lastLsn;
}
