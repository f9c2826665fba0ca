/**
 * Goal: every row of the recovery table does what it says, for one voter and for several.
 * Method: segments are put together byte by byte, damaged, and recovered; after each recovery the log is read again, and a second
 * recovery finds nothing more to do.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { isWalshipError, type WalshipError } from '../../../src/errors.ts';
import { MiB } from '../../../src/ports/units.ts';
import { BLOCK_BYTES, FILL_BYTE } from '../../../src/wal/format/limits.ts';
import type { Meta } from '../../../src/wal/files/meta.ts';
import { RECOVERY_TABLE, type RowId } from '../../../src/wal/recovery/recovery.ts';
import type { RecoverOptions } from '../../../src/wal/recovery/recover.ts';
import { listSaved } from '../../../src/wal/files/saved.ts';
import { Salt } from '../../../src/wal/format/salt.ts';
import { firstBlock } from '../../../src/wal/format/segment-copy.ts';
import { borderAfter, headerOf } from '../../../src/wal/format/write-header.ts';
import { verifyBatches } from '../../../src/wal/format/scan.ts';
import {
  batch,
  batches,
  type BatchShape,
  batchesIn,
  CLUSTER_ID,
  endsOf,
  FIRST,
  openMeta,
  pathOf,
  type Recovered,
  recoverFixture,
  SALT,
  segment,
  SIZE,
} from '../fixture.ts';
import { MemoryDisk } from '../memory-disk.ts';

const BIG = 'x'.repeat(1500);
/** LSNs 1 to 2, 3 to 4, 5, and 6; several blocks each. */
const SHAPES: readonly BatchShape[] = [
  { epoch: 1, ops: [{ value: BIG }] },
  { ops: [{}, { value: BIG }], commitLsn: 2 },
  { ops: [{ value: BIG }], commitLsn: 4 },
  { ops: [{ value: BIG }], commitLsn: 5 },
];
const built = batches(FIRST, SHAPES);
/** Where each batch ends in the segment. */
const [END_2 = 0, END_4 = 0, END_5 = 0, END_6 = 0] = endsOf(built.parts);
const STATE_4 = batches(FIRST, SHAPES.slice(0, 2)).state;
const STATE_5 = batches(FIRST, SHAPES.slice(0, 3)).state;

let disk: MemoryDisk;
beforeEach(() => {
  disk = new MemoryDisk();
});

const titleOf = (id: RowId): string => RECOVERY_TABLE.find((row) => row.id === id)?.title ?? '';

