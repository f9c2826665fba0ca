/**
 * Goal: whatever happens to the disk, and whenever, a log opens again with everything that it reported durable and
 * nothing that was never appended; and it goes on from there.
 * Method: a leader's and a follower's life are run once to count their disk operations; then an accident happens at every one of them, under
 * several seeds. Afterwards the log is opened, compared with a model, appended to, closed, opened and compared again.
 * @module-tag slow
 */
import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../src/errors.ts';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import type { DiskFault, DiskOperation } from '../../src/sim/sim-fault.ts';
import { simulate, type SimWorld } from '../../src/sim/sim-world.ts';
import type { Position } from '../../src/wal/format/position.ts';
import { CUT_REASON } from './fixture.ts';
import {
  append,
  batchesAfter,
  checkLife,
  Died,
  lead,
  LogModel,
  openLife,
  readTexts,
  untilDeath,
} from './log-lives.ts';

interface Stage {
  readonly world: SimWorld;
  readonly sim: SimDisk;
  readonly model: LogModel;
}

/** Batches that a follower gets: of a leader, and of its successor, who lacks the end. */
interface Source {
  readonly batches: readonly { bytes: Buffer; last: Position }[];
  readonly texts: readonly string[];
  readonly fork: Position;
  readonly after: readonly { bytes: Buffer; last: Position }[];
  readonly textsAfter: readonly string[];
}

interface Workload {
  readonly name: string;
  readonly voters: number;
  readonly run: (stage: Stage) => Promise<void>;
}

/** Create, fill, append, rotate, trim, a batch larger than a segment, close, recover, and all that once more. */
const leading: Workload = {
  name: 'a leader',
  voters: 1,
  run: async ({ world, sim, model }) => {
    for (const sizes of [
      [10, 400, 90, 1500, 900, 1200, 30],
      [6000, 300, 500, 2500, 60],
    ]) {
      const life = await openLife(world, sim, 1);
      const work = async (): Promise<void> => {
        const found = await readTexts(life.log);
        model.check(found);
        model.adopt(found);
        await lead(life, model);
        for (const [index, size] of sizes.entries()) {
          append(life, model, size);
          if (index % 3 === 1) append(life, model, size >> 1, 7, 0);
          if (index % 2 === 0) await life.log.drained();
        }
        await life.log.drained();
        expect(model.floor).toBe(model.records.length);
        await life.log.close();
      };
      await untilDeath(life.process, work());
      life.process.kill();
    }
  },
};

/** Writes of one and of several batches, rotation, a truncation at a fork, and writes behind it. */
const following: Workload = {
  name: 'a follower',
  voters: 3,
  run: async ({ world, sim, model }) => {
    const life = await openLife(world, sim, 3);
    const write = async (batches: Source['batches'], texts: readonly string[]): Promise<void> => {
      for (let at = 0, size = 1; at < batches.length; at += size, size = (size % 4) + 1) {
        const some = batches.slice(at, at + size);
        const last = some.at(-1)?.last.lsn ?? 0;
        while (model.records.length < last) {
          model.records.push(texts[model.records.length] ?? '');
        }
        const { lsn } = await life.log.write(Buffer.concat(some.map(({ bytes }) => bytes)));
        expect(lsn).toBe(last);
        model.durable(lsn);
      }
    };
    const work = async (): Promise<void> => {
      await life.log.begin({ clusterId: CLUSTER_ID, historyId: 'f'.repeat(32) });
      await write(source.batches, source.texts);
      model.mayLose(source.fork.lsn);
      await life.log.truncate(source.fork, CUT_REASON);
      model.records.length = source.fork.lsn;
      await write(source.after, source.textsAfter);
      await life.log.close();
    };
    await untilDeath(life.process, work());
    life.process.kill();
  },
};

const CLUSTER_ID = '0123456789abcdef0123456789abcdef';

/** A leader's log, and that of a successor who has its first half. */
async function makeSource(world: SimWorld): Promise<Source> {
  const [old, model] = [await openLife(world, new SimDisk({ seed: 'old' }), 1), new LogModel()];
  await lead(old, model);
  for (const size of [10, 700, 50, 1600, 200, 90, 1100, 30, 2000, 5000, 40, 60, 80]) {
    append(old, model, size, 3);
    await old.log.drained();
  }
  const batches = await batchesAfter(old.log, 0);
  const half = batches.slice(0, 6);
  const fork = half.at(-1)?.last;
  expect(fork).toBeDefined();
  if (fork === undefined) throw new Error('no fork');

  const next = await openLife(world, new SimDisk({ seed: 'new' }), 1);
  await next.log.begin({ clusterId: CLUSTER_ID, historyId: 'f'.repeat(32) });
  await next.log.write(Buffer.concat(half.map(({ bytes }) => bytes)));
  const modelAfter = new LogModel();
  modelAfter.records.push(...model.records.slice(0, fork.lsn));
  await lead(next, modelAfter);
  for (const size of [20, 800, 2200, 300, 1000]) {
    append(next, modelAfter, size);
    await next.log.drained();
  }
  const after = await batchesAfter(next.log, fork.lsn);
  return { batches, texts: model.records, fork, after, textsAfter: modelAfter.records };
}

