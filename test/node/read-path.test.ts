import { describe, expect, test } from 'vitest';
import { WalshipError } from '../../src/errors.ts';
import { ReadPath } from '../../src/node/read-path.ts';
import { withReplica } from './replica-fixture.ts';

describe('a linearizable read', () => {
  test('ends with the leadership', async () => {
    await withReplica(async ({ replica, clock }) => {
      const reads = new ReadPath(replica, clock);
      let depose = (_error: WalshipError): void => undefined;
      const proof = new Promise<void>((_resolve, reject) => {
        depose = reject;
      });
      const beganMs = clock.nowMs();

      const read = reads.linearize({ ownEpochLsn: 1, prove: () => proof }, 1_000);
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
        replica.setVerified(1);
        replica.learnCommitted(1);
        return Promise.resolve();
      };

      await reads.linearize({ ownEpochLsn: 1, prove }, 1_000);

      expect(replica.appliedLsn).toBe(1);
    });
  });
});
