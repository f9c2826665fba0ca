import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TailScan, type TailEvidence } from '../../../src/wal/format/evidence.ts';
import { isFill } from '../../../src/wal/format/fill-byte.ts';
import { BLOCK_BYTES, FILL_BYTE } from '../../../src/wal/format/limits.ts';
import { Salt } from '../../../src/wal/format/salt.ts';
import { borderAfter } from '../../../src/wal/format/write-header.ts';
import { batches, endsOf, FIRST, SALT, segment } from '../fixture.ts';

const value = 'z'.repeat(700);
const built = batches(FIRST, [
  { epoch: 1, ops: [{ value }] },
  { ops: [{ value }] },
  { ops: [{ value }] },
]);
const ENDS = endsOf(built.parts);
const [END_2 = 0, END_3 = 0, END_4 = 0] = ENDS;
const START = borderAfter(END_2);
/** As a scan leaves it that stopped in the second write. */
const FROM = {
  start: START,
  salt: SALT,
  write: { start: START, end: END_3, number: 2, fillBlocks: 0 },
  number: 2,
  firstLsn: 3,
  lastEnd: END_2,
};

const file = (): Buffer => segment(FIRST, built.parts);

function scan(bytes: Buffer, from: object = {}, cuts: readonly number[] = []): TailEvidence {
  const start = { ...FROM, ...from };
  const tail = new TailScan(start);
  let at = start.start;
  for (const cut of [...cuts.filter((offset) => offset > at), bytes.length]) {
    tail.add(bytes.subarray(at, cut), at);
    at = cut;
  }
  return tail.finish({ epoch: 1, lsn: 4, count: 1, timeMs: 0, commitLsn: 0, chain: 0 });
}

describe('tail evidence', () => {
  test('has the later writes, the position that the last one ends with, and where the written bytes end', () => {
    const last = { number: 3, firstLsn: 4, end: END_4 };

    expect(scan(file())).toEqual({
      laterWrite: last,
      lastWrite: last,
      highest: { epoch: 1, lsn: 4 },
      clean: true,
      hole: undefined,
      left: 0,
      writtenEnd: END_4,
    });
  });

  test('is the same however the bytes come, as long as blocks come whole', () => {
    const bytes = file();
    bytes.fill(FILL_BYTE, START + BLOCK_BYTES, START + 2 * BLOCK_BYTES);
    const whole = scan(bytes);
    expect(whole.hole).toBe(START + BLOCK_BYTES);
    const block = fc.integer({ min: START / BLOCK_BYTES + 1, max: 15 });
    fc.assert(
      fc.property(fc.uniqueArray(block), (cuts) => {
        const sorted = cuts.toSorted((a, b) => a - b).map((cut) => cut * BLOCK_BYTES);
        expect(scan(bytes, {}, sorted)).toEqual(whole);
      }),
    );
  });

  test('counts the blocks of fill that the write was to have, and no more', () => {
    const bytes = file();
    bytes.fill(FILL_BYTE, START + BLOCK_BYTES, END_3);
    const found = (fillBlocks: number): TailEvidence =>
      scan(bytes, { write: { ...FROM.write, fillBlocks } });
    const blocks = Math.ceil((END_3 - START) / BLOCK_BYTES) - 1;

    expect(found(blocks).hole).toBeUndefined();
    expect(found(blocks - 1).hole).toBe(START + BLOCK_BYTES);
  });

  test('takes a first block of fill for a lost header, where something was written behind it', () => {
    const bytes = file();
    bytes.fill(FILL_BYTE, START, START + BLOCK_BYTES);
    expect(scan(bytes, { write: undefined, number: 1 }).hole).toBe(START);
    bytes.fill(FILL_BYTE, START);
    expect(scan(bytes, { write: undefined, number: 1 })).toMatchObject({
      hole: undefined,
      lastWrite: undefined,
      writtenEnd: END_2,
    });
  });

  test.for([
    ['another salt', { salt: Salt.at(Buffer.alloc(8), 0) }],
    ['no higher number', { number: 3, write: { ...FROM.write, number: 3 } }],
    ['an unknown salt', { salt: undefined }],
  ] as const)('takes no header with %s for a later write', ([, from]) => {
    expect(scan(file(), from).laterWrite).toBeUndefined();
  });

  test('takes no header for a later write that is not at a border', () => {
    const bytes = Buffer.concat([file().subarray(0, START + BLOCK_BYTES), file()]);
    bytes.copyWithin(START + BLOCK_BYTES + 1, START + BLOCK_BYTES);
    expect(scan(bytes).laterWrite).toBeUndefined();
  });

  test('is not clean where something follows the last write', () => {
    const bytes = file();
    bytes[borderAfter(END_4) + 7] = 1;
    expect(scan(bytes).clean).toBe(false);
  });

  test('knows fill from anything else', () => {
    expect(isFill(Buffer.alloc(3_000_000, FILL_BYTE))).toBe(true);
    const bytes = Buffer.alloc(3_000_000, FILL_BYTE);
    bytes[2_999_999] = 0;
    expect(isFill(bytes)).toBe(false);
    expect(isFill(Buffer.alloc(0))).toBe(true);
  });
});
