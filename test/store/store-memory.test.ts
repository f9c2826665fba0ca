/**
 * Goal: memory follows what is live, whatever was written before, and a walk through the keys misses none.
 * Method: long random lives with `reservedBytes` looked at all along, and a walk with writes between its pages.
 * @module-tag slow
 */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WASTE_BYTES_ALLOWED } from '../../src/store/compaction.ts';
import { Store } from '../../src/store/store.ts';
import type { StoredEntry } from '../../src/store/store.ts';
import { linesOf, randomBelow } from './store-model.ts';

const MiB = 1 << 20;
/** Waste allowed, spare slabs, the slab in work and the one being emptied, indexes of few keys. */
const CONSTANT_BYTES = WASTE_BYTES_ALLOWED + 12 * MiB;

describe('Store memory', () => {
  test('stays bounded under endless overwrites of changing sizes', () => {
    const below = randomBelow(3);
    const store = new Store();
    let worst = 0;
    for (let lsn = 1; lsn <= 600_000; lsn++) {
      const size =
        below(100) === 0 ? below(60_000) : below(1 + (Math.floor(lsn / 60_000) + 1) * 150);
      store.put(lsn, Buffer.from(`key ${below(10_000)}`), Buffer.alloc(size));
      worst = Math.max(worst, store.reservedBytes - 1.5 * (store.bytes + 60 * store.count));
    }
    expect(worst).toBeLessThan(CONSTANT_BYTES);
  });

  test('is given back when one key in fifty stays', () => {
    const store = new Store();
    for (let i = 0; i < 200_000; i++) store.put(i + 1, Buffer.from(`key ${i}`), Buffer.alloc(200));
    for (let i = 0; i < 200_000; i++) {
      if (i % 50 !== 0) store.delete(1e6 + i, Buffer.from(`key ${i}`));
    }

    expect(store.count).toBe(4000);
    expect(store.reservedBytes).toBeLessThan(CONSTANT_BYTES + 6 * MiB);
  });

  test('of large values is freed with them', () => {
    const store = new Store();
    for (let lsn = 1; lsn <= 60; lsn++) {
      store.put(lsn, Buffer.from('k'), Buffer.alloc(lsn * 200_000));
    }
    store.delete(61, Buffer.from('k'));

    expect(store.reservedBytes).toBeLessThan(2 * MiB);
  });
});

describe('A walk through the keys', () => {
  test('shows each key that nobody wrote meanwhile once and as it is, whatever else moves', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 40 }), (seed, limit) => {
        const below = randomBelow(seed);
        const store = new Store();
        const keyOf = (i: number) => Buffer.from(`k${(i * 7919) % 10_007}`);
        for (let i = 0; i < 3000; i++) store.put(i + 1, keyOf(i), Buffer.alloc(below(4000), i));
        const untouched = (i: number) => i % 5 === 0;
        const expected = new Map<string, string>();
        for (let i = 0; i < 3000; i += 5) {
          const key = keyOf(i);
          const found = store.get(key);
          if (found !== undefined) {
            expected.set(key.toString('hex'), linesOf([{ key, ...found }])[0] ?? '');
          }
        }

        const seen: StoredEntry[] = [];
        for (let lsn = 10_000; ;) {
          const after = seen.at(-1)?.key;
          const page = store.page({ limit, ...(after === undefined ? {} : { after }) });
          if (page.length === 0) break;
          seen.push(...page);
          for (let n = below(120); n > 0; n--) {
            const i = below(6000);
            if (i < 3000 && untouched(i)) continue;
            if (below(2) === 0) store.delete(lsn++, keyOf(i));
            else store.put(lsn++, keyOf(i), Buffer.alloc(below(4000)));
          }
        }

        const hex = seen.map(({ key }) => key.toString('hex'));
        expect(hex.every((key, index) => index === 0 || (hex[index - 1] ?? '') < key)).toBe(true);
        const shown = new Map(linesOf(seen).map((line, index) => [hex[index], line]));
        for (const [key, line] of expected) expect(shown.get(key)).toBe(line);
      }),
      { numRuns: 20 },
    );
  });
});
