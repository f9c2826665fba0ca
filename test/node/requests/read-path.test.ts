import { describe, expect, test } from 'vitest';
import { WalshipError } from '../../../src/errors.ts';
import { ReadPath } from '../../../src/node/requests/read-path.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import { batch } from '../../wal/fixture.ts';
import { append, PACES, replicaAt } from '../replica-fixture.ts';

const KEY = Buffer.from('k');
const OTHER = 'd'.repeat(32);

describe.for(PACES)('on %s,', ([, pace]) => {
  const withReplica = replicaAt(pace);

  describe('a state that is being built anew', () => {
    test('is neither read nor scanned, and is again once it is built', () =>
      withReplica(async ({ replica, clock }) => {
        const reads = new ReadPath(replica, clock);
        replica.setMatched(1);
        replica.learnCommitted(1);
        await replica.caughtUp();
        replica.loader.forget();

        const read = reads.read({ key: KEY, timeoutMs: 1_000 });
        await expect(read).rejects.toMatchObject({ code: 'NOT_READY' });
        const scan = reads.scan({ limit: 10, timeoutMs: 1_000 });
        await expect(scan).rejects.toMatchObject({ code: 'NOT_READY' });
        await replica.loader.recall(1);
        await replica.caughtUp();
        expect(await reads.read({ key: KEY, timeoutMs: 1_000 })).toEqual({
          found: undefined,
          applied: { epoch: 1, lsn: 1 },
        });
      }));
  });

  describe('a linearizable read', () => {
    test('ends with the leadership', async () => {
      await withReplica(async ({ replica, clock }) => {
        const reads = new ReadPath(replica, clock);
        let depose = (_error: WalshipError): void => undefined;
        const proof = new Promise<void>((_resolve, reject) => {
          depose = reject;
        });
        const beganMs = clock.nowMs();

        const read = reads.read(
          { key: KEY, timeoutMs: 1_000 },
          { ownEpochLsn: 1, prove: () => proof },
        );
        depose(new WalshipError('NO_LEADER', 'the leadership of epoch 1 is over'));

        await expect(read).rejects.toMatchObject({ code: 'NO_LEADER' });
        expect(clock.nowMs() - beganMs).toBeLessThan(1_000);
      });
    });

    test('of a new leader waits until that is applied which was committed with its proof', async () => {
      await withReplica(async ({ replica, clock }) => {
        const reads = new ReadPath(replica, clock);
        replica.onCommitted(() => reads.moved());
        replica.onApplied(() => reads.moved());
        expect(replica.committedLsn).toBe(0);
        const prove = (): Promise<void> => {
          replica.setMatched(1);
          replica.learnCommitted(1);
          return Promise.resolve();
        };

        await reads.read({ key: KEY, timeoutMs: 1_000 }, { ownEpochLsn: 1, prove });

        expect(replica.appliedLsn).toBe(1);
      });
    });

    test.for<[string, number]>([
      ['an LSN that another epoch holds there', 3],
      ['an LSN of an epoch of the same number', 1],
    ])('finds no leader where the node leaves its history meanwhile: %s', async ([, epoch]) => {
      await withReplica(async ({ replica, clock }) => {
        const reads = new ReadPath(replica, clock);
        replica.onCommitted(() => reads.moved());
        replica.onApplied(() => reads.moved());
        const { log } = replica;
        const fork = log.durable;
        const lsn = append(replica);
        await log.drained();
        replica.learnCommitted(lsn);
        const proven = Promise.resolve();

        const read = reads.read(
          { key: KEY, timeoutMs: 60_000 },
          { ownEpochLsn: 1, prove: () => proven },
        );
        read.catch(() => undefined);
        await proven;
        log.stopLeading();
        const promise = { epoch: 1, candidate: null, attempt: null };
        await replica.enterHistory({ historyId: OTHER, discarding: true, promise });
        await log.truncate(fork, {
          why: 'a test',
          by: 'operator',
          localAcks: 'no',
          committedLsn: 0,
        });
        const shape = epoch === 1 ? {} : { epoch, leader: 'n2', historyId: OTHER };
        await log.write(batch(fork, { ops: [{}], ...shape }).bytes);
        await replica.arrived();
        replica.setMatched(Number.MAX_SAFE_INTEGER);
        replica.learnCommitted(log.durable.lsn);

        await expect(read).rejects.toMatchObject({ code: 'NO_LEADER' });
      });
    });

    test('has one time limit for its proof and for what was committed', async () => {
      await withReplica(async ({ replica, clock }) => {
        const reads = new ReadPath(replica, clock);
        every(clock, 25, () => reads.expire());
        replica.setMatched(0);
        replica.learnCommitted(1);
        const proof = pass(clock, 600);
        const beganMs = clock.nowMs();

        const read = reads.read(
          { key: KEY, timeoutMs: 1_000 },
          { ownEpochLsn: 1, prove: () => proof },
        );

        await expect(read).rejects.toMatchObject({ code: 'WAIT_TIMEOUT' });
        expect(clock.nowMs() - beganMs).toBeLessThan(1_100);
      });
    });

    test('has one time limit for its proof, for what was committed, and for its minVersion', async () => {
      await withReplica(async ({ replica, clock }) => {
        const reads = new ReadPath(replica, clock);
        replica.onApplied(() => reads.moved());
        every(clock, 25, () => reads.expire());
        replica.learnCommitted(1);
        const proof = pass(clock, 600);
        const beganMs = clock.nowMs();
        clock.after(900, () => replica.setMatched(1));
        const minVersion = { epoch: 1, lsn: 2 };

        const read = reads.read(
          { key: KEY, minVersion, timeoutMs: 1_000 },
          { ownEpochLsn: 1, prove: () => proof },
        );

        await expect(read).rejects.toMatchObject({
          code: 'WAIT_TIMEOUT',
          message: 'version 1.2 was not applied here within 1000 ms',
        });
        expect(clock.nowMs() - beganMs).toBeLessThan(1_100);
      });
    });
  });
});

function pass(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.after(ms, resolve));
}

function every(clock: Clock, ms: number, run: () => void): void {
  clock.after(ms, () => {
    run();
    every(clock, ms, run);
  });
}
