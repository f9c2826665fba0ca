/**
 * Goal: whatever is written, the store answers as a plain sorted map does.
 * Method: random operations on both, with keys that share prefixes, end in zeros, differ only in length, or hash alike.
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Store } from '../../src/store/store.ts';
import type { StoreOptions } from '../../src/store/store.ts';
import { contentOf, linesOf, randomBelow, sameContent, StoreModel } from './store-model.ts';

const bytesOf = (text: string) => Buffer.from(text, 'latin1');

/** Few distinct bytes, so that keys meet: prefixes of each other, zeros at the end, 0xff runs. */
const smallKey = fc
  .array(fc.constantFrom(0x00, 0x01, 0x61, 0xff), { minLength: 1, maxLength: 7 })
  .map((bytes) => Buffer.from(bytes));
const longKey = fc
  .tuple(fc.constantFrom(0, 7, 4089), smallKey)
  .map(([zeros, end]) => Buffer.concat([Buffer.alloc(zeros, 0x61), end]));
const binaryKey = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes));
const key = fc.oneof(smallKey, longKey, binaryKey);
const value = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 1, arbitrary: fc.constantFrom(65_000, 65_536, 100_000).map((n) => Buffer.alloc(n, 7)) },
);

type Operation =
  | { readonly kind: 'put'; readonly key: Buffer; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly key: Buffer }
  | { readonly kind: 'get'; readonly key: Buffer }
  | {
      readonly kind: 'page';
      readonly prefix: Buffer;
      readonly after: Buffer | undefined;
      readonly limit: number;
    };
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('put' as const), key, value }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('get' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('page' as const),
      prefix: fc.oneof(fc.constant(Buffer.alloc(0)), smallKey),
      after: fc.option(key, { nil: undefined }),
      limit: fc.integer({ min: 1, max: 20 }),
    }),
  },
);

function check(store: Store, model: StoreModel, operation: Operation, lsn: number): void {
  switch (operation.kind) {
    case 'put':
      store.put(lsn, operation.key, operation.value);
      model.put(lsn, operation.key, operation.value);
      return;
    case 'delete':
      store.delete(lsn, operation.key);
      model.delete(operation.key);
      return;
    case 'get': {
      const expected = model.entries.get(operation.key.toString('hex'));
      const found = store.get(operation.key);
      expect(found?.lsn).toBe(expected?.lsn);
      if (expected !== undefined) expect(found?.value.equals(expected.value)).toBe(true);
      expect(store.lsnOf(operation.key)).toBe(expected?.lsn ?? 0);
      return;
    }
    case 'page': {
      const { prefix, after, limit } = operation;
      const page = store.page({ prefix, limit, ...(after === undefined ? {} : { after }) });
      expect(linesOf(page)).toEqual(linesOf(model.page(prefix, after, limit)));
      return;
    }
  }
}

const KINDS: readonly (readonly [string, StoreOptions])[] = [
  ['with the seeded hash', { seed: 42 }],
  ['where all keys hash alike', { hash: () => 0xffffffff }],
  ['where hashes are few', { hash: ({ bytes, end }) => (bytes[end - 1] ?? 0) & 3 }],
];

