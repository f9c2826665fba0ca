/**
 * Goal: the fence is where the promise is: nothing that was not promised keeps a node from its leader, and nothing that is being promised
 * is forgotten.
 * Method: a real log and meta.json on a simulated disk.
 */
import { describe, expect, test } from 'vitest';
import { beginEpoch, ID, withBlankReplica, withReplica } from '../replica-fixture.ts';

const PROMISE = { epoch: 5, candidate: 'n2', attempt: 'a'.repeat(32) };

describe('the fence of a replica', () => {
  test('goes no lower than a promise that is on its way to the disk', () =>
    withReplica(async ({ replica }) => {
      replica.raiseFence(5);
      const promised = replica.promise(PROMISE);
      replica.raiseFence(6);
      replica.lowerFence(6);

      expect(replica.fence).toBe(5);
      await promised;
      expect(replica.fence).toBe(5);
    }));

  test('goes back where the disk has no room for the promise', () =>
    withReplica(async ({ replica, disk }) => {
      const before = replica.fence;
      disk.onOperation = ({ kind, path }) =>
        kind === 'write' && path.includes('meta.json') ? 'enospc' : undefined;
      replica.raiseFence(5);

      await expect(replica.promise(PROMISE)).rejects.toMatchObject({ code: 'DISK_FULL' });
      expect(replica.fence).toBe(before);
      expect(replica.failure).toBeUndefined();
    }));
});

describe('a node that dies in the birth of its cluster, with the first record in its log,', () => {
  const ATTEMPT = 'a'.repeat(32);
  test.for([
    ['is intact when it confirmed that very birth', { epoch: 1, candidate: 'n1' }, 'intact'],
    ['stays blank when it confirmed another one', { epoch: 1, candidate: 'n2' }, 'blank'],
    ['stays blank when it confirmed none: it was filled', null, 'blank'],
  ] as const)('%s', ([, birth, state]) =>
    withBlankReplica(async ({ replica, disk, reopen }) => {
      const confirmed = birth === null ? null : { ...birth, attempt: ATTEMPT };
      await replica.updateMeta({ clusterId: ID, historyId: ID, birth: confirmed });
      await beginEpoch(replica);
      disk.losePower();

      expect((await reopen()).state).toBe(state);
    }),
  );
});

describe('those who wait for more to be applied', () => {
  test('are forgotten when they leave', () =>
    withReplica(async ({ replica }) => {
      let called = 0;
      const forget = replica.onceApplied(() => {
        called += 1;
      });
      forget();
      await replica.close();

      expect(called).toBe(0);
    }));
});
