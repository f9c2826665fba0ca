/**
 * Goal: a disk that filled up is no reason not to start: the log is there, promises are made, and writing goes on once there is room.
 * Method: a log is written until its disk is full; its process dies, by a kill or by a power loss; the next one finds as little room.
 */
import { describe, expect, test } from 'vitest';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { simulate, type SimWorld } from '../../src/sim/sim-world.ts';
import {
  append,
  checkLife,
  Died,
  lead,
  LogModel,
  openLife,
  readTexts,
  SEGMENT_BYTES,
} from './log-lives.ts';

interface Stage {
  readonly world: SimWorld;
  readonly sim: SimDisk;
  readonly model: LogModel;
}

/** Runs `main` with a log that refuses to write, for want of room for another segment. */
async function withFullLog(seed: number, main: (stage: Stage) => Promise<void>): Promise<void> {
  await simulate(seed, async (world) => {
    const sim = new SimDisk({ seed });
    const model = new LogModel();
    const life = await openLife(world, sim, 1);
    await lead(life, model);
    append(life, model, 500);
    await life.log.drained();
    sim.room.fill(SEGMENT_BYTES / 2);
    for (let count = 0; ; count += 1) {
      try {
        append(life, model, 300);
      } catch (error) {
        expect(error).toMatchObject({ code: 'DISK_FULL', outcome: 'rejected' });
        expect(count).toBeGreaterThan(2);
        break;
      }
      await life.log.drained();
      await new Promise<void>((done) => life.process.after(10, done));
    }
    await main({ world, sim, model });
  });
}

const namesOf = (sim: SimDisk): string[] => [...sim.paths()];

describe.for(['kill', 'losePower'] as const)('a full disk, after a %s', (end) => {
  test.for([
    ['nothing', 0],
    ['a block', 512],
    ['what is used', 3 * 1024],
  ] as const)('is no reason not to start, with room for %s', async ([, leftBytes]) => {
    for (let seed = 1; seed <= 8; seed += 1) {
      await withFullLog(seed, async ({ world, sim, model }) => {
        sim[end]();
        sim.room.fill(leftBytes);

        const life = await openLife(world, sim, 1);
        const found = await readTexts(life.log);
        model.check(found);
        model.adopt(found);
        // A promise has room, and so has the next one.
        for (let epoch = 10; epoch < 14; epoch += 1) {
          await life.meta.update({ promise: { epoch, candidate: 'n2', attempt: null } });
        }
        expect(namesOf(sim).filter((name) => name.endsWith('rewrite.tmp'))).toEqual([]);
        // What it says is durable now must be, although it was read from the cache.
        sim.losePower();
        const again = await openLife(world, sim, 1);
        expect(await readTexts(again.log)).toEqual(model.records);
        expect(again.meta.current.promise.epoch).toBe(13);
        again.process.kill();

        sim.room.free();
        await checkLife(world, sim, { model, voters: 1 });
      });
    }
  });

  test('a start there may be interrupted anywhere', { tags: ['slow'] }, async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      await withFullLog(seed, async ({ world, sim, model }) => {
        sim[end]();
        sim.room.fill(seed % 2 === 0 ? 0 : 3 * 1024);
        sim.crashAt(sim.operations + 1 + (seed % 30));
        await openLife(world, sim, 1).catch((error: unknown) => {
          if (!(error instanceof Died)) throw error;
        });
        sim.losePower();
        sim.healthy();

        const life = await openLife(world, sim, 1);
        const found = await readTexts(life.log);
        model.check(found);
        model.adopt(found);
        life.process.kill();
        sim.room.free();
        await checkLife(world, sim, { model, voters: 1 });
      });
    }
  });
});

test('a leadership begins on a full disk, in the room that the last segment has left', async () => {
  await withFullLog(1, async ({ world, sim, model }) => {
    sim.kill();
    sim.room.fill();
    const life = await openLife(world, sim, 1);
    model.adopt(await readTexts(life.log));

    await lead(life, model);
    await life.log.drained();

    expect(life.log.durable.lsn).toBe(model.records.length);
  });
});

test('a disk without inodes is no reason not to start', async () => {
  await withFullLog(1, async ({ world, sim, model }) => {
    sim.kill();
    sim.room.free();
    sim.room.fillInodes();

    const life = await openLife(world, sim, 1);
    model.check(await readTexts(life.log));
    await life.meta.update({ promise: { epoch: 10, candidate: 'n2', attempt: null } });
    await life.meta.update({ promise: { epoch: 11, candidate: 'n2', attempt: null } });

    expect(life.meta.current.promise.epoch).toBe(11);
  });
});

