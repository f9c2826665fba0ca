/**
 * Goal: what a life builds on is durable, also where an earlier life wrote it and could not sync it.
 * Method: one operation of the first life fails with EIO, whichever it is, and the process dies; the machine and its page cache live on. The next
 * life goes on to its end and says what is durable; then the power goes, and it must all be there. Every kind of file that a node makes is among them.
 */
import { expect, test } from 'vitest';
import { isWalshipError } from '../../../src/errors.ts';
import type { SimProcess } from '../../../src/sim/sim-clock.ts';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import type { SimWorld } from '../../../src/sim/sim-world.ts';
import { simulate } from '../../../src/sim/sim-world.ts';
import { type DataFileKind, dataFileKind } from '../../../src/wal/data-dir.ts';
import { MetaStore } from '../../../src/wal/files/meta.ts';
import { listSaved, savedPath, saveSegment } from '../../../src/wal/files/saved.ts';
import { IncomingSnapshot } from '../../../src/wal/snapshot/snapshot-incoming.ts';
import { listSnapshots, readSnapshot } from '../../../src/wal/snapshot/snapshot-reader.ts';
import { append, lead, LogModel, openLife, untilDeath } from '../log-lives.ts';
import { HEADER, snapshotBytes } from '../snapshot-fixture.ts';

const SEEDS = 3;
const DIR = '/data';

interface Stage {
  readonly world: SimWorld;
  readonly sim: SimDisk;
}

/** Files that are written in one life and read in the next one. */
interface Adopted {
  readonly name: string;
  /** What it writes to; a failure of any of these is what the test is about. */
  readonly kinds: readonly DataFileKind[];
  /** Does all of it, in a new process, whatever was done before; returns what the next life has to find. */
  readonly life: (stage: Stage, process: SimProcess) => Promise<unknown>;
  /** Looks at what there is after the power loss. */
  readonly check: (stage: Stage, expected: unknown) => Promise<void>;
}

const keys = Array.from({ length: 60 }, (_, i) => ({
  lsn: 8,
  key: `k${String(i).padStart(4, '0')}`,
  value: 'v'.repeat(100),
}));
const snapshot = snapshotBytes(keys);
const digest = snapshot.toString('hex', snapshot.length - 4 - 32, snapshot.length - 4);

const incoming: Adopted = {
  name: 'a snapshot that comes in',
  kinds: ['incoming-snapshot', 'snapshot'],
  life: async ({ sim }, process) => {
    const disk = sim.mount(process);
    if ((await listSnapshots(disk, DIR)).length > 0) {
      // As a node does before it builds its state on one (load-state.ts).
      await disk.syncDir(`${DIR}/snapshots`);
      return digest;
    }
    const options = { disk, clock: process, dir: DIR, digest, bytes: snapshot.length };
    const file = await IncomingSnapshot.open(options);
    while (file.offset < snapshot.length) {
      const piece = Buffer.from(snapshot.subarray(file.offset, file.offset + 2048));
      expect(await file.add(piece)).toBeUndefined();
    }
    const done = await file.finish({ clusterId: HEADER.clusterId, start: HEADER.start });
    expect(done).toMatchObject({ digest });
    return digest;
  },
  check: async ({ world, sim }) => {
    const clock = world.process();
    const disk = sim.mount(clock);
    const [newest] = await listSnapshots(disk, DIR);
    expect(newest).toBeDefined();
    expect(await readSnapshot({ disk, clock }, newest?.path ?? '')).toMatchObject({
      kind: 'snapshot',
    });
  },
};

const meta: Adopted = {
  name: 'meta.json',
  kinds: ['meta', 'meta-spare'],
  life: async ({ sim }, process) => {
    const disk = sim.mount(process);
    await disk.makeDir(DIR);
    const store = await MetaStore.open(disk, DIR, { hasLog: false, nodeId: 'n1' });
    const first = store.current.newestSegment ?? 0;
    await store.update({ newestSegment: first + 1 });
    await store.update({ newestSegment: first + 2 });
    return store.current;
  },
  check: async ({ world, sim }, expected) => {
    const disk = sim.mount(world.process());
    const store = await MetaStore.open(disk, DIR, { hasLog: true, nodeId: 'n1' });
    expect(store.current).toEqual(expected);
  },
};

