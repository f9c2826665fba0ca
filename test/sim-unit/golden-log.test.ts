import { describe, expect, test } from 'vitest';
import { GoldenLog, SimViolation } from '../../src/sim/golden-log.ts';
import { type ImageBatch, ImageReader, readImage } from '../../src/sim/log-image.ts';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { encodeRecord, OP } from '../../src/wal/format/record.ts';
import { segmentName } from '../../src/wal/format/segment.ts';
import { firstBlock } from '../../src/wal/format/segment-copy.ts';
import { SALT, writesOf } from '../wal/fixture.ts';

const FILL = 0xa7;

/** A batch of PUTs; seal and chain are not looked at. */
function batch(firstLsn: number, epoch: number, ...pairs: string[]): ImageBatch {
  const bytes = Buffer.alloc(4096);
  let end = 0;
  const records = pairs.map((pair, index) => {
    const [key = '', text = ''] = pair.split('=');
    const value = Buffer.from(text);
    const lsn = firstLsn + index;
    end = encodeRecord(bytes, end, { lsn, op: OP.PUT, key: Buffer.from(key), value });
    return { lsn, epoch, op: OP.PUT, key, value };
  });
  const lastLsn = firstLsn + pairs.length - 1;
  const seal = Buffer.alloc(32);
  seal.writeBigUInt64BE(BigInt(epoch));
  end = encodeRecord(bytes, end, { lsn: lastLsn, op: OP.SEAL, key: Buffer.alloc(0), value: seal });
  return { firstLsn, lastLsn, bytes: bytes.subarray(0, end), records };
}

function putSegment(disk: SimDisk, baseLsn: number, batches: readonly ImageBatch[]): void {
  const header = { clusterId: '0'.repeat(32), baseLsn, epoch: 1, chain: 0, salt: SALT };
  const writes = writesOf(batches.map((b) => b.bytes));
  const bytes = Buffer.concat([firstBlock(header), writes, Buffer.alloc(100, FILL)]);
  disk.put(`/data/wal/${segmentName(baseLsn)}`, bytes);
}

const [first, second, third] = [batch(1, 1, 'a=1'), batch(2, 1, 'b=1', 'a=2'), batch(4, 2, 'c=1')];

describe('a log read off a disk', () => {
  test('has the batches of its segments, from any LSN, as long as they follow each other', () => {
    const disk = new SimDisk({ seed: 1 });
    putSegment(disk, 1, [first, second]);
    putSegment(disk, 4, [third]);
    putSegment(disk, 9, [batch(9, 2, 'x=9')]);

    expect(readImage(disk, '/data/wal')).toEqual([first, second, third]);
    const reader = new ImageReader(disk, '/data/wal');
    expect(reader.batches({ fromLsn: 4, durable: false })).toEqual([third]);
    expect(reader.batches({ fromLsn: 1, durable: true })).toHaveLength(3);
    putSegment(disk, 4, [batch(4, 2, 'd=1')]);
    expect(reader.batches({ fromLsn: 4, durable: true })[0]?.records[0]?.key).toBe('d');
  });
});

describe('the golden log', () => {
  test('takes what follows, and knows what a key was at any LSN', () => {
    const golden = new GoldenLog();
    golden.extend([first, second, third], 3, 'n1');
    golden.extend([first, second, third], 4, 'n2');

    expect([golden.end, golden.epoch]).toEqual([4, 2]);
    expect(golden.valueAt('a', 2)?.lsn).toBe(1);
    expect(golden.valueAt('a', 3)?.value.toString()).toBe('2');
    expect(golden.valueAt('c', 3)).toBeUndefined();
  });

  test('objects to gaps, to half batches, and to commits that nobody holds', () => {
    const golden = new GoldenLog();
    expect(() => golden.extend([second], 3, 'n1')).toThrow('does not follow 0');
    expect(() => golden.extend([first, second], 2, 'n1')).toThrow('within the batch 2 to 3');
    expect(() => golden.extend([], 5, 'n1')).toThrow(SimViolation);
  });

  test('objects to a log that lacks a committed batch, or has other bytes there', () => {
    const golden = new GoldenLog();
    golden.extend([first, second, third], 4, 'n1');
    const range = { fromLsn: 1, toLsn: 4 };

    golden.compare([first, second, third], range, 'n2');
    expect(() => golden.compare([first, second], range, 'n2')).toThrow('n2 has nothing there');
    const other = batch(2, 1, 'b=1', 'a=3');
    expect(() => golden.compare([first, other, third], range, 'n2')).toThrow('another batch');
    golden.compare([first, second], { ...range, epochMax: 1 }, 'n2');
    golden.compare([first, second], { fromLsn: 1, toLsn: 3 }, 'n2');
  });
});
