/**
 * Goal: snapshots are taken when enough log has come together, two are kept, the log that they and everybody else can do without goes,
 * and a node begins from them again, with the same state.
 */
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../src/ports/clock.ts';
import type { NodeEvent } from '../../../src/node/api/events.ts';
import { Replica } from '../../../src/node/replica/replica.ts';
import { Snapshotter } from '../../../src/node/replica/snapshotter.ts';
import type { SnapshotterOptions } from '../../../src/node/replica/snapshotter.ts';
import { OP } from '../../../src/wal/format/record.ts';
import { segmentName } from '../../../src/wal/format/segment.ts';
import { verify } from '../../../src/wal/tools/verify.ts';
import { snapshotName } from '../../../src/wal/snapshot/snapshot-format.ts';
import { contentOf, linesOf } from '../../store/store-model.ts';
import { type Stage, withReplica } from '../replica-fixture.ts';

interface Taking {
  readonly snapshotter: Snapshotter;
  readonly events: NodeEvent[];
  readonly hold: { lsn: number };
}

async function taking(
  { disk, clock, replica }: Stage,
  options: Partial<SnapshotterOptions> = {},
): Promise<Taking> {
  const events: NodeEvent[] = [];
  const hold = { lsn: Infinity };
  const snapshotter = new Snapshotter({
    replica,
    disk: disk.mount(clock as Parameters<typeof disk.mount>[0]),
    clock,
    dir: '/data',
    logBytes: 10_000,
    holds: () => ({ heldLsn: hold.lsn, paths: [] }),
    onEvent: (event) => events.push(event),
    ...options,
  });
  await snapshotter.open();
  return { snapshotter, events, hold };
}

/** Writes so many records of 900 bytes, each its own batch, all of them committed and applied. */
async function write(replica: Replica, count: number): Promise<void> {
  replica.setMatched(Number.MAX_SAFE_INTEGER);
  for (let index = 0; index < count; index += 1) {
    const key = Buffer.from(`key ${replica.log.last.lsn % 7}`);
    replica.log.append([{ op: OP.PUT, key, value: Buffer.alloc(900, index) }]);
    await replica.log.drained();
    replica.learnCommitted(replica.log.durable.lsn);
  }
  await replica.caughtUp();
}

const stateOf = ({ store }: Replica): string[] => linesOf(contentOf(store));

