/**
 * Goal: with a snapshot, the log is needed from its start on: what is damaged below it goes to saved/ and nothing more, and a log that
 * does not lead up to it is put aside for a new one behind it. Without one, a log that does not begin with LSN 1 is damaged.
 * Method: segments put together byte by byte, as in recovery.test.ts; then power loss at every disk operation.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import { simulate } from '../../../src/sim/sim-world.ts';
import { BLOCK_BYTES } from '../../../src/wal/format/limits.ts';
import type { LogBase } from '../../../src/wal/format/log-base.ts';
import { BLANK_META, encodeMeta, MetaStore } from '../../../src/wal/files/meta.ts';
import {
  recover,
  type RecoveredLog,
  type RecoverOptions,
} from '../../../src/wal/recovery/recover.ts';
import { listSaved } from '../../../src/wal/files/saved.ts';
import { borderAfter } from '../../../src/wal/format/write-header.ts';
import {
  batches,
  type BatchShape,
  CLUSTER_ID,
  endsOf,
  FIRST,
  HISTORY_ID,
  openMeta,
  pathOf,
  type Recovered,
  recoverFixture,
  segment,
  SIZE,
} from '../fixture.ts';
import { MemoryDisk } from '../memory-disk.ts';

const BIG = 'x'.repeat(900);
/** LSNs 1 to 2, 3 to 4, 5, 6, and 7. */
const SHAPES: readonly BatchShape[] = [
  { epoch: 1, ops: [{ value: BIG }] },
  { ops: [{}, { value: BIG }], commitLsn: 2 },
  { ops: [{ value: BIG }], commitLsn: 4 },
  { epoch: 2, leader: 'n2', commitLsn: 5 },
  { ops: [{ value: BIG }], commitLsn: 5 },
];
const built = batches(FIRST, SHAPES);
const stateAfter = (count: number) => batches(FIRST, SHAPES.slice(0, count)).state;
const part = (from: number, to: number): readonly Buffer[] => built.parts.slice(from, to);
const ENDS = endsOf(built.parts);
const [STATE_2, STATE_4, STATE_5] = [stateAfter(1), stateAfter(2), stateAfter(3)];
const FIRST_EPOCH = {
  epoch: 1,
  leader: 'n1',
  firstLsn: 1,
  historyId: HISTORY_ID,
  voters: ['n1', 'n2', 'n3'],
  quorum: 2,
};
/** A snapshot of LSN 5, taken while LSN 6 was applied. */
const base: LogBase = {
  clusterId: CLUSTER_ID,
  start: STATE_5,
  endLsn: 6,
  epochs: [FIRST_EPOCH],
};

let disk: MemoryDisk;
beforeEach(() => {
  disk = new MemoryDisk();
});

function flip(path: string, offset: number): void {
  const bytes = Buffer.from(disk.get(path));
  bytes[offset] = (bytes[offset] ?? 0) ^ 0x10;
  disk.files.set(path, bytes);
}

async function recovers(
  expected: { firstLsn: number; lastLsn: number; state?: 'intact' | 'suspect' },
  options: Partial<RecoverOptions> = {},
): Promise<Recovered> {
  const meta = options.meta ?? (await openMeta(disk, { newestSegment: 1 }));
  const found = await recoverFixture(disk, { base, ...options, meta });
  expect(found.log).toMatchObject({
    firstLsn: expected.firstLsn,
    state: { lsn: expected.lastLsn },
  });
  expect(found.meta.state).toBe(expected.state ?? 'intact');
  expect(found.meta.newestSegment).toBe(found.log.segments.at(-1)?.header.baseLsn);
  const again = await recoverFixture(disk, { base, ...options, meta });
  expect(again.log.report).toMatchObject({ row: 'end', decision: 'open', saved: [], warnings: [] });
  expect(again.log.state).toEqual(found.log.state);
  return found;
}

const savedSegments = async (): Promise<string[]> =>
  (await listSaved({ disk, dir: '/d' })).map((entry) => entry.segment).toSorted();