test('a file that was filled in vain is removed, whatever kept the disk from taking it', async () => {
  for (const fault of ['enospc', 'emfile'] as const) {
    await simulate(1, async (world) => {
      const sim = new SimDisk({ seed: 1 });
      const model = new LogModel();
      const life = await openLife(world, sim, 1);
      await lead(life, model);
      append(life, model, 2000);
      await life.log.drained();
      let left: readonly string[] | undefined;
      sim.onOperation = ({ kind, path }) => {
        if (!path.endsWith('/spare.tmp')) return undefined;
        if (kind === 'create' && left === undefined) left = namesOf(sim);
        return kind === 'sync' && left === undefined ? fault : undefined;
      };
      append(life, model, 2500);
      await life.log.drained();

      expect(left?.filter((name) => name.endsWith('spare.tmp'))).toEqual([]);
    });
  }
});

test('a rotation waits for a descriptor to make the name of the next segment durable', async () => {
  for (let seed = 1; seed <= 8; seed += 1) {
    await simulate(seed, async (world) => {
      const sim = new SimDisk({ seed });
      const model = new LogModel();
      const life = await openLife(world, sim, 1);
      await lead(life, model);
      let renamed = false;
      let refused = 0;
      sim.onOperation = ({ kind, path }) => {
        if (kind === 'rename' && path.endsWith('/spare.tmp')) renamed = true;
        if (kind !== 'syncDir' || !renamed) return undefined;
        if (refused === 3) renamed = false;
        else refused += 1;
        return renamed ? 'emfile' : undefined;
      };
      for (let count = 0; count * 300 < 2 * SEGMENT_BYTES; count += 1) {
        append(life, model, 300);
        await life.log.drained();
      }
      expect(refused).toBe(3);
      sim.losePower();

      const again = await openLife(world, sim, 1);
      expect(await readTexts(again.log)).toEqual(model.records);
    });
  }
});

test('new records are refused while a rotation waits for a descriptor, and taken again after it', async () => {
  await simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1 });
    const model = new LogModel();
    const life = await openLife(world, sim, 1);
    await lead(life, model);
    let waits = false;
    let isFree = false;
    sim.onOperation = ({ kind, path }) => {
      if (kind === 'rename' && path.endsWith('/spare.tmp')) waits = true;
      return kind === 'syncDir' && waits && !isFree ? 'emfile' : undefined;
    };
    const pass = async (ms: number): Promise<void> =>
      await new Promise<void>((done) => life.process.after(ms, done));
    for (let count = 0; life.log.unwritable === undefined; count += 1) {
      expect(count).toBeLessThan(2 * SEGMENT_BYTES);
      append(life, model, 300);
      await pass(10);
    }

    expect(() => append(life, model, 300)).toThrow('the disk does not accept the next segment');
    expect(life.log.unwritable).toMatchObject({ code: 'NO_DESCRIPTORS' });

    isFree = true;
    await life.log.drained();
    expect(life.log.unwritable).toBeUndefined();
    append(life, model, 300);
    await life.log.drained();
    expect(await readTexts(life.log)).toEqual(model.records);
  });
});

test.for([
  ['header', 'writeDurable'],
  ['name', 'rename'],
] as const)('a rotation waits for room for the %s of the next segment', async ([, step]) => {
  for (let seed = 1; seed <= 8; seed += 1) {
    await simulate(seed, async (world) => {
      const sim = new SimDisk({ seed });
      const model = new LogModel();
      const life = await openLife(world, sim, 1);
      await lead(life, model);
      let refused = 0;
      sim.onOperation = ({ kind, path, position = 0 }) => {
        if (kind !== step || !path.endsWith('/spare.tmp') || position > 0) return undefined;
        if (refused === 3) return undefined;
        refused += 1;
        return 'enospc';
      };
      for (let count = 0; count * 300 < 2 * SEGMENT_BYTES; count += 1) {
        append(life, model, 300);
        await life.log.drained();
      }
      expect(refused).toBe(3);
      sim.losePower();

      const again = await openLife(world, sim, 1);
      expect(await readTexts(again.log)).toEqual(model.records);
    });
  }
});