describe('a snapshot', () => {
  test('says in whole milliseconds how long it took', () =>
    withReplica(async (stage) => {
      const { replica, clock, world } = stage;
      let nowMs = 0;
      const odd: Clock = {
        nowMs: () => (nowMs += 1.37),
        wallMs: () => clock.wallMs(),
        after: (delayMs, run) => clock.after(delayMs, run),
        soon: (run) => clock.soon(run),
      };
      const { snapshotter, events } = await taking(stage, { clock: odd });
      await write(replica, 30);
      snapshotter.applied();
      await world.pass(1_000);

      const [{ tookMs }] = events as [NodeEvent & { tookMs: number }];
      expect(tookMs).toBeGreaterThan(0);
      expect(Number.isInteger(tookMs)).toBe(true);
    }));

  test('is taken once enough log has come together', () =>
    withReplica(async (stage) => {
      const { replica, world } = stage;
      const { snapshotter, events } = await taking(stage);
      await write(replica, 5);
      snapshotter.applied();
      await world.pass(100);
      expect(events).toEqual([]);

      await write(replica, 8);
      snapshotter.applied();
      await world.pass(1_000);
      expect(events).toMatchObject([{ code: 'SNAPSHOT_TAKEN' }]);
      expect(snapshotter.newestLsn).toBe(14);
      snapshotter.applied();
      await world.pass(1_000);
      expect(events).toHaveLength(1);
    }));

  test('knows no more to be committed than a lone voter has left of its log', () =>
    withReplica(async ({ replica, disk, clock, world }) => {
      const { snapshotter } = await taking({ replica, disk, clock, world } as Stage);
      await write(replica, 10);
      const taken = snapshotter.take();
      // Written while it is taken: the snapshot holds what came up to its end.
      await write(replica, 8);
      const { startLsn, endLsn } = await taken;
      expect(endLsn).toBeGreaterThan(startLsn);
      await replica.close();
      const path = `/data/wal/${segmentName(1)}`;
      const last = Buffer.alloc(8);
      last.writeBigUInt64BE(BigInt(endLsn));
      disk.flip(path, (disk.contentOf(path) ?? last).indexOf(last) + 20, 1);

      const again = await Replica.open({
        disk: disk.mount(clock as Parameters<typeof disk.mount>[0]),
        clock,
        entropy: world.entropy,
        dir: '/data',
        nodeId: 'n1',
        voterCount: 1,
        segmentBytes: 16 * 1024,
        onDamage: 'cut',
        onEvent: () => undefined,
      });

      expect(again.log.durable.lsn).toBe(endLsn - 1);
      expect(again.committedLsn).toBe(again.log.durable.lsn);
      expect(again.rebuilding).toBe(false);
    }));

  test('is what a node begins from again, with the log behind it', () =>
    withReplica(async (stage) => {
      const { replica, reopen } = stage;
      const { snapshotter } = await taking(stage);
      await write(replica, 10);
      const { startLsn, endLsn, keys } = await snapshotter.take();
      expect([startLsn, endLsn, keys]).toEqual([11, 11, 7]);
      await write(replica, 3);
      const state = stateOf(replica);
      await replica.close();

      const again = await reopen();
      expect(again.snapshot?.start.lsn).toBe(11);
      expect(again.rebuilding).toBe(false);
      await again.caughtUp();
      // No seal says yet that what is behind the snapshot is committed.
      expect(again.appliedLsn).toBe(11);
      again.setMatched(14);
      again.learnCommitted(14);
      await again.caughtUp();
      expect(stateOf(again)).toEqual(state);
      expect(again.log.epochAt(3)).toBe(1);
    }));

  test('leaves nothing behind where the process dies while it is being written', () =>
    withReplica(async (stage) => {
      const { disk, world, replica, reopen } = stage;
      const { snapshotter } = await taking(stage);
      await write(replica, 10);
      disk.onOperation = ({ kind, path }) =>
        kind === 'sync' && path.endsWith('.snap.tmp') ? 'crash' : undefined;
      snapshotter.take().catch(() => undefined);
      await world.pass(1_000);
      const left = (): string[] => disk.paths().filter((path) => path.includes('/snapshots/'));
      expect(left()).toHaveLength(1);

      disk.healthy();
      await reopen();

      expect(left()).toEqual([]);
    }));

  test('that a state is loaded from is not read before everything is applied that was written while it was taken', () =>
    withReplica(async (stage) => {
      const { replica } = stage;
      const { snapshotter } = await taking(stage);
      await write(replica, 10);
      const taken = snapshotter.take();
      await write(replica, 8);
      const { startLsn, endLsn } = await taken;
      expect(endLsn).toBeGreaterThan(startLsn);
      const state = stateOf(replica);
      replica.setMatched(startLsn);

      replica.loader.forget();
      await replica.loader.recall(startLsn);
      expect(replica.appliedLsn).toBe(startLsn);
      expect(replica.rebuilding).toBe(true);
      replica.setMatched(replica.log.durable.lsn);
      await replica.caughtUp();

      expect(replica.rebuilding).toBe(false);
      expect(stateOf(replica)).toEqual(state);
    }));

  test('is shared by all who ask while it is being taken', () =>
    withReplica(async (stage) => {
      const { snapshotter, events } = await taking(stage);
      await write(stage.replica, 10);
      const [one, two] = await Promise.all([snapshotter.take(), snapshotter.take()]);
      expect(one).toBe(two);
      expect(events).toHaveLength(1);
    }));

  test('is refused where there is no state to take it of', () =>
    withReplica(async (stage) => {
      const { snapshotter } = await taking(stage);
      await expect(snapshotter.take()).rejects.toMatchObject({ code: 'NOT_READY' });
    }));

  test('that the disk has no room for is said, and not tried again at once', () =>
    withReplica(async (stage) => {
      const { replica, disk, world } = stage;
      const { snapshotter, events } = await taking(stage);
      await write(replica, 14);
      disk.failAt(disk.operations + 3, 'enospc');
      snapshotter.applied();
      await world.pass(500);
      expect(events).toMatchObject([{ code: 'SNAPSHOT_FAILED' }]);
      disk.healthy();
      snapshotter.applied();
      await world.pass(500);
      expect(events).toHaveLength(1);
      await world.pass(30_000);
      snapshotter.applied();
      await world.pass(500);
      expect(events.at(-1)).toMatchObject({ code: 'SNAPSHOT_TAKEN' });
      expect(replica.failure).toBeUndefined();
    }));
});

