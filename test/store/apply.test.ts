import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../src/errors.ts';
import { applyRecords } from '../../src/store/apply.ts';
import { Store } from '../../src/store/store.ts';
import { encodeRecord, OP, recordBytes } from '../../src/wal/format/record.ts';
import { contentOf, linesOf, randomBelow } from './store-model.ts';

function logOf(records: readonly (readonly [op: number, key: string, value: string])[]): Buffer {
  return Buffer.concat(
    records.map(([op, key, value], index) => {
      const bytes = Buffer.alloc(recordBytes(key.length, value.length));
      const record = { lsn: index + 1, op, key: Buffer.from(key), value: Buffer.from(value) };
      encodeRecord(bytes, 0, record);
      return bytes;
    }),
  );
}

describe('applyRecords', () => {
  test('applies PUT and DELETE, of transactions too, and passes over EPOCH and REQUEST', () => {
    const store = new Store();
    const put = OP.PUT | OP.CONTINUED;

    applyRecords(
      store,
      logOf([
        [OP.EPOCH, 'n1', 'x'],
        [put, 'a', '1'],
        [OP.PUT, 'b', '2'],
        [OP.REQUEST, 'c', '3'],
        [OP.DELETE, 'a', ''],
      ]),
    );

    expect(linesOf(contentOf(store))).toEqual(['62 = 32 @3']);
  });

  test('stops at the limit', () => {
    const store = new Store();
    const bytes = logOf([
      [OP.PUT, 'a', '1'],
      [OP.PUT, 'a', '2'],
    ]);

    applyRecords(store, bytes, 1);

    expect(store.lsnOf(Buffer.from('a'))).toBe(1);
  });

  test('refuses an operation of another state machine', () => {
    for (const op of [OP.CUSTOM_FIRST, OP.CUSTOM_LAST]) {
      let caught: unknown;
      try {
        applyRecords(new Store(), logOf([[op, 'a', '1']]));
      } catch (error) {
        caught = error;
      }
      expect(isWalshipError(caught, 'OP_UNKNOWN')).toBe(true);
    }
  });

  test('gives the same state when a log is applied twice', () => {
    const below = randomBelow(11);
    const bytes = logOf(
      Array.from({ length: 5000 }, () => {
        const put = below(3) > 0;
        return [put ? OP.PUT : OP.DELETE, `k${below(200)}`, put ? `${below(1e9)}` : ''] as const;
      }),
    );
    const once = new Store();
    const twice = new Store();

    applyRecords(once, bytes);
    applyRecords(twice, bytes);
    applyRecords(twice, bytes);

    expect(linesOf(contentOf(twice))).toEqual(linesOf(contentOf(once)));
  });
});
