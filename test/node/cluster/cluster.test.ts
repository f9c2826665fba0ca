/**
 * Goal: the lines that a node prints at its start promise what is true at that moment.
 * Method: the lines by themselves, and a simulated cluster before and after its birth.
 */
import { describe, expect, test } from 'vitest';
import { contractOf, quorumsOf } from '../../../src/node/cluster/cluster.ts';
import { openSimNode } from '../../../src/sim/open-node.ts';
import { SimCluster } from '../../../src/sim/sim-cluster.ts';

const REPLACED = 'a lost leader can be replaced while 2 of 3 nodes answer';
const BEGINS = `a new cluster begins only once all 3 nodes answer; from then on ${REPLACED}`;

describe('the contract', () => {
  test('says that a new cluster needs every voter, and a lost leader fewer', () => {
    const kept = 'an acknowledged write is on 2 of 3 disks and survives the loss of any 1';

    expect(contractOf(quorumsOf(3), { blank: true })).toEqual([kept, BEGINS]);
    expect(contractOf(quorumsOf(3), { blank: false })).toEqual([kept, REPLACED]);
  });

  test('of one voter says nothing of others', () => {
    for (const blank of [true, false]) {
      expect(contractOf(quorumsOf(1), { blank }).at(-1)).toBe(
        'a lost leader can be replaced while 1 of 1 node answers',
      );
    }
  });

  test('changes with the birth of the cluster, and a learner does not speak of a birth', async () => {
    const shape = { seed: 1, voters: 3, quorum: 2, segmentBytes: 16 * 1024 };
    const cluster = new SimCluster({ ...shape, open: openSimNode });
    await cluster.run(async () => {
      const [n1, n2, n3] = ['n1', 'n2', 'n3'].map((nodeId) => cluster.machine(nodeId));
      const n4 = cluster.learner('n4');
      for (const machine of [n1, n2, n4]) machine?.start();
      await cluster.until('three to run', 30_000, () => n4.node !== undefined);

      expect(n1?.node?.contract[1]).toBe(BEGINS);
      expect(n2?.node?.contract[1]).toBe(BEGINS);
      expect(n4.node?.contract[1]).toBe(REPLACED);
      n3?.start();
      await cluster.until('birth', 30_000, () => cluster.isSettled);
      expect(n1?.node?.contract[1]).toBe(REPLACED);
    });
  });
});