const TAIL = Buffer.alloc(3000, 'tail');
const saved: Adopted = {
  name: 'saved/',
  kinds: ['saved-segment', 'saved-note', 'temporary'],
  life: async ({ sim }, process) => {
    const disk = sim.mount(process);
    const path = `${DIR}/wal/00000000000000000001.wal`;
    if (sim.contentOf(path) === undefined) sim.put(path, TAIL);
    const source = { path, start: 0, end: TAIL.length };
    const from = { epoch: 1, lsn: 1 };
    const note = { why: 'a test', whenMs: 1, from, to: 'unknown' as const, by: 'n2' };
    return saveSegment({ disk, dir: DIR }, source, note);
  },
  check: async ({ world, sim }, expected) => {
    const entries = await listSaved({ disk: sim.mount(world.process()), dir: DIR });
    expect(entries).toHaveLength(1);
    expect(entries[0]).toMatchObject(expected as object);
    expect(sim.contentOf(savedPath(DIR, entries[0]?.name ?? ''))).toEqual(TAIL);
  },
};

/** A leader's log: its last segment is what recovery adopts, and the next ones are filled under other names. */
const log: Adopted = {
  name: 'the log',
  kinds: ['segment', 'temporary', 'meta', 'meta-spare'],
  life: async ({ world, sim }) => {
    const model = new LogModel();
    const life = await openLife(world, sim, 1);
    const work = async (): Promise<void> => {
      for await (const { key } of life.log.read({ from: 1 })) model.records.push(String(key));
      model.floor = model.records.length;
      await lead(life, model);
      for (const bytes of [300, 1200, 2500, 900]) {
        append(life, model, bytes);
        await life.log.drained();
      }
    };
    await untilDeath(life.process, work());
    return life.log.durable;
  },
  check: async ({ world, sim }, expected) => {
    const { log: found } = await openLife(world, sim, 1);
    expect(found.durable).toEqual(expected);
  },
};

async function operationsOf({ life }: Adopted): Promise<readonly [number, DataFileKind | 'dir'][]> {
  const seen: [number, DataFileKind | 'dir'][] = [];
  await simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1 });
    sim.onOperation = ({ number, kind, path, target = path }) => {
      for (const named of new Set([path, target])) {
        const file = dataFileKind(named.slice(DIR.length + 1));
        if (kind !== 'read') seen.push([number, file ?? 'dir']);
      }
      return undefined;
    };
    await life({ world, sim }, world.process());
  });
  return seen;
}

test.for([incoming, meta, saved, log])(
  '$name is durable after a failed sync, a kill and a power loss',
  { tags: ['slow'] },
  async (adopted) => {
    const operations = await operationsOf(adopted);
    const kinds = new Set(operations.map(([, kind]) => kind));
    for (const kind of adopted.kinds) if (kind !== 'snapshot') expect(kinds).toContain(kind);

    for (const [number] of operations) {
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        await simulate(1001 * number + seed, async (world) => {
          const sim = new SimDisk({ seed: 1001 * number + seed });
          const stage = { world, sim };
          sim.failAt(number, 'eio');
          const failed: unknown = await adopted
            .life(stage, world.process())
            .catch((error: unknown) => error);
          if (failed instanceof Error && !isWalshipError(failed)) throw failed;
          sim.healthy();
          sim.kill();
          const expected = await adopted.life(stage, world.process());
          sim.losePower();

          try {
            await adopted.check(stage, expected);
          } catch (cause) {
            throw new Error(`operation ${number}: ${sim.history.join('\n')}`, { cause });
          }
        });
      }
    }
  },
);

test('every kind of file that a node reads again is among them', () => {
  const all = new Set([incoming, meta, saved, log].flatMap(({ kinds }) => kinds));
  const kinds: DataFileKind[] = [
    'meta',
    'meta-spare',
    'segment',
    'snapshot',
    'incoming-snapshot',
    'saved-segment',
    'saved-note',
    'temporary',
  ];

  expect([...all].toSorted()).toEqual(kinds.toSorted());
});
