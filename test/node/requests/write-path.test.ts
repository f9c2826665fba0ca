/**
 * Goal: what a client is told of a write is true of the log at the moment in which the write was judged, and in the time that it allowed.
 * Method: the write path of a lone voter, whose log is real on a simulated disk; nothing is committed but what the test says.
 */
import { describe, expect, test } from 'vitest';
import type { Condition, WriteRequest } from '../../../src/node/api/api.ts';
import { Overlay } from '../../../src/store/overlay.ts';
import { ITEMS_PER_TURN } from '../../../src/node/requests/large-write.ts';
import { UNAPPLIED_BYTES_MAX, WritePath } from '../../../src/node/requests/write-path.ts';
import { MiB } from '../../../src/ports/units.ts';
import { TRANSACTION_ITEMS_MAX } from '../../../src/wal/format/limits.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import { leaderOf } from '../leader-fixture.ts';
import { PACES, replicaAt, withReplica } from '../replica-fixture.ts';
import type { Stage } from '../replica-fixture.ts';

interface Written {
  readonly writes: WritePath;
  /** Resolves when everything that has an LSN is committed and applied. */
  readonly commitAll: () => Promise<void>;
}

/** The writes of n1, whose leadership is committed. */
async function lead({ replica, clock }: Stage): Promise<Written> {
  const leader = leaderOf(replica, clock, { hooks: { commit: () => undefined } });
  replica.setMatched(Number.MAX_SAFE_INTEGER);
  replica.learnCommitted(1);
  const writes = new WritePath({
    replica,
    leader,
    inherited: new Overlay(),
    clock,
    quorum: 1,
    voterCount: 1,
    uncommittedBytesMax: 1_000_000,
  });
  replica.log.onDurable(() => writes.durableMoved());
  replica.onCommitted(() => writes.committedMoved());
  replica.onApplied(() => writes.appliedMoved());
  every(clock, 25, () => {
    writes.tick();
    leader.tick();
  });
  const commitAll = async (): Promise<void> => {
    await replica.log.drained();
    replica.learnCommitted(replica.log.last.lsn);
    await replica.caughtUp();
  };
  await commitAll();
  return { writes, commitAll };
}

const put = (key: string): WriteRequest => ({
  conditions: [],
  ops: [{ op: 'put', key: Buffer.from(key), value: Buffer.from('v') }],
  ack: 'quorum',
  timeoutMs: 1_000,
});

const ask = (...conditions: Condition[]): WriteRequest => ({ ...put('none'), conditions, ops: [] });

function every(clock: Clock, ms: number, run: () => void): void {
  clock.after(ms, () => {
    run();
    every(clock, ms, run);
  });
}