describe('a log that reaches the start of the snapshot', () => {
  test('is replayed from there on, and its leaderships join those of the snapshot', async () => {
    disk.files.set(pathOf(1), segment(FIRST, built.parts));

    const { log, replayed } = await recovers({ firstLsn: 1, lastLsn: 7 });

    expect(replayed).toEqual([6, 7]);
    expect(log.epochs.map(({ epoch, firstLsn }) => [epoch, firstLsn])).toEqual([
      [1, 1],
      [2, 6],
    ]);
  });

  test('may begin right behind it, or anywhere before it', async () => {
    for (const [state, from, firstLsn] of [
      [STATE_5, 3, 6],
      [STATE_4, 2, 5],
    ] as const) {
      disk = new MemoryDisk();
      disk.files.set(pathOf(firstLsn), segment(state, part(from, 5)));
      const { log, replayed } = await recovers({ firstLsn, lastLsn: 7 });
      expect(replayed).toEqual([6, 7]);
      expect(log.epochs.map(({ epoch }) => epoch)).toEqual([1, 2]);
    }
  });

  test('may end there', async () => {
    disk.files.set(pathOf(1), segment(FIRST, part(0, 3)));
    await recovers({ firstLsn: 1, lastLsn: 5 });
  });
});

describe('damage below the start of the snapshot', () => {
  test.for([
    ['inside a segment', BLOCK_BYTES + 62],
    ['in a header', 20],
  ] as const)('%s moves it to saved/, and nothing more', async ([, offset]) => {
    disk.files.set(pathOf(1), segment(FIRST, part(0, 1), 0));
    disk.files.set(pathOf(3), segment(STATE_2, part(1, 2), 0));
    disk.files.set(pathOf(5), segment(STATE_4, part(2, 5)));
    flip(pathOf(1), offset);

    const { log, replayed } = await recovers({ firstLsn: 3, lastLsn: 7 });

    expect(log.report).toMatchObject({ row: 'end', decision: 'open' });
    expect(log.report.warnings).toMatchObject([{ code: 'DAMAGE_BELOW_SNAPSHOT' }]);
    expect(replayed).toEqual([6, 7]);
    expect(await savedSegments()).toEqual(['00000000000000000001.wal']);
  });

  test('takes what is before it along', async () => {
    disk.files.set(pathOf(1), segment(FIRST, part(0, 1), 0));
    disk.files.set(pathOf(3), segment(STATE_2, part(1, 2), 0));
    disk.files.set(pathOf(5), segment(STATE_4, part(2, 5)));
    flip(pathOf(3), BLOCK_BYTES + 100);

    await recovers({ firstLsn: 5, lastLsn: 7 });

    expect(await savedSegments()).toEqual(['00000000000000000001.wal', '00000000000000000003.wal']);
  });

  test('may be a segment that is missing', async () => {
    disk.files.set(pathOf(1), segment(FIRST, part(0, 1), 0));
    disk.files.set(pathOf(5), segment(STATE_4, part(2, 5)));

    await recovers({ firstLsn: 5, lastLsn: 7 });

    expect(await savedSegments()).toEqual(['00000000000000000001.wal']);
  });

  test.for([1, 3])(
    'in the segment that holds the start leaves what is behind the start, with %i voters',
    async (voters) => {
      disk.files.set(pathOf(1), segment(FIRST, built.parts));
      flip(pathOf(1), borderAfter(ENDS[0] ?? 0) + 72);

      const { replayed } = await recovers({ firstLsn: 6, lastLsn: 7 }, { voters });

      expect(replayed).toEqual([6, 7]);
      expect(await savedSegments()).toEqual(['00000000000000000001.wal']);
    },
  );

  test('that hides the start is damage', async () => {
    disk.files.set(pathOf(1), segment(FIRST, built.parts));
    flip(pathOf(1), (ENDS[2] ?? 0) - 5);
    const meta = await openMeta(disk, { newestSegment: 1 });

    await expect(recoverFixture(disk, { base, meta, voters: 1 })).rejects.toMatchObject({
      code: 'SEGMENT_MISSING',
    });
    const { log } = await recovers({ firstLsn: 6, lastLsn: 5, state: 'suspect' }, { meta });
    expect(log.report.decision).toBe('save-cut-suspect');
    expect(await savedSegments()).toEqual(['00000000000000000001.wal']);
  });
});

