/**
 * Goal: whatever rots in a sealed segment is found, and what replaces it is what was there; and wherever the power goes meanwhile, the log is
 * what it was, or recovery says what is damaged.
 */
import { describe, expect, test } from 'vitest';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { simulate, type SimWorld } from '../../src/sim/sim-world.ts';
import { MiB } from '../../src/ports/units.ts';
import { BLOCK_BYTES, FILL_BYTE } from '../../src/wal/format/limits.ts';
import type { SealedSegment } from '../../src/wal/read/log-map.ts';
import { listSaved } from '../../src/wal/files/saved.ts';
import {
  type FetchBatches,
  refetchSegment,
  type ScrubDamage,
  scrubSegment,
} from '../../src/wal/scrub.ts';
import { batchesIn } from './fixture.ts';
import { append, type Life, lead, LogModel, openLife, readTexts, untilDeath } from './log-lives.ts';

interface Grown {
  readonly sim: SimDisk;
  readonly life: Life;
  readonly model: LogModel;
  /** The second sealed segment. */
  readonly segment: SealedSegment;
}

/** A log of several segments, all of them in the files. */
async function grown(world: SimWorld, seed = 1): Promise<Grown> {
  const sim = new SimDisk({ seed });
  const life = await openLife(world, sim, 3);
  const model = new LogModel();
  await lead(life, model);
  for (let count = 0; count < 24; count += 1) {
    append(life, model, 900, 5);
    await life.log.drained();
  }
  await life.log.sealed.settled();
  const first = life.log.sealed.after(0);
  const segment = life.log.sealed.after(first?.header.baseLsn ?? 0);
  if (segment === undefined) throw new Error('too few segments');
  return { sim, life, model, segment };
}

async function scrub(
  sim: SimDisk,
  life: Life,
  segment: SealedSegment,
): Promise<ScrubDamage | undefined> {
  const chunks = scrubSegment(sim.mount(life.process), segment);
  let bytes = 0;
  for (;;) {
    const { done, value } = await chunks.next();
    if (done === true) {
      if (value === undefined) expect(bytes).toBe(segment.end);
      return value;
    }
    bytes += value;
  }
}

/** What another node with the same log answers. */
const from =
  ({ log }: Life): FetchBatches =>
  async ({ lsn }) =>
    (await log.chunkAfter(lsn, MiB))?.bytes ?? Buffer.alloc(0);

async function rejection(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work;
  } catch (error) {
    return error;
  }
}

describe('a scrub', () => {
  test('finds nothing in segments that are what they were', async () => {
    await simulate(1, async (world) => {
      const { sim, life } = await grown(world);
      let count = 0;
      for (let found = life.log.sealed.after(0); found !== undefined; count += 1) {
        expect(await scrub(sim, life, found)).toBeUndefined();
        found = life.log.sealed.after(found.header.baseLsn);
      }
      expect(count).toBeGreaterThan(3);
      const names = await sim.mount(life.process).list('/data/wal');
      expect(count).toBe(names.filter((name) => name.endsWith('.wal')).length - 1);
    });
  });

  test('finds any flipped bit of a sealed segment, and says where', async () => {
    await simulate(1, async (world) => {
      const { sim, life, segment } = await grown(world);
      const content = sim.contentOf(segment.path) ?? Buffer.alloc(0);
      for (let offset = 0; offset < segment.end; offset += 37) {
        sim.flip(segment.path, offset, 1 << (offset % 8));
        const damage = await scrub(sim, life, segment);
        if (content[offset] === FILL_BYTE) {
          expect(damage, `byte ${offset}, between two writes`).toBeUndefined();
          sim.flip(segment.path, offset, 1 << (offset % 8));
          continue;
        }
        expect(damage, `byte ${offset}`).toMatchObject({ toLsn: segment.last.lsn, readable: true });
        expect(damage?.offset).toBeLessThanOrEqual(offset);
        expect(damage?.fromLsn).toBeGreaterThanOrEqual(segment.header.baseLsn);
        expect(damage?.fromLsn).toBeLessThanOrEqual(segment.last.lsn);
        sim.flip(segment.path, offset, 1 << (offset % 8));
      }
      expect(await scrub(sim, life, segment)).toBeUndefined();
    });
  });

  test('finds a segment that is cut short, gone, another one, or refused by the disk', async () => {
    await simulate(1, async (world) => {
      const { sim, life, segment } = await grown(world);
      const content = sim.contentOf(segment.path) ?? Buffer.alloc(0);
      sim.cut(segment.path, segment.end - 1);
      expect((await scrub(sim, life, segment))?.reason).toMatch(/ends inside a write/);
      const first = life.log.sealed.after(0);
      sim.put(segment.path, sim.contentOf(first?.path ?? '') ?? Buffer.alloc(0));
      expect((await scrub(sim, life, segment))?.reason).toMatch(/header of another segment/);
      sim.drop(segment.path);
      expect(await scrub(sim, life, segment)).toMatchObject({ readable: false, offset: 0 });
      sim.put(segment.path, content);
      sim.onOperation = ({ kind }) => (kind === 'read' ? 'eio' : undefined);
      expect(await scrub(sim, life, segment)).toMatchObject({ readable: false });
    });
  });
});