describe.for(PACES)('on %s,', ([, pace]) => {
  const withReplica = replicaAt(pace);

  describe('a transaction of conditions only', () => {
    test('returns the version of the log that it was judged by, and not that of the keys it asks about', async () => {
      await withReplica(async (stage) => {
        const { writes, commitAll } = await lead(stage);
        const written = [writes.write(put('a')), writes.write(put('b'))];
        await commitAll();
        const versions = (await Promise.all(written)).map(({ version }) => version);
        expect(versions).toEqual([
          { epoch: 1, lsn: 2 },
          { epoch: 1, lsn: 3 },
        ]);

        const expectA = { key: Buffer.from('a'), expect: { epoch: 1, lsn: 2 } };
        const asked = await writes.write(ask(expectA));

        expect(asked.version).toEqual({ epoch: 1, lsn: 3 });
        expect(asked.durableOn).toEqual(['n1']);
      });
    });

    test('is judged by what is committed and not applied yet', () =>
      withReplica(async (stage) => {
        const { replica } = stage;
        const { writes } = await lead(stage);
        const written = writes.write(put('a'));
        await replica.log.drained();
        replica.learnCommitted(replica.log.last.lsn);

        const present = { key: Buffer.from('a'), expect: 'present' as const };
        const asked = writes.write(ask(present));
        await replica.caughtUp();

        expect((await asked).version).toEqual((await written).version);
      }));

    test('is judged by what is not committed yet, returns that version once it is, and nothing that came later', async () => {
      await withReplica(async (stage) => {
        const { writes, commitAll } = await lead(stage);
        const before = writes.write(put('a'));
        let answered = false;

        const present = { key: Buffer.from('a'), expect: 'present' as const };
        const asked = writes.write(ask(present)).finally(() => (answered = true));
        const later = writes.write(put('a'));
        await stage.replica.log.drained();
        await new Promise((resolve) => void stage.clock.after(100, () => resolve(undefined)));
        expect(answered).toBe(false);
        await commitAll();

        expect((await before).version).toEqual({ epoch: 1, lsn: 2 });
        expect((await asked).version).toEqual({ epoch: 1, lsn: 2 });
        expect((await later).version).toEqual({ epoch: 1, lsn: 3 });
      });
    });
  });

  describe('a write that was held up', () => {
    test('has the time that is left of its own, and says what it was', async () => {
      await withReplica(async (stage) => {
        const { writes } = await lead(stage);
        const { clock } = stage;
        const beganMs = clock.nowMs();
        writes.pause('switchover');
        clock.after(600, () => writes.resume('switchover'));

        await expect(writes.write(put('a'))).rejects.toMatchObject({
          code: 'COMMIT_TIMEOUT',
          outcome: 'indeterminate',
          message: expect.stringContaining('within 1000 ms'),
        });
        expect(clock.nowMs() - beganMs).toBeGreaterThanOrEqual(1_000);
        expect(clock.nowMs() - beganMs).toBeLessThan(1_100);
      });
    });

    test('has no more time where it is held up again', async () => {
      await withReplica(async (stage) => {
        const { writes } = await lead(stage);
        const { clock } = stage;
        const beganMs = clock.nowMs();
        writes.pause('switchover');
        clock.after(600, () => {
          writes.resume('switchover');
          writes.pause('switchover');
        });

        await expect(writes.write(put('a'))).rejects.toMatchObject({
          code: 'BUSY',
          outcome: 'rejected',
          message: expect.stringContaining('the write waited for 1000 ms'),
        });
        expect(clock.nowMs() - beganMs).toBeLessThan(1_100);
      });
    });

    test('is told which key broke its condition, and what that key is at', async () => {
      await withReplica(async (stage) => {
        const { writes, commitAll } = await lead(stage);
        const binary = Buffer.from([0xff, 0]);
        const written = writes.write(put('a'));
        await commitAll();
        await written;
        const whole = { key: Buffer.from('a'), expect: 'present' as const };
        const refused = async (condition: Condition): Promise<unknown> => {
          const asked = writes.write(ask(whole, condition)).catch((error: unknown) => error);
          await commitAll();
          return asked;
        };

        expect(await refused({ key: Buffer.from('a'), expect: 'absent' })).toMatchObject({
          code: 'CONDITION_FAILED',
          details: { key: 'a', version: '1.2' },
        });
        expect(await refused({ key: binary, expect: 'present' })).toMatchObject({
          code: 'CONDITION_FAILED',
          details: { key64: '_wA', version: null },
        });
      });
    });

    test('is told of a condition that does not hold within its own time', async () => {
      await withReplica(async (stage) => {
        const { writes } = await lead(stage);
        const { clock } = stage;
        const beganMs = clock.nowMs();
        writes.write(put('a')).catch(() => undefined);
        writes.pause('switchover');
        clock.after(600, () => writes.resume('switchover'));

        const absent = { key: Buffer.from('a'), expect: 'absent' as const };
        await expect(writes.write(ask(absent))).rejects.toMatchObject({
          code: 'WAIT_TIMEOUT',
          outcome: 'rejected',
        });
        expect(clock.nowMs() - beganMs).toBeLessThan(1_100);
      });
    });
  });

  test('no write is taken before the first commit of a history while a voter is missing: it could not be committed', async () => {
    await withReplica(async ({ replica, clock }) => {
      const voters = ['n1', 'n2'];
      const leader = leaderOf(replica, clock, { voters, hooks: { commit: () => undefined } });
      const writes = new WritePath({
        replica,
        leader,
        inherited: new Overlay(),
        clock,
        quorum: 1,
        voterCount: 2,
        uncommittedBytesMax: 1_000_000,
      });

      writes.resume('beginning');
      const before = replica.log.last.lsn;
      await expect(writes.write(put('a'))).rejects.toMatchObject({
        code: 'NO_QUORUM',
        outcome: 'rejected',
        details: { present: 1, needed: 2 },
      });
      expect(replica.log.last.lsn).toBe(before);

      replica.setMatched(1);
      replica.learnCommitted(1);
      const write = writes.write(put('a'));
      expect(replica.log.last.lsn).toBe(before + 1);
      writes.end('NODE_CLOSED', 'the test is over');
      await expect(write).rejects.toMatchObject({ outcome: 'indeterminate' });
    });
  });
});

