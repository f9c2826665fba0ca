/**
 * Goal: what a client is told of a write is true of the log at the moment in which the write was judged, and in the time that it allowed.
 * Method: the write path of a lone voter, whose log is real on a simulated disk; nothing is committed but what the test says.
 */
import { describe, expect, test } from 'vitest';
import type { Condition, WriteRequest } from '../../src/node/api.ts';
import { WritePath } from '../../src/node/write-path.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { leaderOf } from './leader-fixture.ts';
import { PACES, replicaAt } from './replica-fixture.ts';
import type { Stage } from './replica-fixture.ts';

interface Written {
  readonly writes: WritePath;
  /** Resolves when everything that has an LSN is committed and applied. */
  readonly commitAll: () => Promise<void>;
}

/** The writes of n1, whose leadership is committed. */
async function lead({ replica, clock }: Stage): Promise<Written> {
  const leader = leaderOf(replica, clock, { hooks: { commit: () => undefined } });
  replica.setVerified(Number.MAX_SAFE_INTEGER);
  replica.learnCommitted(1);
  const writes = new WritePath({
    replica,
    leader,
    inherited: [],
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
          message: expect.stringContaining('held up for 1000 ms'),
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
        inherited: [],
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

      replica.setVerified(1);
      replica.learnCommitted(1);
      const write = writes.write(put('a'));
      expect(replica.log.last.lsn).toBe(before + 1);
      writes.end('NODE_CLOSED', 'the test is over');
      await expect(write).rejects.toMatchObject({ outcome: 'indeterminate' });
    });
  });
});
