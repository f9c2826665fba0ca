import { describe, expect, test } from 'vitest';
import {
  PARTIAL_SNAPSHOT_MS,
  PartialSnapshot,
} from '../../../src/node/replica/partial-snapshot.ts';
import { SimDisk } from '../../../src/sim/sim-disk.ts';
import { simulate } from '../../../src/sim/sim-world.ts';
import type { SimWorld } from '../../../src/sim/sim-world.ts';

const PART = `/data/snapshots/incoming-${'0f'.repeat(32)}.part`;

interface Stage {
  readonly world: SimWorld;
  readonly sim: SimDisk;
  readonly partial: PartialSnapshot;
}

/** A node whose earlier life left a part of a snapshot. */
const withPart = (main: (stage: Stage) => Promise<void>): Promise<void> =>
  simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1, latency: { readMs: 1, writeMs: 1, syncMs: 1 } });
    sim.put(PART, Buffer.from('some of it'));
    const clock = world.process();
    const partial = new PartialSnapshot({
      disk: sim.mount(clock),
      clock,
      dir: '/data',
      onFailed: (error) => {
        throw error;
      },
    });
    await main({ world, sim, partial });
  });

describe('what came of a snapshot', () => {
  test('stays as long as a leader may offer the rest, and goes then', () =>
    withPart(async ({ world, sim, partial }) => {
      await world.pass(PARTIAL_SNAPSHOT_MS - 1);
      partial.tick();
      await partial.settled();
      expect(sim.paths()).toEqual([PART]);

      await world.pass(1);
      partial.tick();
      await partial.settled();
      expect(sim.paths()).toEqual([]);
    }));

  test('goes at once where this node leads, or follows a log', () =>
    withPart(async ({ sim, partial }) => {
      partial.superseded();
      await partial.settled();
      expect(sim.paths()).toEqual([]);
    }));

  test('stays while more of it comes, however long that takes, and for as long again once it broke off', () =>
    withPart(async ({ world, sim, partial }) => {
      await partial.arriving();
      await world.pass(2 * PARTIAL_SNAPSHOT_MS);
      partial.tick();
      partial.ended();
      await world.pass(PARTIAL_SNAPSHOT_MS - 1);
      partial.tick();
      await partial.settled();
      expect(sim.paths()).toEqual([PART]);
    }));

  test('is gone before another one begins to arrive, where it is being removed', () =>
    withPart(async ({ sim, partial }) => {
      partial.superseded();
      await partial.arriving();
      expect(sim.paths()).toEqual([]);

      sim.put(PART, Buffer.from('of the next one'));
      await partial.settled();
      expect(sim.paths()).toEqual([PART]);
    }));
});
