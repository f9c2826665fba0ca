import type { WalshipError } from '../../errors.ts';
import type { LogOperation } from '../../wal/format/record.ts';
import { prepareTransaction } from '../../wal/format/prepared-transaction.ts';
import type { PreparedTransaction } from '../../wal/format/prepared-transaction.ts';
import { OP } from '../../wal/format/record.ts';
import type { Condition, WriteOperation, WriteRequest } from '../api/api.ts';
import { checkItems } from './check-request.ts';

/** Number of operations, or conditions, of one write that are handled in one turn of the event loop. */
export const ITEMS_PER_TURN = 4_096;

/** A write of many items, fully prepared except for its LSNs. */
export type Prepared =
  | { readonly kind: 'refused'; readonly fault: WalshipError }
  | { readonly kind: 'conditions' }
  | {
      readonly kind: 'operations';
      readonly ops: readonly LogOperation[];
      readonly transaction: PreparedTransaction;
    };

export interface Judge {
  readonly judgeAll: (conditions: readonly Condition[]) => WalshipError | undefined;
  /** Returns the LSN that the first operation will have; called once. */
  readonly nextLsn: () => number;
}

/**
 * Checks, judges and encodes a write of many items; yields at each point where it may be interrupted, as long as no
 * other write gets an LSN.
 * @throws WalshipError as `checkItems` and `checkOperations`.
 */
export function* prepareLarge(
  { conditions, ops }: Pick<WriteRequest, 'conditions' | 'ops'>,
  { judgeAll, nextLsn }: Judge,
): Generator<void, Prepared, void> {
  for (const some of slices(conditions)) {
    checkItems({ conditions: some, ops: [] });
    const fault = judgeAll(some);
    if (fault !== undefined) return { kind: 'refused', fault };
    yield;
  }
  if (ops.length === 0) return { kind: 'conditions' };
  const logged: LogOperation[] = [];
  for (const some of slices(ops)) {
    for (const op of some) logged.push(toLogged(op));
    yield;
  }
  const transaction = yield* prepareTransaction(logged, nextLsn());
  return { kind: 'operations', ops: logged, transaction };
}

export function isLarge({ conditions, ops }: Pick<WriteRequest, 'conditions' | 'ops'>): boolean {
  return conditions.length + ops.length > ITEMS_PER_TURN;
}

/** Converts the operation to its form in the log. */
export function toLogged({ op, key, value }: WriteOperation): LogOperation {
  return { op: op === 'put' ? OP.PUT : OP.DELETE, key, value };
}

function* slices<T>(items: readonly T[]): Generator<readonly T[], void, void> {
  for (let start = 0; start < items.length; start += ITEMS_PER_TURN) {
    yield items.slice(start, start + ITEMS_PER_TURN);
  }
}
