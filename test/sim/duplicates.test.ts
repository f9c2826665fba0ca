/**
 * Goal: a second process with the id of a voter (trace D8) counts for nothing, with an empty disk or with a copy of the voter's own.
 * Method: it is started beside the voter or in its place, cut off from it or not, and is promoted; the checker judges what comes of it.
 */
import { describe, expect, test } from 'vitest';
import { nodeOf, onCluster, promote, three } from './stage.ts';

describe.for([
  ['an empty disk', false],
  ['a copy of its disk', true],
] as const)('D8: a second process with the id of a voter and %s', ([, withCopy]) => {
  test('does not acknowledge in the place of the voter', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const { cluster } = stage;
      await stage.write(n1, 'before');
      const copy = cluster.duplicate(n3, withCopy);
      stage.separate(n1, n2);
      stage.separate(n1, n3);
      copy.start();
      const written = stage.write(n1, 'on n1 and the copy', 5_000);
      const ended = written.then(() => 'acknowledged').catch(() => 'not acknowledged');
      await promote(stage, n2);
      await stage.write(n2, 'on n2 and n3');

      expect(await ended).toBe('not acknowledged');
      copy.kill();
      await stage.settle();
    });
  });

  test('does not prove a leadership in the place of the voter', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const { cluster } = stage;
      await stage.write(n1, 'before');
      const copy = cluster.duplicate(n3, withCopy);
      stage.separate(n1, n2);
      stage.separate(n1, n3);
      copy.start();
      await promote(stage, n2);
      await stage.write(n2, 'on n2 and n3');
      const proofs: string[] = [];
      for (let tries = 0; tries < 8; tries += 1) {
        const key = Buffer.from('k');
        const reading = nodeOf(n1).read({ key, level: 'linearizable', timeoutMs: 200 });
        await reading.then(() => proofs.push('proven')).catch(() => undefined);
        await cluster.world.pass(100);
      }

      expect(proofs).toEqual([]);
      copy.kill();
      await stage.settle();
    });
  });

  test('does not lead beside it', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      const { cluster } = stage;
      await stage.write(n1, 'before');
      const copy = cluster.duplicate(n3, withCopy);
      n1.kill();
      copy.start();
      await cluster.world.pass(1_500);
      cluster.network.partition(['n2', copy.address], ['n1', 'n3']);
      await stage.restart(n1);
      const promotions = [
        promote(stage, n3),
        nodeOf(copy)
          .promote()
          .catch(() => undefined),
      ];
      await Promise.all(promotions);
      stage.write(n2, 'beside', 500).catch(() => undefined);
      if (copy.node?.status().role === 'leader') {
        cluster.fail(new Error('the copy leads as well'));
      }
      await stage.write(n3, 'on n1 and n3');
      copy.kill();

      await stage.settle();
    });
  });
});
