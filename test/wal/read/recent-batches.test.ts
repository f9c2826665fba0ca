import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Position } from '../../../src/wal/format/position.ts';
import { RecentBatches } from '../../../src/wal/read/recent-batches.ts';

const at = (lsn: number): Position => ({ epoch: 1, lsn, chain: lsn * 7 });

/** Batches of two LSNs each, with bytes that say which one they are. */
function fill(recent: RecentBatches, sizes: readonly number[], sameSlab: boolean): Buffer[] {
  const slab = Buffer.alloc(sizes.reduce((sum, size) => sum + size, 0));
  let offset = 0;
  return sizes.map((size, index) => {
    const bytes = sameSlab ? slab.subarray(offset, offset + size) : Buffer.alloc(size);
    bytes.fill(index % 251);
    offset += size;
    recent.add(bytes, at(index * 2), at(index * 2 + 2));
    return bytes;
  });
}

describe('the newest batches in memory', () => {
  test('are what was added, as many as fit, from any seal that is held', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 500 }), { minLength: 1, maxLength: 700 });
    fc.assert(
      fc.property(sizes, fc.nat(20_000), fc.nat(3000), fc.boolean(), (sizes, max, want, same) => {
        const recent = new RecentBatches(max);
        const batches = fill(recent, sizes, same);
        let held = 0;
        let start = sizes.length;
        // The newest one whatever its size, unless nothing is to be held.
        const least = max > 0 ? 1 : 0;
        while (start > 0) {
          const next = sizes[start - 1] ?? 0;
          if (sizes.length - start >= least && held + next > max) break;
          start -= 1;
          held += next;
        }
        expect(recent.bytes).toBe(held);
        for (let index = 0; index < sizes.length; index += 1) {
          const chunk = recent.after(index * 2, want);
          if (index < start) {
            expect(chunk).toBeUndefined();
            continue;
          }
          let end = index + 1;
          let bytes = sizes[index] ?? 0;
          while (end < sizes.length && bytes + (sizes[end] ?? 0) <= want) {
            bytes += sizes[end] ?? 0;
            end += 1;
          }
          expect(chunk?.previous).toEqual(at(index * 2));
          expect(chunk?.last).toEqual(at(end * 2));
          expect(chunk?.bytes.equals(Buffer.concat(batches.slice(index, end)))).toBe(true);
          expect(recent.after(index * 2 + 1, want)).toBeUndefined();
          expect(recent.positionAt(index * 2 + 1)).toBeUndefined();
          expect(recent.positionAt(index * 2 + 2)).toEqual(at(index * 2 + 2));
        }
        expect(recent.after(sizes.length * 2, want)).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });

  test('that lie side by side are handed out without a copy', () => {
    const recent = new RecentBatches(10_000);
    const [first] = fill(recent, [10, 20, 30], true);

    const chunk = recent.after(0, 1000);

    expect(chunk?.bytes.length).toBe(60);
    expect(chunk?.bytes.buffer).toBe(first?.buffer);
  });

  test('behind a cut are forgotten, and the next one continues', () => {
    const recent = new RecentBatches(10_000);
    fill(recent, [10, 20, 30], true);

    recent.truncate(2);
    recent.add(Buffer.alloc(5, 9), at(2), at(9));

    expect(recent.positionAt(4)).toBeUndefined();
    expect(recent.after(0, 1000)?.last).toEqual(at(9));
    expect(recent.bytes).toBe(15);
  });
});
