/**
 * Goal: a snapshot taken while writes go on is right once the log from its start to its end is replayed over it; under its name there is
 * never anything but a whole one, wherever the power goes or the disk fails.
 * Method: a store is written to at random in every turn that the writer yields, on a simulated disk; then an accident at every operation.
 */
import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../../src/errors.ts';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import type { DiskFault } from '../../../src/sim/sim-fault.ts';
import type { SimProcess } from '../../../src/sim/sim-clock.ts';
import { simulate } from '../../../src/sim/sim-world.ts';
import { Store } from '../../../src/store/store.ts';
import { listSnapshots, readSnapshot } from '../../../src/wal/snapshot/snapshot-reader.ts';
import type { ReadSnapshot } from '../../../src/wal/snapshot/snapshot-reader.ts';
import { writeSnapshot } from '../../../src/wal/snapshot/snapshot-writer.ts';
import type { SnapshotFile } from '../../../src/wal/snapshot/snapshot-writer.ts';
import { linesOf, contentOf, randomBelow } from '../../store/store-model.ts';
import { EPOCHS, HEADER } from '../snapshot-fixture.ts';

interface Write {
  readonly lsn: number;
  readonly key: Buffer;
  /** Undefined for a delete. */
  readonly value: Buffer | undefined;
}

/** A store, and every write to it since it was made. */
class Written {
  readonly store = new Store();
  readonly log: Write[] = [];
  readonly #below: (end: number) => number;

  constructor(seed: number) {
    this.#below = randomBelow(seed);
  }

  get appliedLsn(): number {
    return this.log.length;
  }

  page(request: Parameters<Store['page']>[0]): ReturnType<Store['page']> {
    return this.store.page(request);
  }

  write(keys: number): void {
    const below = this.#below;
    const key = Buffer.from(`key ${below(keys)}`);
    const remove = below(3) === 0;
    const length = below(20) === 0 ? below(3_000) : below(40);
    const value = remove ? undefined : Buffer.alloc(length, 97 + below(26));
    this.log.push({ lsn: this.log.length + 1, key, value });
    apply(this.store, this.log.at(-1));
  }
}

function apply(store: Store, write: Write | undefined): void {
  if (write === undefined) return;
  if (write.value === undefined) store.delete(write.lsn, write.key);
  else store.put(write.lsn, write.key, write.value);
}

interface Taking {
  readonly sim: SimDisk;
  readonly process: SimProcess;
  readonly written: Written;
  /** Writes in each turn that the writer yields. */
  readonly writesEach?: number;
  readonly keys?: number;
  readonly cancelAfter?: number;
  /** Cancels it in the turn after it got its name. */
  readonly cancelNamed?: boolean;
}

async function take(taking: Taking): Promise<SnapshotFile | undefined> {
  const { sim, process, written, writesEach = 0, keys = 1, cancelAfter = Infinity } = taking;
  let [turns, named] = [0, false];
  sim.watch = ({ kind }) => {
    named ||= kind === 'rename';
  };
  return writeSnapshot({
    disk: sim.mount(process),
    clock: process,
    dir: '/data',
    header: { ...HEADER, start: { ...HEADER.start, lsn: written.appliedLsn } },
    history: EPOCHS,
    source: written,
    cancelled: () => {
      for (let count = 0; count < writesEach; count += 1) written.write(keys);
      turns += 1;
      return turns > cancelAfter || (named && taking.cancelNamed === true);
    },
  });
}

async function load(sim: SimDisk, process: SimProcess, store: Store): Promise<ReadSnapshot> {
  const disk = sim.mount(process);
  const [newest] = await listSnapshots(disk, '/data');
  if (newest === undefined) return { kind: 'invalid', reason: 'there is none' };
  return readSnapshot({ disk, clock: process }, newest.path, (lsn, key, value) => {
    store.putRange(lsn, key, value);
  });
}

