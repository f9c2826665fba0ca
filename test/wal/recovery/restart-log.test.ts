/** A log that is put aside for a snapshot, and cuts: what is left at any moment is a log, and not a part of two. */
import { describe, expect, test } from 'vitest';
import { loadState } from '../../../src/node/replica/load-state.ts';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import type { SimProcess } from '../../../src/sim/sim-clock.ts';
import { simulate } from '../../../src/sim/sim-world.ts';
import { BLANK_META, encodeMeta, MetaStore } from '../../../src/wal/files/meta.ts';
import { recover } from '../../../src/wal/recovery/recover.ts';
import { restartLog } from '../../../src/wal/recovery/restart-log.ts';
import { segmentName } from '../../../src/wal/format/segment.ts';
import { IncomingSnapshot } from '../../../src/wal/snapshot/snapshot-incoming.ts';
import { snapshotName } from '../../../src/wal/snapshot/snapshot-format.ts';
import { listSnapshots } from '../../../src/wal/snapshot/snapshot-reader.ts';
import { cutSegments } from '../../../src/wal/truncate.ts';
import { batches, CLUSTER_ID, FIRST, HISTORY_ID, segment } from '../fixture.ts';
import { append, LogModel, lead, openLife, SEGMENT_BYTES } from '../log-lives.ts';
import { HEADER, snapshotBytes } from '../snapshot-fixture.ts';

const SEEDS = Array.from({ length: 30 }, (_, index) => index + 1);
const DIR = '/data';
const KEYS = [{ lsn: 8, key: 'k', value: 'v' }];

describe('a snapshot that came in', () => {
  test('has its name durably once it is finished: the log is put aside for it then', async () => {
    const bytes = snapshotBytes(KEYS);
    const digest = bytes.toString('hex', bytes.length - 4 - 32, bytes.length - 4);
    for (const seed of SEEDS) {
      await simulate(seed, async (world) => {
        const sim = new SimDisk({ seed });
        const clock = world.process();
        const disk = sim.mount(clock);
        const incoming = await IncomingSnapshot.open({
          disk,
          clock,
          dir: DIR,
          digest,
          bytes: bytes.length,
        });
        await incoming.add(bytes);
        const { clusterId, start } = HEADER;
        const done = await incoming.finish({ clusterId, start });
        expect(done).toBeTypeOf('object');
        sim.losePower();

        const found = await listSnapshots(sim.mount(world.process()), DIR);
        expect(found, `seed ${seed}`).toHaveLength(1);
      });
    }
  });
});

describe('a state that is loaded from a snapshot', () => {
  test('has it on the disk by its name: what is purged for its sake may be gone then', async () => {
    for (const seed of SEEDS) {
      await simulate(seed, async (world) => {
        const sim = new SimDisk({ seed });
        const clock = world.process();
        const disk = sim.mount(clock);
        await disk.makeDir(`${DIR}/snapshots`);
        // The life that wrote it died before its directory was synced.
        const temporary = `${DIR}/snapshots/new.tmp`;
        const file = await disk.open(temporary, 'create');
        await file.write(snapshotBytes(KEYS), 0);
        await file.sync();
        await file.close();
        await disk.rename(temporary, `${DIR}/snapshots/${snapshotName(HEADER.start.lsn)}`);
        sim.kill();

        const later = world.process();
        const place = { disk: sim.mount(later), clock: later, dir: DIR, newSeed: () => 1 };
        const { snapshot } = await loadState(place, {
          clusterId: HEADER.clusterId,
          cut: null,
          replacedBy: null,
        });
        expect(snapshot?.start).toEqual(HEADER.start);
        sim.losePower();

        const found = await listSnapshots(sim.mount(world.process()), DIR);
        expect(found, `seed ${seed}`).toHaveLength(1);
      });
    }
  });
});

test('a state is not loaded from a snapshot of the log that is being replaced, however new', () =>
  simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1 });
    const clock = world.process();
    sim.put(`${DIR}/snapshots/${snapshotName(HEADER.start.lsn)}`, snapshotBytes(KEYS));
    const place = { disk: sim.mount(clock), clock, dir: DIR, newSeed: () => 1 };
    const load = async (replacedBy: number | null) =>
      (await loadState(place, { clusterId: CLUSTER_ID, cut: null, replacedBy })).snapshot;

    expect(await load(HEADER.start.lsn - 1)).toBeUndefined();
    expect(await load(HEADER.start.lsn)).toBeDefined();
    expect(await load(null)).toBeDefined();
  }));