describe('a log that does not lead up to the snapshot', () => {
  test('because it ends below, goes for a new one behind the start: to saved/ what it does not know to be committed', async () => {
    disk.files.set(pathOf(1), segment(FIRST, part(0, 1), 0));
    disk.files.set(pathOf(3), segment(STATE_2, part(1, 2)));
    const meta = await openMeta(disk, { newestSegment: 3 });

    const { log, replayed } = await recovers({ firstLsn: 6, lastLsn: 5 }, { meta });

    expect(replayed).toEqual([]);
    expect(log.state).toEqual(STATE_5);
    expect(log.epochs).toEqual([FIRST_EPOCH]);
    expect(await savedSegments()).toEqual(['00000000000000000003.wal']);
  });

  test.for([
    ['it is of another history', { historyId: 'e'.repeat(32), joining: true }],
    ['an operator sent it to another history', { discarding: true }],
    ['a segment is missing behind it', { newestSegment: 5 }],
  ] as const)('goes to saved/ as a whole where %s', async ([, patch]) => {
    disk.files.set(pathOf(1), segment(FIRST, part(0, 1), 0));
    disk.files.set(pathOf(3), segment(STATE_2, part(1, 2)));
    const meta = await openMeta(disk, { newestSegment: 3, ...patch });

    await recoverFixture(disk, { base, meta });

    expect(await savedSegments()).toEqual(['00000000000000000001.wal', '00000000000000000003.wal']);
  });

  test('because it is another one there, goes to saved/ however long it is', async () => {
    const other = batches(FIRST, [
      { epoch: 1 },
      ...Array.from({ length: 8 }, () => ({ ops: [{}] })),
    ]);
    disk.files.set(pathOf(1), segment(FIRST, other.parts));

    const { replayed } = await recovers({ firstLsn: 6, lastLsn: 5 });

    expect(replayed).toEqual([]);
    expect(await savedSegments()).toEqual(['00000000000000000001.wal']);
  });

  test('because it was being replaced, is replaced', async () => {
    disk.files.set(pathOf(3), segment(STATE_2, part(1, 2), 0));
    const meta = await openMeta(disk, { newestSegment: null });
    await recovers({ firstLsn: 6, lastLsn: 5 }, { meta });
    // What had to be saved was, before meta.json said so.
    expect(await savedSegments()).toEqual([]);
  });

  test('is not replaced by an older snapshot than the one that was taking its place', async () => {
    const meta = await openMeta(disk, { newestSegment: null, replacedBy: 9 });
    const { log } = await recovers({ firstLsn: 6, lastLsn: 5, state: 'suspect' }, { meta });

    expect(log.report).toMatchObject({ row: 'damage', decision: 'save-cut-suspect' });
    expect(meta.current).toMatchObject({ claim: 'unknown', replacedBy: null });
  });

  test('is begun where there is none', async () => {
    const meta = await openMeta(disk, { newestSegment: null });
    await recovers({ firstLsn: 6, lastLsn: 5 }, { meta });
    expect(await savedSegments()).toEqual([]);
  });

  test('is damaged where meta.json says that there should be one', async () => {
    const meta = await openMeta(disk, { newestSegment: 5 });
    await recovers({ firstLsn: 6, lastLsn: 5, state: 'suspect' }, { meta });
  });

  test('is damaged where it begins above the start', async () => {
    disk.files.set(pathOf(7), segment(stateAfter(4), part(4, 5)));
    const meta = await openMeta(disk, { newestSegment: 7 });
    await recovers({ firstLsn: 6, lastLsn: 5, state: 'suspect' }, { meta });
  });
});

test.for([
  ['an older snapshot', base],
  ['no snapshot', undefined],
] as const)(
  'a single voter refuses %s in the place of the one that was taking that of the log',
  async ([, older]) => {
    const meta = await openMeta(disk, { newestSegment: null, replacedBy: 9 });

    const opened = recoverFixture(disk, { base: older, meta, voters: 1 });
    await expect(opened).rejects.toMatchObject({
      code: 'SEGMENT_MISSING',
      message: expect.stringContaining('00000000000000000009.snap is missing or damaged') as string,
    });
    expect(meta.current).toMatchObject({ state: 'intact', replacedBy: 9 });
  },
);

test('a single voter refuses a log that ends below the end of its snapshot', async () => {
  disk.files.set(pathOf(1), segment(FIRST, part(0, 3)));
  const meta = await openMeta(disk, { newestSegment: 1 });
  const before = new Map([...disk.files].map(([path, bytes]) => [path, Buffer.from(bytes)]));

  await expect(recoverFixture(disk, { base, meta, voters: 1 })).rejects.toMatchObject({
    code: 'SEGMENT_MISSING',
    message: expect.stringContaining('needs the log up to LSN 6') as string,
  });
  expect(disk.files).toEqual(before);
});

