/**
 * Goal: a leader's and a follower's log behave as two lists of records would, whatever the order of operations.
 * Method: random sequences on simulated disks with small segments, beside the lists; at the end both are read from every LSN, reopened and
 * read again, and their files are compared by what they ship.
 * @module-tag slow
 */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { simulate, type SimWorld } from '../../src/sim/sim-world.ts';
import type { Log } from '../../src/wal/log.ts';
import { CUT_REASON } from './fixture.ts';
import { append, batchesAfter, lead, LogModel, openLife, readTexts } from './log-lives.ts';
import type { Life } from './log-lives.ts';

type Action =
  | { readonly kind: 'append'; readonly sizes: readonly number[] }
  | { readonly kind: 'drain' }
  | { readonly kind: 'ship'; readonly bytesMax: number }
  | { readonly kind: 'cut'; readonly back: number }
  | { readonly kind: 'reopen'; readonly who: 'leader' | 'follower' }
  | { readonly kind: 'read'; readonly who: 'leader' | 'follower'; readonly from: number };

const who = fc.constantFrom('leader' as const, 'follower' as const);
const size = fc.oneof(fc.nat(80), fc.nat(1500), fc.nat(9000));
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      sizes: fc.array(size, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('drain' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('ship' as const), bytesMax: fc.nat(20_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), back: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reopen' as const), who }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('read' as const), who, from: fc.nat(60) }),
  },
);

class Pair {
  readonly world: SimWorld;
  readonly model = new LogModel();
  readonly sims = { leader: new SimDisk({ seed: 1 }), follower: new SimDisk({ seed: 2 }) };
  leader: Life;
  follower: Life;

  constructor(world: SimWorld, leader: Life, follower: Life) {
    this.world = world;
    this.leader = leader;
    this.follower = follower;
  }

  static async open(world: SimWorld): Promise<Pair> {
    const sims = { leader: new SimDisk({ seed: 1 }), follower: new SimDisk({ seed: 2 }) };
    const leader = await openLife(world, sims.leader, 1);
    const follower = await openLife(world, sims.follower, 3);
    const pair = new Pair(world, leader, follower);
    Object.assign(pair.sims, sims);
    await lead(leader, pair.model);
    await follower.log.begin(leader.log.identity ?? { clusterId: '', historyId: '' });
    return pair;
  }

  async run(step: Action): Promise<void> {
    switch (step.kind) {
      case 'append':
        append(this.leader, this.model, ...step.sizes);
        return;
      case 'drain':
        await this.leader.log.drained();
        return;
      case 'ship':
        await this.ship(step.bytesMax);
        return;
      case 'cut': {
        const ends = (await batchesAfter(this.follower.log, 0)).map(({ last }) => last);
        const to = ends.at(-1 - step.back);
        if (to === undefined) return;
        await this.follower.log.truncate(to, CUT_REASON);
        expect(this.follower.log.durable).toEqual(to);
        return;
      }
      case 'reopen':
        await this.reopen(step.who);
        return;
      case 'read':
        await this.check(this[step.who].log, step.from);
    }
  }

  async ship(bytesMax: number): Promise<boolean> {
    const at = this.follower.log.durable;
    const chunk = await this.leader.log.chunkAfter(at.lsn, bytesMax);
    if (chunk === undefined) return false;
    expect(chunk.previous).toEqual(at);
    expect(await this.follower.log.write(chunk.bytes)).toEqual(chunk.last);
    return true;
  }

  async reopen(which: 'leader' | 'follower'): Promise<void> {
    const { log, process } = this[which];
    await log.close();
    process.kill();
    this[which] = await openLife(this.world, this.sims[which], which === 'leader' ? 1 : 3);
    expect(this[which].log.durable).toEqual(log.durable);
    expect(this[which].log.epochs).toEqual(log.epochs);
    if (which === 'leader') await lead(this.leader, this.model);
  }

  async check(log: Log, from: number): Promise<void> {
    const { lsn } = log.durable;
    const start = Math.max(1, from);
    expect(await readTexts(log, start)).toEqual(this.model.records.slice(start - 1, lsn));
  }
}

test('logs do what lists of records would do', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (steps) => {
      await simulate(11, async (world) => {
        const pair = await Pair.open(world);
        for (const step of steps) await pair.run(step);
        await pair.leader.log.drained();
        while (await pair.ship(10_000));

        for (const { log } of [pair.leader, pair.follower]) {
          for (const from of [1, 2, 7, 23]) await pair.check(log, from);
        }
        await pair.reopen('follower');
        expect(pair.follower.log.durable).toEqual(pair.leader.log.durable);
        await pair.check(pair.follower.log, 1);
        expect(
          Buffer.concat((await batchesAfter(pair.follower.log, 0)).map((b) => b.bytes)),
        ).toEqual(Buffer.concat((await batchesAfter(pair.leader.log, 0)).map((b) => b.bytes)));
      });
    }),
    { numRuns: 40 },
  );
});
