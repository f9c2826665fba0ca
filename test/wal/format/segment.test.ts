import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import { simulate } from '../../../src/sim/sim-world.ts';
import { MiB } from '../../../src/ports/units.ts';
import { FILL_BYTE } from '../../../src/wal/format/limits.ts';
import {
  createSegment,
  decodeSegmentHeader,
  encodeSegmentHeader,
  parseSegmentName,
  prefill,
  segmentName,
} from '../../../src/wal/format/segment.ts';
import { CLUSTER_ID, SALT } from '../fixture.ts';
import { MemoryDisk } from '../memory-disk.ts';

/** Computed in Python from the diagram: base LSN 5, epoch 3, chain deadbeef, salt 5a17000000005a17. */
const GOLDEN =
  '57414c534849500a000100000000004000112233445566778899aabbccddeeff' +
  '00000000000000050000000000000003deadbeef5a17000000005a17c37ab1cb';
const header = { clusterId: CLUSTER_ID, baseLsn: 5, epoch: 3, chain: 0xdeadbeef, salt: SALT };

function changed(offset: number, byte: number): Buffer {
  const bytes = Buffer.from(GOLDEN, 'hex');
  bytes[offset] = byte;
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

describe('segment header', () => {
  test('has the bytes of the format', () => {
    expect(encodeSegmentHeader(header).toString('hex')).toBe(GOLDEN);
    expect(decodeSegmentHeader(Buffer.from(GOLDEN, 'hex'))).toEqual({ kind: 'header', header });
  });

  test('is refused at every truncation', () => {
    for (let length = 0; length < 64; length += 1) {
      expect(decodeSegmentHeader(Buffer.from(GOLDEN, 'hex').subarray(0, length)).kind).toBe(
        'invalid',
      );
    }
  });

  test('is refused with any bit flipped', () => {
    for (let bit = 0; bit < 64 * 8; bit += 1) {
      const bytes = Buffer.from(GOLDEN, 'hex');
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeSegmentHeader(bytes).kind, `bit ${bit}`).toBe('invalid');
    }
  });

  test('of a newer format is told from damage', () => {
    expect(decodeSegmentHeader(changed(9, 2))).toEqual({ kind: 'newer', format: 2 });
  });

  test.for([
    ['format 0', 9, 0],
    ['a header that claims 65 bytes', 15, 65],
    ['reserved bytes in use', 10, 1],
    ['a base LSN out of range', 39, 0],
    ['a base LSN out of range', 32, 0x20],
    ['an epoch that exceeds 2^53', 40, 0x20],
  ] as const)('is refused for %s', ([reason, offset, byte]) => {
    expect(decodeSegmentHeader(changed(offset, byte))).toEqual({ kind: 'invalid', reason });
  });
});

describe('segment file', () => {
  test('is named by its base LSN, 20 digits', () => {
    expect(segmentName(42)).toBe('00000000000000000042.wal');
    expect(parseSegmentName('00000000000000000042.wal')).toBe(42);
  });

  test.for([
    '42.wal',
    '00000000000000000042.wal.tmp',
    '00000000000000000000.wal',
    '99999999999999999999.wal',
  ])('%s is no segment', (name) => {
    expect(parseSegmentName(name)).toBeUndefined();
  });

  test('is all fill behind its header, and never seen half made', async () => {
    const disk = new MemoryDisk();

    const { path } = await createSegment(disk, '/d/wal', { header, sizeBytes: 3_000_000 });

    expect(path).toBe('/d/wal/00000000000000000005.wal');
    const bytes = disk.get(path);
    expect(bytes.length).toBe(3_000_000);
    expect(bytes.toString('hex', 0, 64)).toBe(GOLDEN);
    expect(bytes.subarray(64).every((byte) => byte === FILL_BYTE)).toBe(true);
    expect([...disk.files.keys()]).toEqual([path]);
    expect(disk.changes.at(-1)).toBe(`rename ${path}`);
  });

  test('is durable, every byte of fill, once it is made', async () => {
    for (let seed = 1; seed <= 5; seed += 1) {
      await simulate(seed, async (world) => {
        const disk = new SimDisk({ seed });
        disk.directories.add('/d/wal');
        const mount = disk.mount(world.process());
        const { path } = await createSegment(mount, '/d/wal', { header, sizeBytes: 8192 });
        disk.losePower();

        const bytes = disk.contentOf(path);
        expect(bytes?.toString('hex', 0, 64), `seed ${seed}`).toBe(GOLDEN);
        expect(bytes?.subarray(64).every((byte) => byte === FILL_BYTE)).toBe(true);
        expect(bytes?.length).toBe(8192);
      });
    }
  });

  test('is synced in small pieces where commits go on beside it, in large ones where they wait for it', async () => {
    const sizes: number[] = [];
    const disk = new MemoryDisk();
    const open = disk.open.bind(disk);
    disk.open = async (path, mode) => {
      const file = await open(path, mode);
      return { ...file, sync: async () => void sizes.push(disk.get(path).length) };
    };

    await prefill(disk, '/d/wal/spare.tmp', 11 * MiB, () => sizes.length >= 1);

    expect(sizes.map((bytes) => bytes / MiB)).toEqual([2, 10, 11]);
    expect(disk.get('/d/wal/spare.tmp').every((byte) => byte === FILL_BYTE)).toBe(true);
  });
});
