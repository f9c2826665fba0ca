import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TailScan, isFill } from '../../src/wal/evidence.ts';
import { BLOCK_BYTES, FILL_BYTE } from '../../src/wal/limits.ts';
import { batches, FIRST } from './fixture.ts';

const value = 'z'.repeat(700);
const built = batches(FIRST, [
  { epoch: 1, ops: [{ value }] },
  { ops: [{ value }] },
  { ops: [{ value }] },
]);
const START = 600;

/** A file of 8 KiB of fill with the three batches at START. */
function file(): Buffer {
  const bytes = Buffer.alloc(8192, FILL_BYTE);
  built.bytes.copy(bytes, START);
  return bytes;
}

function scan(bytes: Buffer, cuts: readonly number[] = []) {
  const tail = new TailScan(START, FIRST);
  let from = START;
  for (const cut of [...cuts.filter((at) => at > START), bytes.length]) {
    tail.add(bytes.subarray(from, cut), from);
    from = cut;
  }
  return tail.finish();
}

describe('tail evidence', () => {
  test('finds every seal, the later ones, and where the written bytes end', () => {
    const found = scan(file());

    expect(found).toMatchObject({
      nextSeal: { epoch: 1, lsn: 2, count: 2 },
      laterSeal: { lsn: 3, count: 1 },
      lastSeal: { lsn: 4, end: START + built.bytes.length },
      highest: { epoch: 1, lsn: 4 },
      epochs: [1],
      hole: undefined,
      writtenEnd: START + built.bytes.length,
    });
  });

  test('is the same however the bytes come, as long as blocks come whole', () => {
    const bytes = file();
    bytes.fill(FILL_BYTE, 1024, 1536);
    const whole = scan(bytes);
    expect(whole.hole).toBe(1024);
    const block = fc.integer({ min: 2, max: 15 });
    fc.assert(
      fc.property(fc.uniqueArray(block), (cuts) => {
        expect(
          scan(
            bytes,
            cuts.toSorted((a, b) => a - b).map((cut) => cut * BLOCK_BYTES),
          ),
        ).toEqual(whole);
      }),
    );
  });

  test('finds seals that lie across two windows', () => {
    for (let extra = 0; extra < 512; extra += 5) {
      const shapes = [{ epoch: 1, ops: [{ value: 'z'.repeat(700 + extra) }] }, { ops: [{}] }];
      const bytes = Buffer.alloc(8192, FILL_BYTE);
      const { bytes: content, state } = batches(FIRST, shapes);
      content.copy(bytes, START);
      const cuts = Array.from({ length: 14 }, (_, index) => (index + 2) * BLOCK_BYTES);
      expect(scan(bytes, cuts), `${extra}`).toEqual(scan(bytes));
      expect(scan(bytes, cuts).highest?.lsn).toBe(state.lsn);
    }
  });

  test('a seal whose LSN could not have been reached is none of ours', () => {
    const bytes = Buffer.alloc(8192, FILL_BYTE);
    const far = batches({ epoch: 1, lsn: 5000, chain: 1 }, [{ ops: [{}] }]);
    far.bytes.copy(bytes, START);
    expect(scan(bytes).nextSeal).toBeUndefined();
  });

  test('written bytes that end on a block border are a hole', () => {
    const bytes = file();
    bytes.fill(FILL_BYTE, 1536);
    expect(scan(bytes).hole).toBe(1536);
  });

  test('knows fill from anything else', () => {
    expect(isFill(Buffer.alloc(3_000_000, FILL_BYTE))).toBe(true);
    const bytes = Buffer.alloc(3_000_000, FILL_BYTE);
    bytes[2_999_999] = 0;
    expect(isFill(bytes)).toBe(false);
    expect(isFill(Buffer.alloc(0))).toBe(true);
  });
});
