import { OP } from '../../../src/wal/format/record.ts';
import { describe, expect, test } from 'vitest';
import { Applier, APPLY_MS_MAX } from '../../../src/node/replica/applier.ts';
import type { Replica } from '../../../src/node/replica/replica.ts';
import { type Clock, nextTurn } from '../../../src/ports/clock.ts';
import { Store } from '../../../src/store/store.ts';
import { append, PACES, replicaAt, withReplica } from '../replica-fixture.ts';

describe.for(PACES)('on %s,', ([, pace]) => {
  const onStage = replicaAt(pace);

  describe('a store that is built anew', () => {
    test('holds the log up to the limit again, and is not fit to be read before', () =>
      onStage(async ({ replica, clock, world }) => {
        for (let index = 0; index < 5; index += 1) {
          append(replica);
          await replica.log.drained();
        }
        const limit = { lsn: 6 };
        let paused = false;
        const failures: unknown[] = [];
        const applier = new Applier({
          log: replica.log,
          clock,
          store: new Store({ seed: 1 }),
          appliedLsn: 0,
          limit: () => limit.lsn,
          failed: () => paused,
          onFailed: (error) => failures.push(error),
        });
        applier.wake();
        await applier.caughtUp();
        expect(applier.store.get(Buffer.from('k'))?.lsn).toBe(6);

        // The log was cut behind LSN 3, say.
        limit.lsn = 3;
        paused = true;
        applier.rebuild({ store: new Store({ seed: 2 }), appliedLsn: 0 }, 3);
        expect(applier.rebuilding).toBe(true);
        expect(applier.appliedLsn).toBe(0);
        paused = false;
        applier.wake();
        await applier.caughtUp();

        expect(applier.rebuilding).toBe(false);
        expect(applier.appliedLsn).toBe(3);
        expect(applier.store.get(Buffer.from('k'))?.lsn).toBe(3);
        await world.pass(10);
        expect(failures).toEqual([]);
      }));

    test('takes nothing of what was read for the store before it', () =>
      onStage(async ({ replica, clock, world }) => {
        for (let index = 0; index < 5; index += 1) {
          append(replica);
          await replica.log.drained();
        }
        const applier = new Applier({
          log: replica.log,
          clock,
          store: new Store({ seed: 1 }),
          appliedLsn: 0,
          limit: () => 6,
          failed: () => false,
          onFailed: () => undefined,
        });
        applier.wake();
        const loaded = new Store({ seed: 2 });
        applier.rebuild({ store: loaded, appliedLsn: 4 }, 6);
        await applier.caughtUp();
        await world.pass(10);

        expect(applier.store).toBe(loaded);
        expect(applier.appliedLsn).toBe(6);
      }));
  });
});

describe('much to apply', () => {
  test.for(['memory', 'files'] as const)('is applied in turns, from %s', (source) =>
    withReplica(async ({ replica, clock, world }) => {
      for (let index = 0; index < 9; index += 1) {
        append(replica);
        await replica.log.drained();
      }
      const one = 1;
      let turns = 0;
      let nowMs = 0;
      const applier = new Applier({
        log: {
          recentAfter: (lsn) =>
            source === 'memory' ? replica.log.recentAfter(lsn, one) : undefined,
          // At once, as what was read ahead.
          chunkAfter: (lsn) => Promise.resolve(replica.log.recentAfter(lsn, one)),
        },
        clock: {
          wallMs: () => 0,
          after: () => () => undefined,
          // A batch takes as long as half a turn may last.
          nowMs: () => (nowMs += APPLY_MS_MAX / 2),
          soon: (run) => {
            turns += 1;
            clock.soon(run);
          },
        },
        store: new Store({ seed: 1 }),
        appliedLsn: 0,
        limit: () => 10,
        failed: () => false,
        onFailed: () => undefined,
      });
      applier.wake();
      await applier.caughtUp();
      await world.pass(1);

      expect(applier.appliedLsn).toBe(10);
      expect(turns).toBe(4);
    }),
  );
});

describe('a batch of many records', () => {
  /** A store that is behind, and whose clock lets a turn do one step only. */
  async function slowly(replica: Replica, clock: Clock): Promise<Applier> {
    const put = { op: OP.PUT, value: Buffer.from('new') };
    replica.log.append(
      Array.from({ length: 3_000 }, (_, index) => ({ ...put, key: Buffer.from(`k${index}`) })),
    );
    await replica.log.drained();
    let nowMs = 0;
    return new Applier({
      log: replica.log,
      clock: { ...fakeClock, nowMs: () => (nowMs += APPLY_MS_MAX), soon: (run) => clock.soon(run) },
      store: new Store({ seed: 1 }),
      appliedLsn: 0,
      limit: () => replica.log.durable.lsn,
      failed: () => false,
      onFailed: () => undefined,
    });
  }
  const fakeClock = { wallMs: () => 0, after: () => () => undefined };

  test('is applied over several turns, and whoever reads waits until it is whole', () =>
    withReplica(async ({ replica, clock }) => {
      const applier = await slowly(replica, clock);
      applier.wake();
      // The batch of the EPOCH record goes before it.
      while (applier.isSettled) await nextTurn(clock);
      const seen: number[] = [];
      const read = applier.settled().then(() => seen.push(applier.store.count));
      let turns = 0;
      for (; !applier.isSettled; turns += 1) {
        expect(seen).toEqual([]);
        expect(applier.settledLsn).toBe(1);
        expect(applier.appliedLsn).toBe(3_001);
        await nextTurn(clock);
      }
      await read;

      expect(turns).toBeGreaterThan(5);
      expect(seen).toEqual([3_000]);
      expect(applier.settledLsn).toBe(3_001);
    }));

  test('that is half in a state which is begun anew is left', () =>
    withReplica(async ({ replica, clock }) => {
      const applier = await slowly(replica, clock);
      applier.wake();
      while (applier.isSettled) await nextTurn(clock);
      const loaded = new Store({ seed: 2 });
      applier.rebuild({ store: loaded, appliedLsn: replica.log.durable.lsn }, 0);
      expect(applier.isSettled).toBe(true);
      for (let turn = 0; turn < 30; turn += 1) await nextTurn(clock);

      expect(loaded.count).toBe(0);
      expect(applier.store).toBe(loaded);
    }));
});