describe('of several snapshots', () => {
  test('two are kept, and the log above the older one', () =>
    withReplica(async (stage) => {
      const { replica, disk, clock, world } = stage;
      const { snapshotter } = await taking(stage);
      for (let count = 0; count < 4; count += 1) {
        await write(replica, 20);
        await snapshotter.take();
      }
      await world.pass(100);

      const mount = disk.mount(clock as Parameters<typeof disk.mount>[0]);
      expect(await mount.list('/data/snapshots')).toEqual([snapshotName(61), snapshotName(81)]);
      expect(snapshotter.coveredLsn).toBe(61);
      expect(replica.log.firstLsn).toBeGreaterThan(40);
      expect(replica.log.firstLsn).toBeLessThanOrEqual(62);
      expect(await verify(mount, '/data')).toMatchObject({ ok: true, row: 'end' });
    }));

  test('one that is being sent is kept too', () =>
    withReplica(async (stage) => {
      const { replica, disk } = stage;
      const sent = `/data/snapshots/${snapshotName(21)}`;
      const holds = () => ({ heldLsn: Infinity, paths: [sent] });
      const { snapshotter } = await taking(stage, { holds });
      for (let count = 0; count < 4; count += 1) {
        await write(replica, 20);
        await snapshotter.take();
      }

      const kept = disk.paths().filter((path) => path.startsWith('/data/snapshots/'));
      expect(kept).toEqual([21, 61, 81].map((lsn) => `/data/snapshots/${snapshotName(lsn)}`));
    }));

  test('the older one is begun from where the newer one is damaged', () =>
    withReplica(async (stage) => {
      const { replica, disk, reopen } = stage;
      const { snapshotter } = await taking(stage);
      for (let count = 0; count < 3; count += 1) {
        await write(replica, 20);
        await snapshotter.take();
      }
      await write(replica, 1);
      const state = stateOf(replica);
      await replica.close();
      disk.flip(`/data/snapshots/${snapshotName(61)}`, 900, 1);

      const again = await reopen();
      expect(again.snapshot?.start.lsn).toBe(41);
      expect(again.warnings).toMatchObject([{ code: 'SNAPSHOT_INVALID' }]);
      again.setMatched(62);
      again.learnCommitted(62);
      await again.caughtUp();
      expect(stateOf(again)).toEqual(state);
      expect(again.state).toBe('intact');
    }));

  test('log is kept above what somebody holds', () =>
    withReplica(async (stage) => {
      const { replica, world } = stage;
      const { snapshotter, hold } = await taking(stage);
      hold.lsn = 5;
      for (let count = 0; count < 4; count += 1) {
        await write(replica, 20);
        await snapshotter.take();
      }
      await world.pass(100);
      expect(replica.log.firstLsn).toBe(1);
      hold.lsn = 45;
      snapshotter.tick();
      await world.pass(100);
      expect(replica.log.firstLsn).toBeGreaterThan(20);
      expect(replica.log.firstLsn).toBeLessThanOrEqual(46);
    }));

  test('those that hold what is cut off go first', () =>
    withReplica(async (stage) => {
      const { replica, disk, clock, reopen } = stage;
      const { snapshotter } = await taking(stage);
      for (let count = 0; count < 2; count += 1) {
        await write(replica, 10);
        await snapshotter.take();
      }
      replica.log.stopLeading();
      const to = await replica.log.chainAt(15);
      expect(to?.lsn).toBe(15);
      if (to === undefined) return;
      await replica.log.truncate(to, {
        why: 'an operator wants it',
        by: 'operator',
        localAcks: 'unknown',
        committedLsn: 21,
      });
      const mount = disk.mount(clock as Parameters<typeof disk.mount>[0]);
      expect(await mount.list('/data/snapshots')).toEqual([snapshotName(11)]);
      await replica.close();
      const again = await reopen();
      expect(again.snapshot?.start.lsn).toBe(11);
      expect(again.log.durable.lsn).toBe(15);
    }));
});
