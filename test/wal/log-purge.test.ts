/**
 * Goal: a purge takes whole segments from the beginning of a log and nothing else, and a restart puts a log aside for a new one; both
 * beside readers and writers, and wherever the power goes.
 */
import { describe, expect, test } from 'vitest';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { simulate, type SimWorld } from '../../src/sim/sim-world.ts';
import type { LogBase } from '../../src/wal/format/log-base.ts';
import type { Version } from '../../src/wal/format/position.ts';
import { listSaved } from '../../src/wal/files/saved.ts';
import {
  append,
  batchesAfter,
  CLUSTER,
  type Life,
  lead,
  LogModel,
  openLife,
  readTexts,
  untilDeath,
} from './log-lives.ts';

/** A leader's log of several segments. */
async function grown(world: SimWorld, sim: SimDisk): Promise<{ life: Life; model: LogModel }> {
  const life = await openLife(world, sim, 1);
  const model = new LogModel();
  await lead(life, model);
  for (let count = 0; count < 24; count += 1) {
    append(life, model, 900, 5);
    await life.log.drained();
  }
  return { life, model };
}

/** What is known of a log that a snapshot replaces: nothing of it is committed. */
const REASON = { by: 'n1', localAcks: 'unknown', committedLsn: 0 } as const;

/** What a snapshot of the log at `lsn` vouches for. */
async function baseAt({ log }: Life, lsn: number, endLsn = lsn): Promise<LogBase> {
  const start = await log.chainAt(lsn);
  if (start === undefined) throw new Error(`no batch ends at ${lsn}`);
  const epochs = log.epochs.filter(({ firstLsn }) => firstLsn <= lsn);
  return { clusterId: CLUSTER.clusterId, start, endLsn, epochs };
}