describe('a snapshot taken while writes go on', () => {
  test(
    'and the log from start to end over it give the store at the end',
    { tags: ['slow'] },
    async () => {
      for (let seed = 1; seed <= 12; seed += 1) {
        await simulate(seed, async (world) => {
          const [sim, process] = [new SimDisk({ seed }), world.process()];
          const keys = 1_000 + 300 * seed;
          const written = new Written(seed);
          for (let count = 0; count < keys * 2; count += 1) written.write(keys);
          const start = written.appliedLsn;
          const taken = await take({ sim, process, written, writesEach: 7 * seed, keys });
          expect(taken?.endLsn).toBeGreaterThan(start);
          expect(taken?.endLsn).toBeLessThanOrEqual(written.appliedLsn);

          const store = new Store();
          const read = await load(sim, process, store);
          expect(read).toEqual({ kind: 'snapshot', snapshot: taken });
          for (const write of written.log.slice(start)) apply(store, write);
          expect(linesOf(contentOf(store)), `seed ${seed}`).toEqual(
            linesOf(contentOf(written.store)),
          );
        });
      }
    },
  );

  test('shows every key that was live at the start and not written until the end as it is', async () => {
    for (let seed = 1; seed <= 12; seed += 1) {
      await simulate(seed, async (world) => {
        const [sim, process] = [new SimDisk({ seed }), world.process()];
        const written = new Written(seed);
        for (let count = 0; count < 4_000; count += 1) written.write(3_000);
        const before = contentOf(written.store);
        const start = written.appliedLsn;
        await take({ sim, process, written, writesEach: 50, keys: 3_000 });
        const touched = new Set(written.log.slice(start).map(({ key }) => key.toString()));
        const store = new Store();
        await load(sim, process, store);
        const still = before.filter(({ key }) => !touched.has(key.toString()));
        const shown = contentOf(store).filter(({ key }) => !touched.has(key.toString()));

        expect(still.length).toBeGreaterThan(500);
        expect(linesOf(shown), `seed ${seed}`).toEqual(linesOf(still));
      });
    }
  });

  test('leaves nothing behind when it is cancelled', async () => {
    await simulate(1, async (world) => {
      const [sim, process] = [new SimDisk({ seed: 1 }), world.process()];
      const written = new Written(1);
      for (let count = 0; count < 4_000; count += 1) written.write(3_000);

      expect(await take({ sim, process, written, cancelAfter: 1 })).toBeUndefined();
      expect(await sim.mount(process).list('/data/snapshots')).toEqual([]);
    });
  });

  test('does not come back with its name once it is cancelled, wherever the power goes then', async () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      await simulate(seed, async (world) => {
        const [sim, process] = [new SimDisk({ seed }), world.process()];
        const written = new Written(seed);
        for (let count = 0; count < 1_000; count += 1) written.write(500);

        expect(await take({ sim, process, written, cancelNamed: true })).toBeUndefined();
        sim.losePower();

        expect(await listSnapshots(sim.mount(world.process()), '/data'), `seed ${seed}`).toEqual(
          [],
        );
      });
    }
  });
});

describe('under a snapshot’s name there is nothing or a whole one', () => {
  test.for<[DiskFault, 'losePower' | 'kill']>([
    ['crash', 'losePower'],
    ['crash', 'kill'],
    ['eio', 'losePower'],
    ['enospc', 'kill'],
    ['short', 'losePower'],
  ])('after %s at any disk operation, then %s', async ([fault, end]) => {
    const operations = await run(1, undefined);
    expect(operations).toBeGreaterThan(8);
    for (let at = 1; at <= operations; at += 1) {
      for (let seed = 1; seed <= 4; seed += 1) await run(seed, { at, fault, end });
    }
  });
});

/** Returns how many disk operations taking one took. */
async function run(
  seed: number,
  accident: { at: number; fault: DiskFault; end: 'losePower' | 'kill' } | undefined,
): Promise<number> {
  return simulate(seed, async (world) => {
    const [sim, process] = [new SimDisk({ seed }), world.process()];
    const written = new Written(seed);
    for (let count = 0; count < 1_500; count += 1) written.write(1_000);
    if (accident !== undefined) sim.failAt(accident.at, accident.fault);
    const died = new Promise<'died'>((resolve) => {
      process.onDeath(() => resolve('died'));
    });
    const taking = take({ sim, process, written }).catch((error: unknown) => {
      if (!isWalshipError(error)) throw error;
      return error.code;
    });
    const result = await Promise.race([taking, died]);
    const { operations } = sim;
    sim.healthy();
    if (accident?.fault === 'enospc' && result === 'DISK_FULL') {
      const left = await sim.mount(process).list('/data/snapshots');
      expect(
        left.filter((name) => name.endsWith('.tmp')),
        'a full disk leaves no half',
      ).toEqual([]);
    }
    if (accident !== undefined) sim[accident.end]();

    const found = await load(sim, world.process(), new Store());
    const hint = `seed ${seed}, ${JSON.stringify(accident)}: ${JSON.stringify(found)}`;
    if (typeof result === 'object') expect(found.kind, hint).toBe('snapshot');
    if (found.kind === 'invalid') expect(found.reason, hint).toBe('there is none');
    return operations;
  });
}
