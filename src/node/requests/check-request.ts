import { WalshipError } from '../../errors.ts';
import { KEY_BYTES_MAX, TRANSACTION_ITEMS_MAX, VALUE_BYTES_MAX } from '../../wal/format/limits.ts';
import type { WriteRequest } from '../api/api.ts';

type Items = Pick<WriteRequest, 'ops' | 'conditions'>;

/** Checks the number of items of a write. @throws WalshipError TXN_TOO_LARGE; rejected. */
export function checkCount({ ops, conditions }: Items): void {
  const items = ops.length + conditions.length;
  if (items <= TRANSACTION_ITEMS_MAX) return;
  const message = `${items} operations and conditions, at most ${TRANSACTION_ITEMS_MAX}`;
  const details = { itemsMax: TRANSACTION_ITEMS_MAX };
  throw new WalshipError('TXN_TOO_LARGE', message, { outcome: 'rejected', details });
}

/** Checks the keys and values of a write. @throws WalshipError KEY_INVALID, VALUE_TOO_LARGE; rejected. */
export function checkItems({ ops, conditions }: Items): void {
  for (const { key, value } of ops) checkSizes(key, value.length);
  for (const { key } of conditions) checkSizes(key, 0);
}

function checkSizes(key: Uint8Array, valueBytes: number): void {
  if (key.length === 0 || key.length > KEY_BYTES_MAX) {
    throw new WalshipError(
      'KEY_INVALID',
      `a key of ${key.length} bytes, expected 1 to ${KEY_BYTES_MAX}`,
      {
        outcome: 'rejected',
      },
    );
  }
  if (valueBytes > VALUE_BYTES_MAX) {
    throw new WalshipError(
      'VALUE_TOO_LARGE',
      `a value of ${valueBytes} bytes, at most ${VALUE_BYTES_MAX}`,
      {
        outcome: 'rejected',
      },
    );
  }
}
