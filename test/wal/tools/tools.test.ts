import { beforeEach, describe, expect, test } from 'vitest';
import { WalshipError } from '../../../src/errors.ts';
import { SeededEntropy } from '../../../src/ports/seeded-entropy.ts';
import { BLOCK_BYTES, FILL_BYTE } from '../../../src/wal/format/limits.ts';
import { MetaStore } from '../../../src/wal/files/meta.ts';
import { listSaved } from '../../../src/wal/files/saved.ts';
import { diff } from '../../../src/wal/tools/diff.ts';
import { dump, type DumpLine } from '../../../src/wal/tools/dump.ts';
import { repair } from '../../../src/wal/tools/repair.ts';
import { verify } from '../../../src/wal/tools/verify.ts';
import { borderAfter } from '../../../src/wal/format/write-header.ts';
import { batches, endsOf, FIRST, openMeta, pathOf, recoverFixture, segment } from '../fixture.ts';
import { MemoryDisk } from '../memory-disk.ts';

const SHAPES = [
  { epoch: 1, ops: [{ key: 'a', value: 'x'.repeat(600) }] },
  {
    ops: [
      { op: 0x81, key: 'b' },
      { op: 2, key: 'c', value: '' },
    ],
  },
  { ops: [{ op: 40, key: 'd', value: 'y'.repeat(600) }] },
];
const built = batches(FIRST, SHAPES);
const first = batches(FIRST, SHAPES.slice(0, 2));
const [, END_4 = 0, END_5 = 0] = endsOf(built.parts);
/** Where the last write begins. */
const START_5 = borderAfter(END_4);
const entropy = new SeededEntropy('repair');
const clock = {
  nowMs: () => 0,
  wallMs: () => 7000,
  after: () => () => undefined,
  soon: () => undefined,
};

let disk: MemoryDisk;
beforeEach(async () => {
  disk = new MemoryDisk();
  await openMeta(disk, { newestSegment: 1, promise: { epoch: 1, candidate: null, attempt: null } });
  disk.files.set(pathOf(1), segment(FIRST, built.parts));
});

function flip(path: string, offset: number): void {
  const bytes = Buffer.from(disk.get(path));
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
  disk.files.set(path, bytes);
}

async function lines(path = '/d'): Promise<DumpLine[]> {
  const all: DumpLine[] = [];
  for await (const line of dump(disk, path)) all.push(line);
  return all;
}

const told = (line: DumpLine): string => {
  if (line.kind === 'record') {
    return `${line.lsn} ${line.opName}${line.more ? '+' : ''} ${line.key.toString()}`;
  }
  if (line.kind === 'seal') return `seal ${line.seal.lsn} x${line.seal.count}`;
  if (line.kind === 'end') return `end ${line.offset} ${line.problem ?? 'good'}`;
  return `segment ${line.header.baseLsn}`;
};

describe('verify', () => {
  test('reports a good directory, and changes nothing', async () => {
    const before = new Map(disk.files);

    const report = await verify(disk, '/d');

    expect(report).toMatchObject({
      ok: true,
      row: 'end',
      voters: 3,
      decision: 'open',
      problem: undefined,
      firstLsn: 1,
      last: built.state,
      batches: 3,
      records: 5,
    });
    expect(report.segments).toMatchObject([{ usedBytes: END_5, lastLsn: 5 }]);
    expect(disk.files).toEqual(before);
  });

  test('says of a damaged one what a start says', async () => {
    flip(pathOf(1), START_5 + 62);

    const report = await verify(disk, '/d');

    expect(report).toMatchObject({
      ok: false,
      row: 'damage',
      decision: 'save-cut-suspect',
      gone: 'LSN 5',
      offset: START_5 + 32,
    });
    const refused = recoverFixture(disk, { voters: 1 });
    await expect(refused).rejects.toMatchObject({ message: report.problem });
  });

  test('is not content with a log whose meta.json is gone', async () => {
    disk.files.delete('/d/meta.json');
    expect(await verify(disk, '/d')).toMatchObject({
      ok: false,
      row: 'end',
      metaProblem: '/d/meta.json is absent',
    });
  });

  test('is content with an empty directory', async () => {
    expect(await verify(new MemoryDisk(), '/d')).toMatchObject({
      ok: true,
      segments: [],
      records: 0,
    });
  });
});