describe('a transaction of many items', () => {
  const many = ITEMS_PER_TURN * 2 + 7;
  const keys = Array.from({ length: many }, (_, index) => Buffer.from(`k${index}`));
  const conditions = keys.map((key) => ({ key, expect: 'absent' as const }));
  const ops = keys.map((key) => ({ op: 'put' as const, key, value: Buffer.from('v') }));
  const lastKey = keys.at(-1) as Buffer;

  test('is judged over several turns, and what was judged stays true until it has its LSNs', async () => {
    await withReplica(async (stage) => {
      const { writes, commitAll } = await lead(stage);
      const { replica, world } = stage;
      const large = writes.write({ ...put('large'), conditions });
      // It would make a condition false that was found true.
      const small = writes.write(put('k0'));
      await world.pass(1);
      await commitAll();

      const [first, second] = await Promise.all([large, small]);
      expect(first.version.lsn).toBeLessThan(second.version.lsn);
      expect(replica.log.last.lsn).toBe(second.version.lsn);
    });
  });

  test('is seen whole by the conditions of the next write', async () => {
    await withReplica(async (stage) => {
      const { writes, commitAll } = await lead(stage);
      const { world } = stage;
      const large = writes.write({ ...put('large'), ops });
      const small = writes.write({
        ...put('k0'),
        conditions: [{ key: lastKey, expect: 'absent' as const }],
      });
      const refused = expect(small).rejects.toMatchObject({ code: 'CONDITION_FAILED' });
      await world.pass(1);
      await commitAll();

      await large;
      await refused;
    });
  });

  test('with a wrong operation is refused, and holds up nobody any more', async () => {
    await withReplica(async (stage) => {
      const { writes, commitAll } = await lead(stage);
      const { replica, world } = stage;
      const before = replica.log.last.lsn;
      const wrong = { op: 'put' as const, key: Buffer.alloc(0), value: Buffer.alloc(0) };
      const large = writes.write({ ...put('large'), ops: [...ops, wrong] });
      const refused = expect(large).rejects.toMatchObject({
        code: 'KEY_INVALID',
        outcome: 'rejected',
      });
      const small = writes.write(put('k0'));
      await world.pass(1);
      await refused;
      await commitAll();

      expect((await small).version.lsn).toBe(before + 1);
    });
  });

  test('gets no LSN once the leadership is over', async () => {
    await withReplica(async (stage) => {
      const { writes } = await lead(stage);
      const { replica, world } = stage;
      const before = replica.log.last.lsn;
      const refused = expect(writes.write({ ...put('large'), ops })).rejects.toMatchObject({
        code: 'NO_LEADER',
        outcome: 'rejected',
      });
      writes.end('STALE_EPOCH', 'the test says so');
      await world.pass(1);

      await refused;
      expect(replica.log.last.lsn).toBe(before);
    });
  });

  test('waits with the others where writing is held up while it is judged', async () => {
    await withReplica(async (stage) => {
      const { writes, commitAll } = await lead(stage);
      const { replica, world } = stage;
      const before = replica.log.last.lsn;
      const large = writes.write({ ...put('large'), conditions });
      writes.pause('switchover');
      await world.pass(1);
      expect(replica.log.last.lsn).toBe(before);
      writes.resume('switchover');
      await world.pass(1);
      await commitAll();

      expect((await large).version.lsn).toBe(before + 1);
    });
  });

  test('is refused beyond the bound, before anything is judged', async () => {
    await withReplica(async (stage) => {
      const { writes } = await lead(stage);
      const [op] = ops;
      const tooMany = Array.from({ length: TRANSACTION_ITEMS_MAX + 1 }, () => op ?? ops[0]);

      await expect(
        writes.write({ ...put('large'), ops: tooMany as WriteRequest['ops'] }),
      ).rejects.toMatchObject({ code: 'TXN_TOO_LARGE', outcome: 'rejected' });
    });
  });
});

test(
  'writing waits for a state that falls behind what is committed',
  { tags: ['slow'] },
  async () => {
    await withReplica(async (stage) => {
      const { writes } = await lead(stage);
      const { replica, world } = stage;
      // Committed at once, and never verified: nothing of it may be applied.
      replica.setMatched(0);
      const large = { op: 'put' as const, key: Buffer.from('k'), value: Buffer.alloc(16 * MiB) };
      for (let bytes = 0; bytes < UNAPPLIED_BYTES_MAX; bytes += large.value.length) {
        const written = writes.write({ ...put('k'), ops: [large] });
        await replica.log.drained();
        replica.learnCommitted(replica.log.last.lsn);
        await written;
      }
      await expect(writes.write(put('k'))).rejects.toMatchObject({
        code: 'BUSY',
        outcome: 'rejected',
      });
      replica.setMatched(Number.MAX_SAFE_INTEGER);
      await replica.caughtUp();
      await world.pass(1);
      const written = writes.write(put('k'));
      await replica.log.drained();
      replica.learnCommitted(replica.log.last.lsn);

      await written;
    });
  },
);
