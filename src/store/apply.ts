import { WalshipError } from '../errors.ts';
import { ByteRange } from '../wal/format/byte-range.ts';
import { OP } from '../wal/format/record.ts';
import { KiB } from '../ports/units.ts';
import { recordViews } from '../wal/format/scan.ts';
import type { Store } from './store.ts';

/** Maximum records and bytes that are applied in one step. */
const STEP_RECORDS = 256;
const STEP_BYTES = 64 * KiB;

/**
 * Applies the PUT and DELETE records in verified log bytes, up to and including `limitLsn`. EPOCH and REQUEST records change nothing. Idempotent.
 * @throws WalshipError OP_UNKNOWN at an operation of another state machine; the records before it have been applied.
 */
export function applyRecords(store: Store, bytes: Buffer, limitLsn = Infinity): void {
  const steps = applySteps(store, bytes, limitLsn);
  while (steps.next().done !== true);
}

/** Does the same as `applyRecords` in small steps; yields between two steps, also inside a transaction. */
export function* applySteps(
  store: Store,
  bytes: Buffer,
  limitLsn: number,
): Generator<void, void, void> {
  const key = new ByteRange();
  const value = new ByteRange();
  let stepRecords = 0;
  let stepOffset = 0;
  for (const record of recordViews(bytes)) {
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
    stepRecords += 1;
    if (stepRecords < STEP_RECORDS && record.end - stepOffset < STEP_BYTES) continue;
    yield;
    stepRecords = 0;
    stepOffset = record.end;
  }
}