describe('a purge', () => {
  test.for([1, 2, 3])(
    'that finds no descriptor at sync %i leaves a log without a gap, which goes on',
    async (failing) => {
      await simulate(1, async (world) => {
        const sim = new SimDisk({ seed: failing });
        const { life, model } = await grown(world, sim);
        const base = await baseAt(life, 41);
        let syncs = 0;
        sim.onOperation = ({ kind }) =>
          kind === 'syncDir' && (syncs += 1) === failing ? 'emfile' : undefined;

        await life.log.purge(21);
        await life.log.purge(41);
        expect(syncs).toBeGreaterThanOrEqual(failing);
        append(life, model, 900, 5);
        await life.log.drained();
        sim.losePower();

        const { log, process } = await openLife(world, sim, 1, base);
        expect(log.recovery.warnings).toEqual([]);
        expect(await listSaved({ disk: sim.mount(process), dir: '/data' })).toEqual([]);
        expect(await readTexts(log, log.firstLsn)).toEqual(model.records.slice(log.firstLsn - 1));
      });
    },
  );

  test('takes nothing while the name of the newest segment is not durable', async () => {
    await simulate(1, async (world) => {
      const sim = new SimDisk({ seed: 1 });
      const { life, model } = await grown(world, sim);
      let waits = false;
      sim.onOperation = ({ kind, path }) => {
        if (kind === 'rename' && path.endsWith('/spare.tmp')) waits = true;
        return kind === 'syncDir' && waits ? 'emfile' : undefined;
      };
      while (life.log.unwritable === undefined) {
        append(life, model, 900, 5);
        await new Promise<void>((done) => {
          life.process.after(10, done);
        });
      }
      const { firstLsn } = life.log;

      await life.log.purge(life.log.durable.lsn);

      expect(life.log.firstLsn).toBe(firstLsn);
    });
  });

  test('takes whole segments that hold nothing above the LSN, and what is left reads and goes on', async () => {
    await simulate(1, async (world) => {
      const sim = new SimDisk({ seed: 1 });
      const { life, model } = await grown(world, sim);
      const { log } = life;
      const before = await sim.mount(life.process).list('/data/wal');
      const bytes = log.bytesAfter(0);

      await log.purge(30);
      expect(log.firstLsn).toBeGreaterThan(1);
      expect(log.firstLsn).toBeLessThanOrEqual(31);
      expect(log.bytesAfter(0)).toBeLessThan(bytes);
      expect(await readTexts(log, log.firstLsn)).toEqual(model.records.slice(log.firstLsn - 1));
      await expect(log.chunkAfter(0, 1)).rejects.toMatchObject({ code: 'PURGED' });
      expect((await sim.mount(life.process).list('/data/wal')).length).toBeLessThan(before.length);
      append(life, model, 3000);
      append(life, model, 3000);
      await log.drained();
      const { firstLsn } = log;
      const base = await baseAt(life, 31);
      await log.close();
      life.process.kill();

      const again = await openLife(world, sim, 1, base);
      expect(again.log.firstLsn).toBe(firstLsn);
      expect(again.log.epochs).toEqual(log.epochs);
      expect(await readTexts(again.log, firstLsn)).toEqual(model.records.slice(firstLsn - 1));
    });
  });

  test('never takes the newest segment, nor anything it need not', async () => {
    await simulate(2, async (world) => {
      const { life } = await grown(world, new SimDisk({ seed: 2 }));
      await life.log.purge(2);
      expect(life.log.firstLsn).toBe(1);
      await life.log.purge(Number.MAX_SAFE_INTEGER);
      expect(life.log.firstLsn).toBeLessThanOrEqual(life.log.durable.lsn + 1);
      expect(life.log.firstLsn).toBeGreaterThan(1);
      const { firstLsn } = life.log;
      await life.log.purge(Number.MAX_SAFE_INTEGER);
      expect(life.log.firstLsn).toBe(firstLsn);
    });
  });

  test('tells a reader that it overtakes, and leaves the others alone', async () => {
    await simulate(3, async (world) => {
      const latency = { readMs: 0.5, writeMs: 0.3, syncMs: 1 };
      const sim = new SimDisk({ seed: 3, latency });
      const { life, model } = await grown(world, sim);
      const late = life.log.chunkAfter(model.records.length - 2, 1);
      const early = life.log.chunkAfter(0, 1).catch((error: unknown) => error);
      const purged = life.log.purge(Number.MAX_SAFE_INTEGER);

      expect((await late)?.previous.lsn).toBe(model.records.length - 2);
      const found = await early;
      if (found instanceof Error) expect(found).toMatchObject({ code: 'PURGED' });
      await purged;
    });
  });

  test('stops at a border of segments that has so many bytes behind it', async () => {
    await simulate(4, async (world) => {
      const { life } = await grown(world, new SimDisk({ seed: 4 }));
      const { log } = life;
      expect(log.onDisk.boundaryBefore(Number.MAX_SAFE_INTEGER).lsn).toBe(0);
      const { lsn } = log.onDisk.boundaryBefore(5_000);
      expect(log.onDisk.diskBytesAfter(lsn)).toBeGreaterThanOrEqual(5_000);
      await log.purge(lsn);
      expect(log.firstLsn).toBe(lsn + 1);
    });
  });

  test(
    'power loss at every disk operation leaves a log that opens with the snapshot',
    { tags: ['slow'] },
    async () => {
      const run = (seed: number, at?: number): Promise<number> =>
        simulate(seed, async (world) => {
          const sim = new SimDisk({ seed });
          const { life, model } = await grown(world, sim);
          const base = await baseAt(life, 27);
          const first = sim.operations;
          if (at !== undefined) sim.crashAt(first + at);
          await untilDeath(life.process, life.log.purge(27)).catch(() => undefined);
          const operations = sim.operations - first;
          sim.healthy();
          sim.losePower();
          const again = await openLife(world, sim, 1, base);
          expect(again.log.recovery.warnings).toEqual([]);
          const { firstLsn } = again.log;
          expect(await readTexts(again.log, firstLsn)).toEqual(model.records.slice(firstLsn - 1));
          expect(again.meta.current.state).toBe('intact');
          return operations;
        });
      const operations = await run(1);
      expect(operations).toBeGreaterThan(3);
      for (let at = 1; at <= operations; at += 1) {
        for (let seed = 1; seed <= 4; seed += 1) await run(seed, at);
      }
    },
  );
});