const source = await simulate(1, makeSource);

/** Runs `main` on a new disk; a failure names the seed and the disk's latest operations. */
async function onDisk(seed: number, main: (stage: Stage) => Promise<void>): Promise<void> {
  // On every other disk operations overlap and end out of order; there the numbers below mean another operation each time.
  const latency = { readMs: 0.1, writeMs: 0.3, syncMs: 1 };
  const sim = new SimDisk(seed % 2 === 0 ? { seed } : { seed, latency });
  try {
    await simulate(seed, async (world) => {
      await main({ world, sim, model: new LogModel() });
    });
  } catch (cause) {
    const latest = sim.history.slice(-60).join('\n  ');
    throw new Error(`${String(cause)}\nlatest operations:\n  ${latest}`, { cause });
  }
}

/** The operations of an undisturbed life. */
async function operationsOf(workload: Workload): Promise<DiskOperation[]> {
  const operations: DiskOperation[] = [];
  await onDisk(1, async (stage) => {
    stage.sim.onOperation = (operation) => {
      operations.push(operation);
      return undefined;
    };
    await workload.run(stage);
  });
  return operations;
}

/** Runs a workload that an accident ends: by death, or by the error of a failed disk. */
async function untilAccident(workload: Workload, stage: Stage): Promise<void> {
  try {
    await workload.run(stage);
  } catch (error) {
    const isExpected =
      error instanceof Died ||
      isWalshipError(error, 'DISK_FAILED') ||
      isWalshipError(error, 'DISK_FULL') ||
      isWalshipError(error, 'NODE_CLOSED');
    if (!isExpected) throw error;
  }
}

async function atEach(
  operations: readonly DiskOperation[],
  seeds: number,
  main: (stage: Stage, number: number) => Promise<void>,
): Promise<void> {
  for (const { number } of operations) {
    for (let seed = 0; seed < seeds; seed += 1) {
      await onDisk(1001 * number + seed, (stage) => main(stage, number));
    }
  }
}

describe.for([leading, following])('$name, ', (workload) => {
  const { voters } = workload;

  test('does what the tests below need: it creates, fills, rotates, trims, renames and removes', async () => {
    const kinds = new Set((await operationsOf(workload)).map(({ kind }) => kind));

    for (const kind of [
      'create',
      'write',
      'writeDurable',
      'sync',
      'rename',
      'syncDir',
      'truncate',
    ] as const) {
      expect(kinds).toContain(kind);
    }
  });

  test('power loss at every disk operation', async () => {
    await atEach(await operationsOf(workload), 2, async (stage, number) => {
      const { world, sim, model } = stage;
      sim.crashAt(number);
      await untilAccident(workload, stage);
      sim.losePower();

      const { meta } = await checkLife(world, sim, { model, voters });
      expect(meta.current.state).toBe('intact');
    });
  });

  test('power loss at every disk operation, and again in the recovery from it', async () => {
    await atEach(await operationsOf(workload), 2, async (stage, number) => {
      const { world, sim, model } = stage;
      sim.crashAt(number);
      await untilAccident(workload, stage);
      sim.losePower();
      sim.crashAt(sim.operations + 1 + sim.entropy.below(30));
      await openLife(world, sim, voters).catch((error: unknown) => {
        if (!(error instanceof Died)) throw error;
      });
      sim.losePower();
      sim.healthy();

      const { meta } = await checkLife(world, sim, { model, voters });
      expect(meta.current.state).toBe('intact');
    });
  });

  test('kill at every disk operation, recovery from the cache, and power loss right behind it', async () => {
    await atEach(await operationsOf(workload), 2, async (stage, number) => {
      const { world, sim, model } = stage;
      sim.crashAt(number);
      await untilAccident(workload, stage);
      sim.kill();
      const life = await openLife(world, sim, voters);
      // Whatever it says is durable now must be, although it read it from the cache.
      const found = await readTexts(life.log);
      model.check(found);
      model.adopt(found);
      sim.losePower();

      const { meta } = await checkLife(world, sim, { model, voters });
      expect(meta.current.state).toBe('intact');
    });
  });

  test.for<[DiskFault, 'kill' | 'losePower']>([
    ['eio', 'kill'],
    ['eio', 'losePower'],
    ['enospc', 'kill'],
    ['enospc', 'losePower'],
    ['short', 'kill'],
  ])('%s once at every disk operation, then %s', async ([fault, end]) => {
    const mayFault = (kind: DiskOperation['kind']): boolean =>
      fault === 'eio' || (fault === 'short' ? kind.startsWith('write') : kind !== 'read');
    const operations = (await operationsOf(workload)).filter(({ kind }) => mayFault(kind));
    await atEach(operations, 2, async (stage, number) => {
      const { world, sim, model } = stage;
      sim.failAt(number, fault);
      await untilAccident(workload, stage);
      sim[end]();
      if (end === 'kill') {
        const life = await openLife(world, sim, voters);
        const found = await readTexts(life.log);
        model.check(found);
        model.adopt(found);
        sim.losePower();
      }

      await checkLife(world, sim, { model, voters });
    });
  });
});