test('a log that begins behind a snapshot has no other snapshot beside it, however new', () =>
  simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1 });
    const clock = world.process();
    const disk = sim.mount(clock);
    await disk.makeDir(`${DIR}/snapshots`);
    for (const lsn of [3, 50, 100]) {
      sim.put(`${DIR}/snapshots/${snapshotName(lsn)}`, Buffer.from('x'));
    }
    const meta = await MetaStore.open(disk, DIR, { hasLog: false, nodeId: 'n1' });
    await meta.update({ clusterId: CLUSTER_ID, historyId: HISTORY_ID, state: 'intact' });
    const start = { ...FIRST, epoch: 1, lsn: 50, chain: 7 };
    const base = { clusterId: CLUSTER_ID, start, endLsn: 50, epochs: [] };

    const { entropy } = sim;
    const place = { disk, clock, entropy, dir: DIR, meta, segmentBytes: SEGMENT_BYTES };
    await restartLog(place, base, {});
    sim.losePower();

    const names = sim.paths().filter((path) => !path.includes('meta.json'));
    expect(names).toEqual([
      `${DIR}/snapshots/${snapshotName(50)}`,
      `${DIR}/wal/${segmentName(51)}`,
    ]);
  }));

test('a snapshot that rots while it takes the place of a log is missed, wherever power was lost', async () => {
  const old = batches(HEADER.start, [{ ops: [{}] }, { ops: [{}] }]);
  const held = old.state.lsn;
  const start = { ...FIRST, epoch: 3, lsn: held + 20, chain: 7 };
  const path = (lsn: number): string => `${DIR}/snapshots/${snapshotName(lsn)}`;
  const run = (crashAt: number): Promise<{ operations: number; state: string; lsn: number }> =>
    simulate(1, async (world) => {
      const sim = new SimDisk({ seed: 1 });
      sim.put(path(HEADER.start.lsn), snapshotBytes(KEYS));
      // Of another history: the newest by its LSN.
      sim.put(path(start.lsn + 50), snapshotBytes(KEYS));
      sim.put(path(start.lsn), Buffer.from('rotten'));
      sim.put(`${DIR}/wal/${segmentName(8)}`, segment(HEADER.start, old.parts));
      const ids = { clusterId: CLUSTER_ID, historyId: HISTORY_ID, nodeId: 'n1' };
      const meta = { ...BLANK_META, ...ids, state: 'intact', newestSegment: 8 } as const;
      sim.put(`${DIR}/meta.json`, encodeMeta(meta));
      const openAt = async (clock: SimProcess) => {
        const disk = sim.mount(clock);
        const store = await MetaStore.open(disk, DIR, { hasLog: true, nodeId: 'n1' });
        const { entropy } = sim;
        return { disk, clock, entropy, dir: DIR, meta: store, segmentBytes: SEGMENT_BYTES };
      };
      const first = world.process();
      const place = await openAt(first);
      const begun = sim.operations;
      if (crashAt > 0) sim.crashAt(begun + crashAt);
      const base = { clusterId: CLUSTER_ID, start, endLsn: start.lsn, epochs: [] };
      const died = new Promise<void>((resolve) => first.onDeath(() => resolve()));
      await Promise.race([restartLog(place, base), died]);
      const operations = sim.operations - begun;
      sim.healthy();
      sim.losePower();

      const again = await openAt(world.process());
      const loaded = await loadState({ ...again, newSeed: () => 1 }, again.meta.current);
      const options = { voters: 3, onDamage: 'refuse', base: loaded.snapshot } as const;
      const log = await recover({ ...again, ...options });
      return { operations, state: again.meta.current.state, lsn: log.state.lsn };
    });
  const { operations, state } = await run(0);
  expect(state).toBe('suspect');
  const found = new Set<string>();
  for (let at = 1; at <= operations; at += 1) {
    const left = await run(at);
    found.add(left.state);
    if (left.state === 'intact') expect(left.lsn, `crash at ${at}`).toBe(held);
  }
  expect(found).toEqual(new Set(['intact', 'suspect']));
});

test('power loss anywhere in a cut leaves the beginning of a log', async () => {
  const run = (seed: number, crashAt: number): Promise<number> =>
    simulate(seed, async (world) => {
      const sim = new SimDisk({ seed });
      const life = await openLife(world, sim, 1);
      const model = new LogModel();
      await lead(life, model);
      for (let count = 0; count < 20; count += 1) {
        append(life, model, 900);
        await life.log.drained();
      }
      const to = await life.log.chainAt(3);
      if (to === undefined) throw new Error('each record is a batch of its own');
      await life.log.close();
      const bases = (): number[] =>
        sim
          .paths()
          .filter((path) => path.endsWith('.wal'))
          .map((path) => Number(path.slice(-24, -4)));
      const whole = bases();
      expect(whole.length).toBeGreaterThan(2);
      const process = world.process();
      const begun = sim.operations;
      if (crashAt > 0) sim.crashAt(begun + crashAt);
      const disk = sim.mount(process);
      const { entropy } = sim;
      const place = { disk, entropy, walDir: `${DIR}/wal`, segmentBytes: SEGMENT_BYTES };
      const died = new Promise<void>((resolve) => process.onDeath(() => resolve()));
      await Promise.race([cutSegments(place, to), died]);
      const operations = sim.operations - begun;
      sim.losePower();

      const left = bases();
      expect(left, `seed ${seed}, crash at ${crashAt}`).toEqual(whole.slice(0, left.length));
      return operations;
    });
  const operations = await run(1, 0);
  for (let at = 1; at <= operations; at += 1) for (const seed of [1, 2, 3]) await run(seed, at);
});