test('a log that begins above LSN 1 without a snapshot is damaged', async () => {
  disk.files.set(pathOf(5), segment(STATE_4, part(2, 5)));
  const meta = await openMeta(disk, { newestSegment: 5 });

  await expect(recoverFixture(disk, { meta, voters: 1 })).rejects.toMatchObject({
    code: 'SEGMENT_MISSING',
  });
});

/** Directories that a recovery has to put in order, and where the log ends afterwards. */
const DIRECTORIES = {
  'damage below the start': (sim: SimDisk) => {
    sim.put(pathOf(1), segment(FIRST, part(0, 1), 0));
    sim.put(pathOf(3), segment(STATE_2, part(1, 2), 0));
    sim.put(pathOf(5), segment(STATE_4, part(2, 5)));
    sim.flip(pathOf(3), BLOCK_BYTES + 100, 1);
    return { newestSegment: 5, lastLsn: 7, saved: 2 };
  },
  'damage in the segment of the start': (sim: SimDisk) => {
    sim.put(pathOf(1), segment(FIRST, part(0, 2), 0));
    sim.put(pathOf(5), segment(STATE_4, part(2, 5)));
    sim.flip(pathOf(5), BLOCK_BYTES + 100, 1);
    return { newestSegment: 5, lastLsn: 7, saved: 2 };
  },
  'a log that ends below the start': (sim: SimDisk) => {
    sim.put(pathOf(1), segment(FIRST, part(0, 1), 0));
    sim.put(pathOf(3), segment(STATE_2, part(1, 2)));
    return { newestSegment: 3, lastLsn: 5, saved: 1 };
  },
};

describe.for(Object.entries(DIRECTORIES))('%s, ', ([, prepare]) => {
  test(
    'power loss at any operation of the recovery loses nothing that was not saved',
    { tags: ['slow'] },
    async () => {
      const operations = await crash(1, prepare, undefined);
      expect(operations).toBeGreaterThan(30);
      for (let at = 1; at <= operations; at += 1) {
        for (let seed = 1; seed <= 3; seed += 1) await crash(seed, prepare, at);
      }
    },
  );
});

async function crash(
  seed: number,
  prepare: (sim: SimDisk) => { newestSegment: number; lastLsn: number; saved: number },
  at: number | undefined,
): Promise<number> {
  return simulate(seed, async (world) => {
    const sim = new SimDisk({ seed });
    const { newestSegment, lastLsn, saved } = prepare(sim);
    const ids = { clusterId: CLUSTER_ID, historyId: HISTORY_ID, nodeId: 'n1', newestSegment };
    sim.put('/d/meta.json', encodeMeta({ ...BLANK_META, ...ids, state: 'intact' }));
    const run = async (process = world.process()): Promise<RecoveredLog> => {
      const mount = sim.mount(process);
      const meta = await MetaStore.open(mount, '/d', { hasLog: true, nodeId: 'n1' });
      return recover({
        disk: mount,
        clock: process,
        entropy: sim.entropy,
        dir: '/d',
        meta,
        voters: 3,
        segmentBytes: SIZE,
        onDamage: 'refuse',
        base,
      });
    };
    if (at !== undefined) {
      sim.crashAt(at);
      const process = world.process();
      const died = new Promise<void>((resolve) => {
        process.onDeath(() => resolve());
      });
      await Promise.race([run(process), died]);
      sim.healthy();
      sim.losePower();
    }
    const hint = `seed ${seed}, crash at ${at}`;
    const found = await run();
    const { operations } = sim;
    expect(found.state.lsn, hint).toBe(lastLsn);
    sim.losePower();
    const again = await run();
    expect(again.state, hint).toEqual(found.state);
    expect(again.report, hint).toMatchObject({ row: 'end', decision: 'open', warnings: [] });
    const disks = sim.mount(world.process());
    expect(await listSaved({ disk: disks, dir: '/d' }), hint).toHaveLength(saved);
    const meta = await MetaStore.open(disks, '/d', { hasLog: true });
    expect(meta.current, hint).toMatchObject({ state: 'intact', cut: null });
    return operations;
  });
}