/** Gives block number `index` of the file back to the fill. */
function lose(path: string, block: number): void {
  const bytes = Buffer.from(disk.get(path));
  bytes.fill(FILL_BYTE, block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
  disk.files.set(path, bytes);
}

function flip(path: string, offset: number): void {
  const bytes = Buffer.from(disk.get(path));
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
  disk.files.set(path, bytes);
}

function cutFile(path: string, bytes: number): void {
  disk.files.set(path, disk.get(path).subarray(0, bytes));
}

/** Recovers, and checks what holds after every recovery: the log goes on to `lastLsn`, and nothing more is to be done. */
async function recovers(
  lastLsn: number,
  options: Partial<RecoverOptions> = {},
): Promise<Recovered> {
  const first = await recoverFixture(disk, options);
  expect(first.log.state.lsn).toBe(lastLsn);
  expect(first.replayed.at(-1) ?? 0).toBe(lastLsn);
  const last = first.log.segments.at(-1);
  if (last !== undefined) {
    const bytes = disk.get(last.path);
    expect(bytes.length).toBe(Math.max(options.segmentBytes ?? SIZE, last.usedBytes + 1));
    expect(bytes.subarray(last.usedBytes).every((byte) => byte === FILL_BYTE)).toBe(true);
  }
  expect([...disk.files.keys()].filter((name) => name.endsWith('.tmp'))).toEqual([]);
  const { meta: _used, ...again } = options;
  const second = await recoverFixture(disk, { ...again, onDamage: 'refuse' });
  expect(second.log.report).toMatchObject({ row: 'end', decision: 'open' });
  expect(second.log.state).toEqual(first.log.state);
  return first;
}

async function refusalOf(options: Partial<RecoverOptions> = {}): Promise<WalshipError> {
  await openMeta(disk);
  const before = new Map(disk.files);
  const error: unknown = await recoverFixture(disk, options).then(
    () => undefined,
    (cause: unknown) => cause,
  );
  expect(disk.files).toEqual(before);
  if (!isWalshipError(error)) throw new Error(`no refusal: ${String(error)}`);
  return error;
}

const ONE = { voters: 1 };

describe(titleOf('end'), () => {
  test('opens', async () => {
    disk.files.set(pathOf(1), segment(FIRST, built.parts));

    const { log, meta, replayed } = await recovers(6);

    expect(log.report).toMatchObject({
      row: 'end',
      decision: 'open',
      warnings: [],
      batches: 4,
      records: 6,
    });
    expect(replayed).toEqual([2, 4, 5, 6]);
    expect(log.state).toEqual(built.state);
    expect(log).toMatchObject({ firstLsn: 1, clusterId: CLUSTER_ID, knownCommitLsn: 5 });
    expect(log.epochs).toMatchObject([{ epoch: 1, firstLsn: 1, leader: 'n1', quorum: 2 }]);
    expect(log.lastSeal?.commitLsn).toBe(5);
    expect(meta).toMatchObject({ state: 'intact', newestSegment: 1, promise: { epoch: 1 } });
  });

  test('opens an empty log, and an empty segment', async () => {
    const blank = await recovers(0);
    expect(blank.log.segments).toEqual([]);
    expect(blank.log.clusterId).toBeUndefined();

    disk.files.set(pathOf(1), segment(FIRST, Buffer.alloc(0)));
    const { log } = await recovers(0);
    expect(log.segments).toMatchObject([{ usedBytes: 64, lastLsn: 0 }]);
    expect(log.state).toEqual(FIRST);
  });

  test.for(['trimmed', 'not yet trimmed'])('goes on behind a segment that is %s', async (kind) => {
    const first = built.parts.slice(0, 2);
    disk.files.set(pathOf(1), segment(FIRST, first, kind === 'trimmed' ? 0 : SIZE));
    disk.files.set(pathOf(5), segment(STATE_4, built.parts.slice(2)));

    const { log, meta } = await recovers(6);

    expect(log.segments.map(({ header, lastLsn }) => [header.baseLsn, lastLsn])).toEqual([
      [1, 4],
      [5, 6],
    ]);
    expect(meta.newestSegment).toBe(5);
  });

  test('opens a segment that its batches fill but for one byte', async () => {
    disk.files.set(pathOf(1), segment(FIRST, built.parts, END_6 + 1));
    await recovers(6, { segmentBytes: 64 });
  });

  test('removes what was being made, and raises the promise to the last epoch', async () => {
    const more = batch(built.state, { epoch: 7 }).bytes;
    disk.files.set(pathOf(1), segment(FIRST, [...built.parts, more]));
    disk.files.set(`${pathOf(8)}.tmp`, Buffer.alloc(100));

    const { meta } = await recovers(7);

    expect(meta.promise).toEqual({ epoch: 7, candidate: null, attempt: null });
  });

  test('keeps a promise above the last epoch', async () => {
    const promise = { epoch: 9, candidate: 'n2', attempt: 'a' };
    await openMeta(disk, { promise });
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    const { meta } = await recovers(6);
    expect(meta.promise).toEqual(promise);
  });

  test('reads batches larger than any window', async () => {
    const values = [3 * MiB, 5 * MiB + 1, 100, 9 * MiB].map((size) => Buffer.alloc(size, 3));
    const large = batches(
      FIRST,
      values.map((value, index) => ({
        ...(index === 0 ? { epoch: 1 } : {}),
        ops: [{ value }, { value: 'y' }],
      })),
    );
    disk.files.set(pathOf(1), segment(FIRST, large.parts, large.bytes.length + 4096));
    const seen: Buffer[] = [];

    const { log } = await recoverFixture(disk, {
      replay: ({ bytes }) => seen.push(Buffer.from(bytes)),
    });

    expect(log.state).toEqual(large.state);
    expect(Buffer.concat(seen).equals(large.bytes)).toBe(true);
  });
});

describe(titleOf('torn'), () => {
  /** Where the blocks of a write begin that ends at `end`. */
  const blocksOf = (start: number, end: number): readonly number[] =>
    Array.from(
      { length: Math.ceil((end - start) / BLOCK_BYTES) },
      (_, index) => start / BLOCK_BYTES + index,
    );
  const lastBlocks = blocksOf(borderAfter(END_5), END_6);

  test.for([1, 3])(
    'cuts, with %i voters, whichever block of the last write is lost',
    async (voters) => {
      expect(lastBlocks.length).toBeGreaterThan(2);
      for (const block of lastBlocks) {
        disk = new MemoryDisk();
        disk.files.set(pathOf(1), segment(FIRST, built.parts));
        lose(pathOf(1), block);

        const { log, meta } = await recovers(5, { voters });

        expect(log.report, `block ${block}`).toMatchObject({
          row: 'torn',
          decision: 'cut',
          saved: [],
        });
        expect(log.state).toEqual(STATE_5);
        expect(meta).toMatchObject({ state: 'intact', claim: null });
        const [warning] = log.report.warnings;
        expect(warning?.code).toBe('TORN_WRITE_CUT');
        expect(warning?.message).toContain('00000000000000000001.wal at offset');
        expect(warning?.message).toContain('after LSN 5');
      }
    },
  );

  test('cuts a first write that was torn, and keeps the identity', async () => {
    disk.files.set(pathOf(1), segment(FIRST, built.parts[0] ?? Buffer.alloc(0)));
    lose(pathOf(1), 2);

    const { log } = await recovers(0, ONE);

    expect(log.report.row).toBe('torn');
    expect(log.clusterId).toBe(CLUSTER_ID);
  });

  test.for([1, 3])(
    'keeps what was written whole of a torn write of several batches, with %i voters',
    async (voters) => {
      // As a follower writes them.
      const [first = Buffer.alloc(0), ...rest] = built.parts;
      disk.files.set(pathOf(1), segment(FIRST, [first, Buffer.concat(rest)]));
      const end = borderAfter(END_2) + 32 + (rest[0]?.length ?? 0);
      lose(pathOf(1), borderAfter(end) / BLOCK_BYTES);

      const { log, meta } = await recovers(4, { voters });

      expect(log.report.row).toBe('torn');
      expect(log.state).toEqual(STATE_4);
      expect(meta.state).toBe('intact');
    },
  );

  test('cuts a torn write of a value that is all fill, and of one that looks like a log', async () => {
    const file = segment(FIRST, built.parts);
    for (const value of [Buffer.alloc(4096, FILL_BYTE), file, built.bytes]) {
      const more = batch(built.state, { ops: [{ value }] });
      const whole = segment(FIRST, [...built.parts, more.bytes], 2 * SIZE + file.length);
      const start = borderAfter(END_6) / BLOCK_BYTES;
      for (const block of [start, start + Math.ceil(more.bytes.length / BLOCK_BYTES) - 1]) {
        disk = new MemoryDisk();
        disk.files.set(pathOf(1), Buffer.from(whole));
        lose(pathOf(1), block);
        expect((await recovers(6, ONE)).log.report.row, `block ${block}`).toBe('torn');
      }
    }
  });

  test('is damage where a later write began: it was not issued before the fsync returned', async () => {
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    lose(pathOf(1), borderAfter(END_2) / BLOCK_BYTES + 1);

    const { log } = await recovers(2);

    expect(log.report.row).toBe('damage');
  });

  test('is damage where the lost block is one of a later write', async () => {
    for (const lost of lastBlocks) {
      disk = new MemoryDisk();
      disk.files.set(pathOf(1), segment(FIRST, built.parts));
      flip(pathOf(1), END_5 - 20);
      lose(pathOf(1), lost);
      expect((await recovers(4)).log.report.row, `block ${lost}`).toBe('damage');
    }
  });

  test('is damage where all blocks are there, and some of them hold a value that is all fill', async () => {
    const more = batch(built.state, { ops: [{ value: Buffer.alloc(2048, FILL_BYTE) }] });
    disk.files.set(pathOf(1), segment(FIRST, [...built.parts, more.bytes], 2 * SIZE));
    flip(pathOf(1), borderAfter(END_6) + 32 + more.bytes.length - 3);

    const { log } = await recovers(6);

    expect(log.report.row).toBe('damage');
  });

  test('is damage where the header of the last write is not what it was', async () => {
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    flip(pathOf(1), borderAfter(END_5) + 9);

    const { log, meta } = await recovers(5);

    expect(log.report.row).toBe('damage');
    expect(meta.claim).toBe('unknown');
  });
});

test('what stands between two writes means nothing', async () => {
  disk.files.set(pathOf(1), segment(FIRST, built.parts));
  const ends = [64, END_2, END_4, END_5, END_6];
  for (const end of ends) flip(pathOf(1), Math.min(end + 5, borderAfter(end) - 1));

  const { log } = await recoverFixture(disk);

  expect(log.report).toMatchObject({ row: 'end', decision: 'open', warnings: [] });
  expect(log.state).toEqual(built.state);
});

test('a write with another salt, an older number or another LSN does not continue', async () => {
  const more = batch(built.state, { ops: [{}] });
  const right = { salt: SALT, number: 5, firstLsn: 7 };
  const wrong = [
    [{ ...right, salt: Salt.at(Buffer.alloc(8, 1), 0) }, 'no write begins here'],
    [{ ...right, number: 4 }, 'write 4 behind write 4'],
    [{ ...right, firstLsn: 8 }, 'a write of LSN 8, expected 7'],
  ] as const;
  for (const [place, reason] of wrong) {
    const bytes = segment(FIRST, built.parts);
    Buffer.concat([headerOf(more.bytes, place), more.bytes]).copy(bytes, borderAfter(END_6));
    disk = new MemoryDisk();
    disk.files.set(pathOf(1), bytes);

    const { log } = await recovers(6);

    expect(log.report.row).toBe('damage');
    expect(log.report.warnings[0]?.message).toContain(reason);
  }
});

test('the copy of what is kept has another salt', async () => {
  disk.files.set(pathOf(1), segment(FIRST, built.parts));
  const before = Buffer.from(disk.get(pathOf(1)));

  await recovers(6);

  expect(disk.get(pathOf(1)).subarray(52, 60)).not.toEqual(before.subarray(52, 60));
  expect(batchesIn(disk.get(pathOf(1)))).toEqual(built.bytes);
});

describe(titleOf('short'), () => {
  test.for([borderAfter(END_5) + 1, borderAfter(END_5) + 100, END_6 - 53, END_6 - 1])(
    'warns and opens with one voter, cut at byte %i',
    async (bytes) => {
      disk.files.set(pathOf(1), segment(FIRST, built.parts));
      cutFile(pathOf(1), bytes);

      const { log, meta } = await recovers(5, ONE);

      expect(log.report).toMatchObject({
        row: 'short',
        decision: 'save-cut',
        gone: { from: 6, to: 'unknown' },
      });
      expect(log.report.warnings).toMatchObject([{ code: 'LOG_CUT_SHORT' }]);
      expect(log.report.warnings[0]?.message).toContain('everything from LSN 6 on');
      expect(meta.state).toBe('intact');
    },
  );

  test('saves, cuts and becomes suspect with several voters', async () => {
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    cutFile(pathOf(1), END_6 - 1);

    const { log, meta } = await recovers(5);

    expect(log.report).toMatchObject({ row: 'short', decision: 'save-cut-suspect' });
    expect(meta).toMatchObject({ state: 'suspect', claim: 'unknown' });
    const [name = ''] = log.report.saved;
    const saved = disk.get(`/d/saved/${name}`);
    const { chain } = STATE_5;
    const header = { clusterId: CLUSTER_ID, baseLsn: 6, epoch: 1, chain, salt: SALT };
    expect(saved.subarray(0, BLOCK_BYTES)).toEqual(firstBlock(header));
    const cut = segment(FIRST, built.parts).subarray(borderAfter(END_5), END_6 - 1);
    expect(saved.subarray(BLOCK_BYTES)).toEqual(cut);
  });

  test('is damage where a length points beyond a file of full size', async () => {
    const bytes = segment(FIRST, built.parts);
    bytes[borderAfter(END_5) + 32 + 14] = 1;
    disk.files.set(pathOf(1), bytes);

    const error = await refusalOf(ONE);

    expect(error.code).toBe('WAL_CORRUPT');
  });
});

describe(titleOf('damage'), () => {
  const damages: readonly (readonly [string, number, number, Meta['claim'], () => void])[] = [
    [
      'a flipped bit in the last batch',
      1,
      5,
      { epoch: 1, lsn: 6 },
      () => flip(pathOf(1), borderAfter(END_5) + 62),
    ],
    ['a flipped bit in the last seal', 1, 5, 'unknown', () => flip(pathOf(1), END_6 - 3)],
    [
      'a flipped bit, and later batches',
      1,
      2,
      { epoch: 1, lsn: 6 },
      () => flip(pathOf(1), borderAfter(END_2) + 62),
    ],
    [
      'a flipped bit in the first record',
      1,
      0,
      { epoch: 1, lsn: 6 },
      () => flip(pathOf(1), BLOCK_BYTES + 38),
    ],
    [
      'a lost block, and a later write',
      1,
      4,
      { epoch: 1, lsn: 6 },
      () => lose(pathOf(1), borderAfter(END_4) / BLOCK_BYTES),
    ],
    ['a damaged header', 1, 0, 'unknown', () => flip(pathOf(1), 20)],
  ];

  test.for(damages)('%s: with several voters it saves, cuts and is suspect', async (row) => {
    const [, , lastLsn, claim, damage] = row;
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    damage();

    const { log, meta } = await recovers(lastLsn);

    expect(log.report).toMatchObject({ row: 'damage', decision: 'save-cut-suspect' });
    expect(meta).toMatchObject({ state: 'suspect', claim });
    expect(log.report.saved.length).toBe(1);
    expect(log.report.warnings).toMatchObject([{ code: 'LOG_DAMAGE_CUT' }]);
  });

  test.for(damages)('%s: with one voter it refuses, and the operator may cut', async (row) => {
    const [, base, lastLsn, , damage] = row;
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    damage();

    const error = await refusalOf(ONE);

    expect(error.code).toBe('WAL_CORRUPT');
    expect(error.message).toContain(`${String(base).padStart(20, '0')}.wal at offset`);
    expect(error.message).toMatch(
      lastLsn === 0 ? /no record is good/ : new RegExp(`last good LSN is ${lastLsn}`),
    );
    expect(error.message).toMatch(/walship log repair .*--on-damage cut/);
    const { log, meta } = await recovers(lastLsn, { ...ONE, onDamage: 'cut' });
    expect(log.report).toMatchObject({ row: 'damage', decision: 'save-cut' });
    expect(meta.state).toBe('intact');
    expect(await listSaved({ disk, dir: '/d' })).toMatchObject([
      { by: 'operator', from: { lsn: lastLsn + 1 } },
    ]);
  });

  test('the refusal names segment, offset and LSNs, and says what to do', async () => {
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    flip(pathOf(1), borderAfter(END_4) + 62);

    const { message, details } = await refusalOf(ONE);

    expect(message).toMatchInlineSnapshot(
      `"00000000000000000001.wal at offset 4640: checksum 89bc4244, stored 0da9ae7d; the last good LSN is 4, lost: LSNs 5 to 6; restore the segment from a backup, or continue without them: walship log repair keeps a copy, and so does a start with --on-damage cut"`,
    );
    expect(details).toMatchObject({
      row: 'damage',
      offset: borderAfter(END_4) + 32,
      lastGoodLsn: 4,
      gone: { from: 5, to: 6 },
    });
  });

  function twoSegments(): void {
    disk.files.set(pathOf(1), segment(FIRST, built.parts.slice(0, 2), 0));
    disk.files.set(pathOf(5), segment(STATE_4, built.parts[2] ?? Buffer.alloc(0), 0));
    disk.files.set(pathOf(6), segment(STATE_5, built.parts[3] ?? Buffer.alloc(0)));
  }

  const missing: readonly (readonly [string, number, () => void])[] = [
    ['the first segment', 0, () => disk.files.delete(pathOf(1))],
    ['a segment in the middle', 4, () => disk.files.delete(pathOf(5))],
    ['the successor of a trimmed one', 5, () => disk.files.delete(pathOf(6))],
    [
      'every segment, which meta.json names',
      0,
      () => {
        for (const base of [1, 5, 6]) disk.files.delete(pathOf(base));
      },
    ],
    [
      'the newest, which meta.json names',
      5,
      () => {
        disk.files.delete(pathOf(6));
        disk.files.set(pathOf(5), segment(STATE_4, built.parts[2] ?? Buffer.alloc(0)));
      },
    ],
  ];

  test.for(missing)('%s is missing', async ([, lastLsn, remove]) => {
    await openMeta(disk, { newestSegment: 6 });
    twoSegments();
    remove();

    const error = await refusalOf(ONE);
    expect(error.code).toBe('SEGMENT_MISSING');
    expect(error.message).toMatch(/missing/);

    const { meta } = await recovers(lastLsn);
    expect(meta).toMatchObject({ state: 'suspect', claim: 'unknown' });
  });

  test('in a segment that is not the last, removes the later ones, newest first, and saves them all', async () => {
    twoSegments();
    flip(pathOf(1), borderAfter(END_2) + 62);
    disk.changes.length = 0;

    const { log, meta } = await recoverFixture(disk);

    expect(log.report.saved.length).toBe(3);
    expect(meta).toMatchObject({ state: 'suspect', claim: { epoch: 1, lsn: 6 }, newestSegment: 1 });
    const order = disk.changes.filter((change) => /^(remove|rename)/.test(change));
    const rank = (text: string): number => order.findIndex((change) => change.includes(text));
    expect(order.findLastIndex((change) => change.startsWith('rename /d/saved'))).toBeLessThan(
      order.lastIndexOf('rename /d/meta.json'),
    );
    expect(order.lastIndexOf('rename /d/meta.json')).toBeLessThan(rank(`remove ${pathOf(6)}`));
    expect(rank(`remove ${pathOf(6)}`)).toBeLessThan(rank(`remove ${pathOf(5)}`));
    expect(rank(`remove ${pathOf(5)}`)).toBeLessThan(rank(`rename ${pathOf(1)}`));
  });

  test('what was saved is an ordinary segment that goes on where the log was cut', async () => {
    twoSegments();
    flip(pathOf(6), BLOCK_BYTES + 62);

    const { log } = await recovers(5);

    const [name = ''] = log.report.saved;
    expect(disk.get(`/d/saved/${name}`).length).toBe(
      BLOCK_BYTES + 32 + (built.parts[3]?.length ?? 0),
    );
    const [entry] = await listSaved({ disk, dir: '/d' });
    expect(entry).toMatchObject({
      by: 'recovery',
      whenMs: 5000,
      from: { epoch: 1, lsn: 6 },
      to: { epoch: 1, lsn: 6 },
    });
    expect(entry?.why).toContain('00000000000000000006.wal at offset 544: checksum');
  });

  test('dying at any change leads to the same end', async () => {
    await openMeta(disk);
    twoSegments();
    flip(pathOf(1), borderAfter(END_2) + 62);
    const damaged = new Map(disk.files);
    disk.changes.length = 0;
    await recoverFixture(disk);
    const changes = disk.changes.length;
    for (let failAt = 1; failAt <= changes; failAt += 1) {
      disk = new MemoryDisk();
      for (const [path, bytes] of damaged) disk.files.set(path, bytes);
      disk.failAt = failAt;
      await expect(recoverFixture(disk)).rejects.toThrow(/failed at/);
      disk.failAt = Number.POSITIVE_INFINITY;

      const { meta } = await recovers(2);

      // What was removed before it died can no longer be looked at: then the claim is unknown, which is more.
      expect(meta.state, `failed at change ${failAt}`).toBe('suspect');
      expect([{ epoch: 1, lsn: 6 }, 'unknown']).toContainEqual(meta.claim);
      expect((await listSaved({ disk, dir: '/d' })).length).toBe(3);
    }
  });

  test('a suspect stays one, and its claim only grows', async () => {
    await openMeta(disk, { state: 'suspect', claim: { epoch: 1, lsn: 50 } });
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    flip(pathOf(1), borderAfter(END_5) + 62);
    const { meta } = await recovers(5);
    expect(meta.claim).toEqual({ epoch: 1, lsn: 50 });
  });

  test('an unknown claim stays unknown, and any claim becomes it', async () => {
    await openMeta(disk, { state: 'suspect', claim: 'unknown' });
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    flip(pathOf(1), borderAfter(END_5) + 62);
    expect((await recovers(5)).meta.claim).toBe('unknown');

    disk = new MemoryDisk();
    await openMeta(disk, { state: 'suspect', claim: { epoch: 1, lsn: 50 } });
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    cutFile(pathOf(1), END_6 - 1);
    expect((await recovers(5)).meta.claim).toBe('unknown');
  });

  test.for([
    ['a first segment that does not begin with the first chain', { ...FIRST, chain: 5 }, 1],
    ["base LSN 5, the file's name says another", { ...STATE_4 }, 4],
    ['a header that does not continue LSN 4', { ...STATE_4, chain: 5 }, 5],
    ['a header that does not continue LSN 4', { ...STATE_4, epoch: 2 }, 5],
  ] as const)('%s', async ([reason, state, base]) => {
    twoSegments();
    disk.files.delete(pathOf(6));
    disk.files.delete(pathOf(5));
    disk.files.set(pathOf(base), segment(state, Buffer.alloc(0)));

    const error = await refusalOf(ONE);

    expect(error.code).toBe('WAL_CORRUPT');
    expect(error.message).toContain(reason);
  });

  test('a hole in a segment that is not the last is no torn write', async () => {
    twoSegments();
    lose(pathOf(5), 1);
    const { log } = await recovers(4);
    expect(log.report.row).toBe('damage');
  });

  test('a blank node stays blank', async () => {
    await openMeta(disk, { state: 'blank' });
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    flip(pathOf(1), borderAfter(END_5) + 62);
    const { meta } = await recovers(5);
    expect(meta).toMatchObject({ state: 'blank', claim: null });
  });

  test('fill where a write would begin, and something behind it in the same block, is not taken for the end', async () => {
    const bytes = segment(FIRST, built.parts);
    bytes[borderAfter(END_6) + 100] = 1;
    disk.files.set(pathOf(1), bytes);
    const { log } = await recovers(6);
    expect(log.report.row).toBe('damage');
  });
});

describe(titleOf('foreign'), () => {
  const other = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

  test.for([
    ['the segment is of another cluster', 'WRONG_CLUSTER', { clusterId: other }, built.bytes],
    ['the log is of another history', 'WRONG_CLUSTER', { historyId: other }, built.bytes],
    [
      'a record has an op that nobody knows',
      'UNSUPPORTED_VERSION',
      {},
      batch(FIRST, { epoch: 1, ops: [{ op: 6 }] }).bytes,
    ],
  ] as const)('refuses where %s, whatever the operator says', async ([, code, patch, bytes]) => {
    await openMeta(disk, patch);
    disk.files.set(pathOf(1), segment(FIRST, bytes));
    for (const voters of [1, 3]) {
      for (const onDamage of ['refuse', 'cut'] as const) {
        const error = await refusalOf({ voters, onDamage });
        expect(error.code).toBe(code);
        expect(error.message).toContain('00000000000000000001.wal');
      }
    }
  });

  test('refuses a segment of a newer format', async () => {
    const bytes = segment(FIRST, built.parts);
    bytes[9] = 2;
    const { crc32 } = await import('node:zlib');
    bytes.writeUInt32BE(crc32(bytes.subarray(0, 60)), 60);
    disk.files.set(pathOf(1), bytes);

    const error = await refusalOf();

    expect(error.code).toBe('UNSUPPORTED_VERSION');
    expect(error.message).toContain('start a newer walship');
  });
});

test('what recovery leaves behind can be appended to and read again', async () => {
  disk.files.set(pathOf(1), segment(FIRST, built.parts));
  lose(pathOf(1), borderAfter(END_5) / BLOCK_BYTES);
  const { log } = await recoverFixture(disk);
  const more = batch(log.state, { ops: [{ key: 'again' }] });
  const last = log.segments.at(-1);
  const path = last?.path ?? '';
  const place = { salt: last?.header.salt ?? SALT, number: (last?.number ?? 0) + 1, firstLsn: 6 };
  const write = Buffer.concat([headerOf(more.bytes, place), more.bytes]);
  write.copy(disk.get(path), borderAfter(last?.usedBytes ?? 0));

  const { log: again } = await recovers(6);

  expect(again.state).toEqual(more.state);
  expect(verifyBatches(FIRST, batchesIn(disk.get(path))).kind).toBe('ok');
});
