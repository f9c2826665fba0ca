import { expect, test } from 'vitest';
import { oddValue } from '../../src/sim/odd-values.ts';
import { SeededEntropy } from '../../src/ports/seeded-entropy.ts';
import { decodeRecord, OP, RecordView } from '../../src/wal/format/record.ts';
import { SEGMENT_HEADER_BYTES } from '../../src/wal/format/limits.ts';
import { decodeSegmentHeader } from '../../src/wal/format/segment.ts';

const entropy = new SeededEntropy(1);
const values = Array.from({ length: 5_000 }, () => oddValue(entropy, 7)).filter(
  (value) => value !== '',
);

test('a few values are far larger than the others', () => {
  const large = values.filter((value) => value.length >= 70_000);

  expect(large.length).toBeGreaterThan(2);
  expect(large.length).toBeLessThan(30);
});

test('some values are a segment, with seals of LSNs that are about to come', () => {
  const [value] = values.filter((one) => one.length < 70_000);
  const bytes = Buffer.from(value ?? '', 'latin1');
  const head = decodeSegmentHeader(bytes.subarray(0, SEGMENT_HEADER_BYTES));
  const view = new RecordView();

  expect(head.kind).toBe('header');
  expect(decodeRecord(bytes, SEGMENT_HEADER_BYTES, view)).toBeUndefined();
  expect(view.op).toBe(OP.SEAL);
  expect(view.lsn).toBe(7);
});
