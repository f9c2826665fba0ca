/**
 * Goal: recovery from damage loses nothing that it did not save first, and says suspect before it cuts, wherever the power goes.
 * Method: a damaged log of three segments is recovered with power loss at every disk operation, under a few seeds; each time what is
 * on the platter is judged, recovered, judged again after one more power loss, and recovered once more.
 * @module-tag slow
 */
import { expect, test } from 'vitest';
import type { Disk } from '../../../src/ports/disk.ts';
import { SeededEntropy } from '../../../src/ports/seeded-entropy.ts';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import { simulate } from '../../../src/sim/sim-world.ts';
import { BLANK_META, encodeMeta, MetaStore } from '../../../src/wal/files/meta.ts';
import { recover, type RecoveredLog } from '../../../src/wal/recovery/recover.ts';
import { listSaved } from '../../../src/wal/files/saved.ts';
import { borderAfter } from '../../../src/wal/format/write-header.ts';
import { verify } from '../../../src/wal/tools/verify.ts';
import {
  batches,
  CLUSTER_ID,
  endsOf,
  FIRST,
  HISTORY_ID,
  pathOf,
  segment,
  SIZE,
} from '../fixture.ts';

const value = 'x'.repeat(1500);
const shapes = [
  { epoch: 1, ops: [{ value }] },
  { ops: [{}, { value }] },
  { ops: [{ value }] },
  { ops: [{ value }] },
];
const built = batches(FIRST, shapes);
const part = (from: number, to: number): readonly Buffer[] => built.parts.slice(from, to);
const [END_2 = 0, END_4 = 0] = endsOf(built.parts);
const STATE_4 = batches(FIRST, shapes.slice(0, 2)).state;
const STATE_5 = batches(FIRST, shapes.slice(0, 3)).state;
const SEEDS = 3;

function damaged(seed: number): SimDisk {
  const disk = new SimDisk({ seed });
  const meta = { clusterId: CLUSTER_ID, historyId: HISTORY_ID, nodeId: 'n1', newestSegment: 6 };
  disk.put('/d/meta.json', encodeMeta({ ...BLANK_META, ...meta, state: 'intact' }));
  disk.put(pathOf(1), segment(FIRST, part(0, 2), 0));
  disk.put(pathOf(5), segment(STATE_4, part(2, 3), 0));
  disk.put(pathOf(6), segment(STATE_5, part(3, 4)));
  disk.flip(pathOf(1), borderAfter(END_2) + 62, 1);
  return disk;
}

async function recoverOn(disk: Disk): Promise<RecoveredLog> {
  const meta = await MetaStore.open(disk, '/d', { hasLog: true, nodeId: 'n1' });
  return recover({
    disk,
    clock: { nowMs: () => 0, wallMs: () => 1, after: () => () => undefined, soon: () => undefined },
    entropy: new SeededEntropy('recovery'),
    dir: '/d',
    meta,
    voters: 3,
    segmentBytes: SIZE,
    onDamage: 'refuse',
  });
}

/** What must hold of the platter at any moment. */
async function judge(disk: Disk, whole: SimDisk, hint: string): Promise<void> {
  const cut =
    whole.contentOf(pathOf(6)) === undefined ||
    whole.contentOf(pathOf(5)) === undefined ||
    whole.contentOf(pathOf(1))?.length !== END_4;
  if (!cut) return;
  const meta = await MetaStore.open(disk, '/d', { hasLog: true });
  expect(meta.current.state, hint).toBe('suspect');
  const saved = await listSaved({ disk, dir: '/d' });
  expect(saved.map((entry) => entry.segment).toSorted(), hint).toEqual([
    '00000000000000000001.wal',
    '00000000000000000005.wal',
    '00000000000000000006.wal',
  ]);
  for (const entry of saved) {
    expect(whole.contentOf(`/d/saved/${entry.name}`)?.length, hint).toBe(entry.bytes);
  }
}

interface Accidents {
  /** The operation of the first recovery in which its process dies. */
  readonly crashAt: number;
  /** Only the process dies there: the page cache stays until the power goes, this many operations later. */
  readonly powerLossAfter?: number;
}

/** Returns how many operations the first recovery took. */
async function run(seed: number, accidents: Accidents): Promise<number> {
  return simulate(seed, async (world) => {
    const disk = damaged(seed);
    const hint = `seed ${seed}, ${JSON.stringify(accidents)}`;
    const untilDeath = async (): Promise<void> => {
      const process = world.process();
      const died = new Promise<void>((resolve) => {
        process.onDeath(() => resolve());
      });
      await Promise.race([recoverOn(disk.mount(process)), died]);
    };
    disk.crashAt(accidents.crashAt);
    await untilDeath();
    const { operations } = disk;
    if (accidents.powerLossAfter !== undefined) {
      disk.crashAt(operations + accidents.powerLossAfter);
      await untilDeath();
    }
    disk.healthy();
    disk.losePower();
    await judge(disk.mount(world.process()), disk, hint);

    const second = await recoverOn(disk.mount(world.process()));
    expect(second.state.lsn, hint).toBe(2);
    disk.losePower();
    await judge(disk.mount(world.process()), disk, hint);

    const report = await verify(disk.mount(world.process()), '/d');
    expect(report, hint).toMatchObject({ ok: true, last: { lsn: 2 }, meta: { state: 'suspect' } });
    const third = await recoverOn(disk.mount(world.process()));
    expect(third.segments.at(-1)?.sizeBytes, hint).toBe(SIZE);
    return operations;
  });
}

test('power loss at any operation of a recovery loses nothing that was not saved', async () => {
  const operations = await run(1, { crashAt: Number.POSITIVE_INFINITY });
  expect(operations).toBeGreaterThan(60);
  for (let crashAt = 1; crashAt <= operations; crashAt += 1) {
    for (let seed = 1; seed <= SEEDS; seed += 1) await run(seed, { crashAt });
  }
});

test('nor does a recovery that builds on what a killed one left in the page cache', async () => {
  const operations = await run(1, { crashAt: Number.POSITIVE_INFINITY });
  for (let crashAt = 1; crashAt <= operations; crashAt += 1) {
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const powerLossAfter = 1 + ((crashAt * 31 + seed * 17) % operations);
      await run(seed, { crashAt, powerLossAfter });
    }
  }
});

test('what a recovery without damage read from the page cache is durable when it resolves', async () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    await simulate(seed, async (world) => {
      const disk = new SimDisk({ seed });
      const meta = { clusterId: CLUSTER_ID, historyId: HISTORY_ID, nodeId: 'n1' };
      disk.put('/d/meta.json', encodeMeta({ ...BLANK_META, ...meta, state: 'intact' }));
      disk.put(pathOf(1), segment(FIRST, part(0, 1)));
      const file = await disk.mount(world.process()).open(pathOf(1), 'write');
      const start = borderAfter(END_2);
      await file.write(segment(FIRST, built.parts).subarray(start), start);
      disk.kill();

      const { state } = await recoverOn(disk.mount(world.process()));
      expect(state).toEqual(built.state);
      disk.losePower();

      const again = await recoverOn(disk.mount(world.process()));
      expect(again.state, `seed ${seed}`).toEqual(built.state);
    });
  }
});