describe('mending', () => {
  test('puts back the batches that were there, byte for byte, and saves what had become of it', async () => {
    await simulate(1, async (world) => {
      const { sim, life, model, segment } = await grown(world);
      const source = await grown(world, 2);
      const before = batchesIn(sim.contentOf(segment.path) ?? Buffer.alloc(0));
      const oldSalt = sim.contentOf(segment.path)?.toString('hex', 52, 60);
      sim.flip(segment.path, BLOCK_BYTES + 132, 1);
      const rotten = sim.contentOf(segment.path);
      const damage = await scrub(sim, life, segment);
      if (damage === undefined) throw new Error('it is damaged');
      const disk = sim.mount(life.process);

      const refetched = await refetchSegment(
        { disk, entropy: sim.entropy },
        segment,
        from(source.life),
      );
      const replaced = await life.log.sealed.replace(damage, refetched);
      const mended = sim.contentOf(segment.path) ?? Buffer.alloc(0);
      expect(batchesIn(mended)).toEqual(before);
      expect(mended.toString('hex', 52, 60)).not.toBe(oldSalt);
      const now = life.log.sealed.at(segment.path);
      expect(now?.end).toBe(mended.length);
      if (now === undefined) throw new Error('it is still there');
      expect(await scrub(sim, life, now)).toBeUndefined();
      const saved = await listSaved({ disk, dir: '/data' });
      expect(saved).toMatchObject([
        { name: replaced?.saved, by: 'scrub', from: { lsn: damage.fromLsn } },
      ]);
      expect(sim.contentOf(`/data/saved/${replaced?.saved}`)).toEqual(rotten);
      expect(await readTexts(life.log)).toEqual(model.records);
      expect(sim.paths().filter((path) => path.includes('.mend'))).toEqual([]);
    });
  });

  test('without a descriptor for the directory reads at once what it put back', async () => {
    await simulate(1, async (world) => {
      const { sim, life, model, segment } = await grown(world);
      const source = await grown(world, 2);
      sim.flip(segment.path, BLOCK_BYTES + 132, 1);
      const damage = await scrub(sim, life, segment);
      if (damage === undefined) throw new Error('it is damaged');
      const disk = sim.mount(life.process);
      const entropy = sim.entropy;
      const refetched = await refetchSegment({ disk, entropy }, segment, from(source.life));
      let refused = 0;
      sim.onOperation = ({ kind, path }) => {
        if (kind !== 'syncDir' || path !== '/data/wal') return undefined;
        refused += 1;
        return 'emfile';
      };

      expect(await life.log.sealed.replace(damage, refetched)).toBeDefined();

      expect(refused).toBe(1);
      expect(await readTexts(life.log)).toEqual(model.records);
      const now = life.log.sealed.at(segment.path);
      expect(now && (await scrub(sim, life, now))).toBeUndefined();
    });
  });

  test('refuses what is not byte for byte what was there', async () => {
    await simulate(1, async (world) => {
      const { sim, life, segment } = await grown(world);
      const disk = sim.mount(life.process);
      const before = sim.contentOf(segment.path);
      const good = from(life);
      const altered: readonly FetchBatches[] = [
        async () => Buffer.alloc(0),
        async (after) => (await good(after)).subarray(1),
        async (after) => {
          const bytes = Buffer.from(await good(after));
          bytes[20] = (bytes[20] ?? 0) ^ 1;
          return bytes;
        },
        async () => good(segment.last),
      ];
      for (const fetch of altered) {
        expect(
          await rejection(refetchSegment({ disk, entropy: sim.entropy }, segment, fetch)),
        ).toMatchObject({
          code: 'CHAIN_MISMATCH',
        });
      }
      expect(sim.contentOf(segment.path)).toEqual(before);
      expect(sim.paths().filter((path) => path.includes('.mend'))).toEqual([]);
    });
  });

  test('leaves a segment alone that was purged or cut meanwhile', async () => {
    for (const meanwhile of ['purge', 'cut'] as const) {
      await simulate(1, async (world) => {
        const { sim, life, segment } = await grown(world);
        const { log } = life;
        sim.flip(segment.path, BLOCK_BYTES + 132, 1);
        const damage = await scrub(sim, life, segment);
        if (damage === undefined) throw new Error('it is damaged');
        const source = await grown(world, 2);
        const refetched = await refetchSegment(
          { disk: sim.mount(life.process), entropy: sim.entropy },
          segment,
          from(source.life),
        );
        log.stopLeading();
        const done =
          meanwhile === 'purge'
            ? log.purge(segment.last.lsn)
            : log.truncate(
                { ...segment.header, lsn: segment.header.baseLsn - 1 },
                { why: 'a test', by: 'n2', localAcks: 'no', committedLsn: 0 },
              );
        if (meanwhile === 'cut') await done;
        const replaced = await log.sealed.replace(damage, refetched);
        await done;
        expect(replaced).toBeUndefined();
        expect(sim.contentOf(refetched.temporary)).toBeUndefined();
        if (meanwhile === 'purge') expect(sim.contentOf(segment.path)).toBeUndefined();
      });
    }
  });

  test(
    'power loss at every disk operation leaves the log as it was, or damage that recovery names',
    { tags: ['slow'] },
    async () => {
      const run = (seed: number, at?: number): Promise<number> =>
        simulate(seed, async (world) => {
          const { sim, life, model, segment } = await grown(world, seed);
          const source = await grown(world, `source ${seed}`.length);
          sim.flip(segment.path, BLOCK_BYTES + 132, 1);
          const rotten = sim.contentOf(segment.path) ?? Buffer.alloc(0);
          const first = sim.operations;
          if (at !== undefined) sim.crashAt(first + at);
          const disk = sim.mount(life.process);
          const mend = async (): Promise<void> => {
            const damage = await scrub(sim, life, segment);
            if (damage === undefined) throw new Error('it is damaged');
            await life.log.sealed.replace(
              damage,
              await refetchSegment({ disk, entropy: sim.entropy }, segment, from(source.life)),
            );
          };
          const ended = await untilDeath(life.process, mend()).then(
            () => 'mended',
            () => 'died',
          );
          const operations = sim.operations - first;
          sim.healthy();
          sim.losePower();
          const isRotten = sim.contentOf(segment.path)?.equals(rotten) === true;
          expect(isRotten && ended === 'mended').toBe(false);

          const again = await openLife(world, sim, 3);
          const { state } = again.meta.current;
          const found = await readTexts(again.log);
          expect(found).toEqual(model.records.slice(0, found.length));
          expect(state).toBe(isRotten ? 'suspect' : 'intact');
          expect(found.length === model.records.length).toBe(!isRotten);
          expect(
            sim.paths().filter((path) => path.endsWith('.tmp') && path.includes('wal/')),
          ).toEqual(sim.paths().filter((path) => path.includes('wal/spare')));
          return operations;
        });
      const operations = await run(1);
      expect(operations).toBeGreaterThan(12);
      for (let at = 1; at <= operations; at += 1) {
        for (let seed = 1; seed <= 2; seed += 1) await run(seed, at);
      }
    },
  );
});