describe('Store', () => {
  test.for(KINDS)('answers as a plain map does, %s', ([, options]) => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 300, size: 'max' }), (operations) => {
        const store = new Store(options);
        const model = new StoreModel();

        operations.forEach((operation, index) => check(store, model, operation, index + 1));

        expect(sameContent(store, model, 7)).toBe(true);
        expect(store.count).toBe(model.entries.size);
        expect(store.bytes).toBe(model.bytes);
      }),
      { numRuns: 150 },
    );
  });

  const ORDERS: readonly (readonly [string, (i: number, count: number) => number])[] = [
    ['ascending', (i) => i],
    ['descending', (i, count) => count - i],
    ['shuffled', (i, count) => (i * 7919) % count],
    ['two ascending runs', (i, count) => (i % 2) * count + i],
    ['from the middle outwards', (i, count) => (i % 2 === 0 ? count + i : count - i)],
  ];
  test.for(ORDERS)('keeps thousands of keys in order, put and removed in %s order', ([, at]) => {
    const count = 20_000;
    const store = new Store();
    const model = new StoreModel();
    const keyOf = (i: number) => bytesOf(`user:${String(at(i, count)).padStart(7, '0')}`);

    for (let i = 0; i < count; i++) {
      store.put(i + 1, keyOf(i), bytesOf(`v${i}`));
      model.put(i + 1, keyOf(i), bytesOf(`v${i}`));
    }
    expect(sameContent(store, model)).toBe(true);

    for (let i = 0; i < count; i++) {
      if (i % 17 === 3) continue;
      store.delete(count + i + 1, keyOf(i));
      model.delete(keyOf(i));
    }
    expect(sameContent(store, model)).toBe(true);
    for (let i = 0; i < count; i++) store.delete(3 * count + i, keyOf(i));
    expect(store.count).toBe(0);
    expect(store.bytes).toBe(0);
    expect(contentOf(store)).toEqual([]);
  });

  test(
    'answers as a plain map does over a long life of growing and shrinking',
    { tags: ['slow'] },
    () => {
      const below = randomBelow(7);
      const store = new Store();
      const model = new StoreModel();
      for (let lsn = 1; lsn <= 200_000; lsn++) {
        const phase = Math.floor(lsn / 25_000) % 2;
        const name = bytesOf(`k${below(3) === 0 ? '\0\0\0\0\0' : ''}${below(20_000)}`);
        if (below(10) < (phase === 0 ? 8 : 2)) {
          const content = Buffer.alloc(below(300), lsn & 0xff);
          store.put(lsn, name, content);
          model.put(lsn, name, content);
        } else {
          store.delete(lsn, name);
          model.delete(name);
        }
        if (lsn % 50_000 === 0) {
          expect(sameContent(store, model)).toBe(true);
          expect(store.bytes).toBe(model.bytes);
        }
      }
    },
  );

  test('keeps versions up to 2^53 - 1', () => {
    const store = new Store();
    for (const lsn of [1, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 53 - 1]) {
      store.put(lsn, bytesOf('a'), bytesOf(''));

      expect(store.lsnOf(bytesOf('a'))).toBe(lsn);
      expect(store.get(bytesOf('a'))).toEqual({ lsn, value: Buffer.alloc(0) });
    }
  });

  test('takes keys of 4096 bytes and values of 16 MiB', () => {
    const store = new Store();
    const key = Buffer.alloc(4096, 0xff);
    const value = Buffer.alloc(16 << 20, 0x5a);

    store.put(1, key, value);
    store.put(2, Buffer.alloc(4095, 0xff), value);

    expect(store.get(key)?.value.equals(value)).toBe(true);
    expect(store.page({ limit: 10 }).map(({ key }) => key.length)).toEqual([4095, 4096]);
    expect(store.page({ limit: 10, bytesMax: 1 })).toHaveLength(1);
  });

  test('gives out copies, and copies what it is given', () => {
    const store = new Store();
    const key = bytesOf('key');
    const value = bytesOf('value');
    store.put(1, key, value);
    key.fill(0);
    value.fill(0);

    store.get(bytesOf('key'))?.value.fill(0);
    for (const entry of store.page({ limit: 1 })) {
      entry.key.fill(0);
      entry.value.fill(0);
    }

    expect(store.page({ limit: 9 })).toEqual([
      { key: bytesOf('key'), value: bytesOf('value'), lsn: 1 },
    ]);
  });

  test('is empty after clear, and usable', () => {
    const store = new Store();
    for (let i = 0; i < 1000; i++) store.put(i + 1, bytesOf(`k${i}`), Buffer.alloc(1000));

    store.clear();
    expect([store.count, store.bytes, store.page({ limit: 9 })]).toEqual([0, 0, []]);
    expect(store.lsnOf(bytesOf('k1'))).toBe(0);

    store.put(2000, bytesOf('k1'), bytesOf('x'));
    expect(contentOf(store)).toEqual([{ key: bytesOf('k1'), value: bytesOf('x'), lsn: 2000 }]);
  });
});
