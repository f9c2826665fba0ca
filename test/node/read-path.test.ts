import { describe, expect, test } from 'vitest';
import { WalshipError } from '../../src/errors.ts';
import { ReadPath } from '../../src/node/read-path.ts';
import { withReplica } from './replica-fixture.ts';

describe('a linearizable read', () => {
  test('ends with the leadership, though the EPOCH record that it waits for is not committed', async () => {
    await withReplica(async ({ replica, clock }) => {
      const reads = new ReadPath(replica, clock);
      let depose = (_error: WalshipError): void => undefined;
      const proof = new Promise<void>((_resolve, reject) => {
        depose = reject;
      });
      const beganMs = clock.nowMs();

      const read = reads.linearize({ epoch: 1, ownEpochLsn: 1, prove: () => proof }, 1_000);
      depose(new WalshipError('NO_LEADER', 'the leadership of epoch 1 is over'));

      await expect(read).rejects.toMatchObject({ code: 'NO_LEADER' });
      expect(clock.nowMs() - beganMs).toBeLessThan(1_000);
    });
  });

  test('waits for the EPOCH record and for the proof, in either order', async () => {
    await withReplica(async ({ replica, clock, world }) => {
      const reads = new ReadPath(replica, clock);
      replica.onCommitted(() => reads.moved());
      replica.onApplied(() => reads.moved());
      let ended = false;
      const read = reads
        .linearize({ epoch: 1, ownEpochLsn: 1, prove: () => Promise.resolve() }, 1_000)
        .then(() => {
          ended = true;
        });
      await new Promise<void>((resolve) => {
        world.process().after(10, resolve);
      });
      expect(ended).toBe(false);

      replica.setVerified(1);
      replica.learnCommitted(1);

      await read;
      expect(replica.appliedLsn).toBe(1);
    });
  });
});