describe('a restart behind a snapshot', () => {
  test('puts the log aside and goes on behind the start', async () => {
    await simulate(5, async (world) => {
      const sim = new SimDisk({ seed: 5 });
      const { life: source, model } = await grown(world, new SimDisk({ seed: 'source' }));
      const follower = await openLife(world, sim, 3);
      const batches = await batchesAfter(source.log, 0);
      await follower.log.begin(CLUSTER);
      await follower.log.write(Buffer.concat(batches.slice(0, 4).map(({ bytes }) => bytes)));
      const base = await baseAt(source, batches[9]?.last.lsn ?? 0);

      await follower.log.replaceBehind(base, REASON);
      expect(follower.log.durable).toEqual(base.start);
      expect(follower.log.firstLsn).toBe(base.start.lsn + 1);
      await expect(follower.log.chunkAfter(0, 1)).rejects.toMatchObject({ code: 'PURGED' });
      const rest = Buffer.concat(batches.slice(10).map(({ bytes }) => bytes));
      await follower.log.write(rest);
      expect(await readTexts(follower.log, base.start.lsn + 1)).toEqual(
        model.records.slice(base.start.lsn),
      );
      expect(follower.log.epochs).toEqual(source.log.epochs);
      expect(await listSaved({ disk: sim.mount(follower.process), dir: '/data' })).toHaveLength(1);
      await follower.log.close();
      follower.process.kill();

      const again = await openLife(world, sim, 3, base);
      expect(again.log.durable).toEqual(source.log.durable);
      expect(again.log.recovery.warnings).toEqual([]);
    });
  });

  test('saves only what is not known to be committed: the rest is in the snapshot', async () => {
    await simulate(6, async (world) => {
      const { life: source } = await grown(world, new SimDisk({ seed: 'source' }));
      const batches = await batchesAfter(source.log, 0);
      const base = await baseAt(source, batches[9]?.last.lsn ?? 0);
      const lsnOf = (count: number): number => batches[count - 1]?.last.lsn ?? 0;

      for (const [committed, savedFrom] of [
        [0, 1],
        [1, lsnOf(1) + 1],
        [4, lsnOf(4) + 1],
        [6, lsnOf(6) + 1],
        [7, undefined],
      ] as const) {
        const sim = new SimDisk({ seed: 6 });
        const follower = await openLife(world, sim, 3);
        await follower.log.begin(CLUSTER);
        for (const { bytes } of batches.slice(0, 7)) await follower.log.write(bytes);

        await follower.log.replaceBehind(base, { ...REASON, committedLsn: lsnOf(committed) });

        const saved = await listSaved({ disk: sim.mount(follower.process), dir: '/data' });
        expect(saved[0]?.from.lsn, `${committed} batches are committed`).toBe(savedFrom);
        const records = saved.reduce((sum, entry) => sum + (entry.records ?? 0), 0);
        expect(records).toBe(lsnOf(7) - lsnOf(committed));
        expect(follower.log.durable).toEqual(base.start);
      }
    });
  });

  test('saves all of a log of another history, whatever was committed there', async () => {
    await simulate(7, async (world) => {
      const sim = new SimDisk({ seed: 7 });
      const { life: source } = await grown(world, new SimDisk({ seed: 'source' }));
      const follower = await openLife(world, sim, 3);
      const batches = await batchesAfter(source.log, 0);
      await follower.log.begin(CLUSTER);
      for (const { bytes } of batches.slice(0, 7)) await follower.log.write(bytes);
      const found = await baseAt(source, batches[9]?.last.lsn ?? 0);
      const epochs = found.epochs.map((entry) => ({ ...entry, historyId: 'e'.repeat(32) }));
      const { lsn } = follower.log.durable;

      const tail = await follower.log.replaceBehind(
        { ...found, epochs },
        { ...REASON, committedLsn: lsn },
      );

      expect(tail).toMatchObject({ fromLsn: 1, toLsn: lsn });
      expect(await listSaved({ disk: sim.mount(follower.process), dir: '/data' })).toHaveLength(
        tail.names.length,
      );
    });
  });

  test.for([0, 4, 7])(
    'power loss at every disk operation is finished at the next start, where %i of 7 batches are committed',
    { tags: ['slow'] },
    async (committed) => {
      const run = (seed: number, at?: number): Promise<number> =>
        simulate(seed, async (world) => {
          const sim = new SimDisk({ seed });
          const { life: source } = await grown(world, new SimDisk({ seed: 'source' }));
          const follower = await openLife(world, sim, 3);
          const batches = await batchesAfter(source.log, 0);
          await follower.log.begin(CLUSTER);
          for (const { bytes } of batches.slice(0, 7)) await follower.log.write(bytes);
          const base = await baseAt(source, batches[9]?.last.lsn ?? 0);
          const committedLsn = batches[committed - 1]?.last.lsn ?? 0;
          const { lsn } = follower.log.durable;
          // A restart of the process knows no more than the seals say.
          const knownLsn = Math.max(committedLsn, follower.log.history.knownCommitLsn);
          const first = sim.operations;
          if (at !== undefined) sim.crashAt(first + at);
          const reason = { ...REASON, committedLsn };
          await untilDeath(follower.process, follower.log.replaceBehind(base, reason)).catch(
            () => undefined,
          );
          const operations = sim.operations - first;
          sim.healthy();
          sim.losePower();
          const again = await openLife(world, sim, 3, base);
          expect(again.log.durable).toEqual(base.start);
          expect(again.meta.current.state).toBe('intact');
          expect(again.log.recovery.warnings).toEqual([]);
          const saved = await listSaved({ disk: sim.mount(again.process), dir: '/data' });
          const kept = new Set(saved.flatMap(({ from, to }) => lsnsOf(from.lsn, to)));
          for (let wanted = knownLsn + 1; wanted <= lsn; wanted += 1) {
            expect(kept, `seed ${seed}, operation ${at}`).toContain(wanted);
          }
          await again.log.write(batches[10]?.bytes ?? Buffer.alloc(0));
          return operations;
        });
      const operations = await run(1);
      expect(operations).toBeGreaterThan(15);
      for (let at = 1; at <= operations; at += 1) {
        for (let seed = 1; seed <= 3; seed += 1) await run(seed, at);
      }
    },
  );
});

function lsnsOf(from: number, to: Version | 'unknown'): number[] {
  const last = to === 'unknown' ? from - 1 : to.lsn;
  return Array.from({ length: last - from + 1 }, (_, index) => from + index);
}