describe('dump', () => {
  const GOOD = [
    'segment 1',
    '1 EPOCH n1',
    '2 PUT a',
    'seal 2 x2',
    '3 PUT+ b',
    '4 DELETE c',
    'seal 4 x2',
  ];

  test('describes every record and seal, then the end', async () => {
    expect((await lines()).map(told)).toEqual([
      ...GOOD,
      '5 OP40 d',
      'seal 5 x1',
      `end ${END_5} good`,
    ]);
  });

  test('reads one segment, and a directory of segments', async () => {
    const all = (await lines()).map(told);
    expect((await lines(pathOf(1))).map(told)).toEqual(all);
    expect((await lines('/d/wal')).map(told)).toEqual(all);
  });

  test('goes over from one segment to the next', async () => {
    disk.files.set(pathOf(1), segment(FIRST, first.parts, 0));
    disk.files.set(pathOf(5), segment(first.state, built.parts.slice(2)));
    expect((await lines()).map(told).slice(-5)).toEqual([
      'seal 4 x2',
      'segment 5',
      '5 OP40 d',
      'seal 5 x1',
      expect.stringMatching(/good$/),
    ]);
  });

  test('stops where the log stops, and says why', async () => {
    flip(pathOf(1), START_5 + 62);
    const all = (await lines()).map(told);
    expect(all.slice(0, -1)).toEqual(GOOD);
    expect(all.at(-1)).toMatch(new RegExp(`^end ${START_5 + 32} checksum`));
  });

  test('stops at a gap between segments, and at something behind the end', async () => {
    disk.files.set(pathOf(9), segment({ ...built.state, lsn: 8 }, Buffer.alloc(0)));
    expect((await lines()).map(told).at(-1)).toMatch(/LSN 9, the one with LSN 6 is missing/);
    disk.files.delete(pathOf(9));
    const bytes = Buffer.from(disk.get(pathOf(1)));
    bytes[4000] = 1;
    disk.files.set(pathOf(1), bytes);
    expect((await lines()).map(told).at(-1)).toMatch(/written bytes behind it/);
  });

  test('leaves out what comes before an LSN, and can be left early', async () => {
    const seen: string[] = [];
    for await (const line of dump(disk, '/d', { fromLsn: 3 })) {
      seen.push(told(line));
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(['segment 1', '3 PUT+ b', '4 DELETE c']);
  });
});

describe('diff', () => {
  const put = (dir: string, bytes: Buffer): void => {
    disk.files.set(`/${dir}/wal/00000000000000000001.wal`, segment(FIRST, bytes));
  };

  test('finds no difference up to the end of the shortest, wherever segments begin', async () => {
    put('e', first.bytes);
    disk.files.set('/f/wal/00000000000000000001.wal', segment(FIRST, first.parts, 0));
    disk.files.set('/f/wal/00000000000000000005.wal', segment(first.state, built.parts.slice(2)));

    expect(await diff(disk, ['/d', '/e', '/f'])).toMatchObject({
      kind: 'equal',
      fromLsn: 1,
      toLsn: 4,
    });
    expect(await diff(disk, ['/d', '/f'])).toMatchObject({ kind: 'equal', fromLsn: 1, toLsn: 5 });
  });

  test('names the first record that differs', async () => {
    const [, { ops: _ops, ...rest } = {}] = SHAPES as readonly Record<string, unknown>[];
    const other = batches(FIRST, [
      ...SHAPES.slice(0, 1),
      {
        ...rest,
        ops: [
          { op: 0x81, key: 'b' },
          { op: 2, key: 'C', value: '' },
        ],
      },
    ]);
    put('e', other.bytes);

    expect(await diff(disk, ['/d', '/e'])).toMatchObject({
      kind: 'different',
      lsn: 4,
      equalToLsn: 2,
      batches: [
        { dir: '/d', epoch: 1, fromLsn: 3, toLsn: 4 },
        { dir: '/e', epoch: 1, fromLsn: 3, toLsn: 4 },
      ],
    });
  });

  test('sees seals that differ although their records are equal', async () => {
    const other = batches(FIRST, [{ ...SHAPES[0], timeMs: 1001 }]);
    put('e', other.bytes);
    expect(await diff(disk, ['/d', '/e'])).toMatchObject({
      kind: 'different',
      lsn: 2,
      equalToLsn: 0,
    });
  });

  test('compares from the first LSN that all hold', async () => {
    disk.files.set('/f/wal/00000000000000000005.wal', segment(first.state, built.parts.slice(2)));
    expect(await diff(disk, ['/d', '/f'])).toMatchObject({ kind: 'equal', fromLsn: 5, toLsn: 5 });
  });

  test('says where a damaged side ends', async () => {
    put('e', built.bytes);
    flip('/e/wal/00000000000000000001.wal', END_4 + 30);
    const result = await diff(disk, ['/d', '/e']);
    expect(result).toMatchObject({ kind: 'equal', toLsn: 4 });
    expect(result.sides).toMatchObject([{ lastLsn: 5 }, { lastLsn: 4 }]);
    expect(result.sides[1]?.problem).toMatch(/checksum/);
  });
});

describe('repair', () => {
  test('changes nothing where nothing is wrong', async () => {
    const before = new Map(disk.files);
    expect(await repair({ disk, clock, entropy, dir: '/d' })).toMatchObject({
      changed: false,
      lastLsn: 5,
      state: 'intact',
    });
    expect(disk.files).toEqual(before);
  });

  test('keeps a copy, says which LSNs are gone, and makes one of several voters suspect', async () => {
    flip(pathOf(1), START_5 + 62);

    const report = await repair({ disk, clock, entropy, dir: '/d' });

    expect(report).toMatchObject({
      changed: true,
      row: 'damage',
      gone: { from: 5, to: 5 },
      lastLsn: 4,
      state: 'suspect',
      claim: { epoch: 1, lsn: 5 },
    });
    expect(await listSaved({ disk, dir: '/d' })).toMatchObject([
      { by: 'operator', name: report.saved[0] },
    ]);
    expect(await verify(disk, '/d')).toMatchObject({ ok: true, last: first.state });
    const saved = await lines(`/d/saved/${report.saved[0] ?? ''}`);
    expect(saved.map(told)).toEqual(['segment 5', expect.stringMatching(/^end 544 checksum/)]);
  });

  test('is the way out of a refusal for a single voter, who stays intact', async () => {
    const meta = await MetaStore.open(disk, '/d', { hasLog: true });
    await meta.update({ voters: ['n1'], quorum: 1 });
    flip(pathOf(1), START_5 + 62);
    await expect(recoverFixture(disk, { voters: 1 })).rejects.toMatchObject({
      code: 'WAL_CORRUPT',
    });

    expect(await repair({ disk, clock, entropy, dir: '/d' })).toMatchObject({
      lastLsn: 4,
      state: 'intact',
    });

    const { log } = await recoverFixture(disk, { voters: 1 });
    expect(log.state).toEqual(first.state);
  });

  test('refuses what no repair makes right', { tags: ['slow'] }, async () => {
    const meta = await MetaStore.open(disk, '/d', { hasLog: true });
    await meta.update({ clusterId: 'a'.repeat(32) });
    await expect(repair({ disk, clock, entropy, dir: '/d' })).rejects.toMatchObject({
      code: 'WRONG_CLUSTER',
    });
    disk.files.delete('/d/meta.json');
    await expect(repair({ disk, clock, entropy, dir: '/d' })).rejects.toMatchObject({
      code: 'WAL_CORRUPT',
    });
  });

  test('cuts a torn write without saving it', async () => {
    const bytes = Buffer.from(disk.get(pathOf(1)));
    bytes.fill(FILL_BYTE, START_5, START_5 + BLOCK_BYTES);
    disk.files.set(pathOf(1), bytes);
    expect(await repair({ disk, clock, entropy, dir: '/d' })).toMatchObject({
      row: 'torn',
      saved: [],
      state: 'intact',
    });
  });
});

describe('beside a node that writes', () => {
  /** The last batch is half there when the log is read first, and whole at the read with this number. */
  function writing(wholeAtRead: number): void {
    const whole = segment(FIRST, built.parts);
    const half = Buffer.from(whole);
    half.fill(FILL_BYTE, START_5 + BLOCK_BYTES, END_5);
    disk.files.set(pathOf(1), half);
    const open = disk.open.bind(disk);
    let reads = 0;
    disk.open = (path, mode) => {
      reads += path === pathOf(1) && mode === 'read' ? 1 : 0;
      if (reads === wholeAtRead) disk.files.set(pathOf(1), whole);
      return open(path, mode);
    };
  }

  test.for([2, 3, 5])(
    'a write under way is the end of the log, seen whole at read %i',
    async (at) => {
      writing(at);
      expect(await verify(disk, '/d')).toMatchObject({
        ok: true,
        writing: true,
        row: 'end',
        problem: undefined,
        last: { lsn: 4 },
      });

      writing(at);
      expect((await lines()).map(told).at(-1)).toBe(`end ${END_4} good`);

      disk.files.set('/e/wal/00000000000000000001.wal', segment(FIRST, built.parts));
      writing(at);
      const compared = await diff(disk, ['/d', '/e']);
      expect(compared).toMatchObject({ kind: 'equal', toLsn: 4 });
      expect(compared.sides.map(({ problem }) => problem)).toEqual([undefined, undefined]);
    },
  );

  test('what stays as it is for long enough is what it is', async () => {
    writing(7);
    expect(await verify(disk, '/d')).toMatchObject({ ok: false, writing: false, row: 'torn' });
  });

  test('a segment that was followed by another meanwhile is whole', async () => {
    const part = (from: number, to: number): readonly Buffer[] => built.parts.slice(from, to);
    // Trimmed already, and listed before its successor had a name.
    disk.files.set(pathOf(1), segment(FIRST, part(0, 2), 0));
    const list = disk.list.bind(disk);
    let lists = 0;
    disk.list = (path) => {
      lists += path === '/d/wal' ? 1 : 0;
      if (lists === 2) disk.files.set(pathOf(5), segment(first.state, part(2, 3)));
      return list(path);
    };

    expect(await verify(disk, '/d')).toMatchObject({ ok: true, writing: true, last: { lsn: 4 } });
  });

  test('a segment that is purged before it is read begins the reading anew', async () => {
    disk.files.set(pathOf(1), segment(FIRST, built.parts[0] ?? Buffer.alloc(0), 0));
    const open = disk.open.bind(disk);
    let failed = false;
    disk.open = (path, mode) => {
      if (path !== pathOf(1) || failed) return open(path, mode);
      failed = true;
      const details = { path, errno: 'ENOENT' };
      disk.files.set(path, segment(FIRST, built.parts));
      return Promise.reject(new WalshipError('DISK_FAILED', 'gone', { details }));
    };

    expect(await verify(disk, '/d')).toMatchObject({ ok: true, last: { lsn: 5 } });
  });
});
