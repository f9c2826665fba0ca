/**
 * Goal: the executions that broke earlier wordings of the leadership rules are harmless.
 * Method: each is staged on a simulated cluster, step by step, with the checker looking on; it judges P1 to P4 all along, and the tests
 * say besides what has to become of the cluster.
 */
import { describe, expect, test } from 'vitest';
import { LIMIT_MS, nodeOf, onCluster, promote, three } from './stage.ts';

describe('the traces of earlier rules are harmless:', () => {
  test('A1: a wiped voter that caught up with a deposed leader does not count', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      await stage.write(n1, 'before');
      stage.separate(n1, n2);
      stage.separate(n1, n3);
      await promote(stage, n3);
      await stage.write(n3, 'X');
      stage.wipe(n2);
      stage.cluster.network.heal();
      stage.separate(n1, n3);
      stage.separate(n2, n3);
      await stage.restart(n2);
      // All this took less time than a leader needs to see that it is alone.
      expect(nodeOf(n1).status()).toMatchObject({ role: 'leader', epoch: 1 });
      const deposed = stage.write(n1, 'Y', 3_000).then(() => 'acknowledged');
      expect(await deposed.catch(() => 'refused')).toBe('refused');

      await stage.settle();
    });
  });

  test('A4: a leader that comes back with an empty disk does not begin a new cluster', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      n2.losePower();
      await stage.write(n1, 'on n1 and n3');
      n1.kill();
      n3.kill();
      stage.wipe(n1);
      await stage.restart(n1);
      await stage.restart(n2);
      await stage.cluster.world.pass(5_000);
      expect([n1.node?.status().role, n2.node?.status().role]).not.toContain('leader');

      await stage.restart(n3);
      await stage.settle();
      expect(n1.node?.status().keys).toBe(1);
    });
  });

  test('A7: what a killed node recovered from its page cache is durable before it counts', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      n2.kill();
      for (let round = 0; round < 5; round += 1) {
        const { disk } = n3;
        disk.crashAt(disk.operations + 1 + round);
        const state = { done: false };
        const writing = stage.write(n1, `round ${round}`, 20_000).finally(() => {
          state.done = true;
        });
        await stage.cluster.until('a crash', LIMIT_MS, () => !n3.isUp || state.done);
        n3.disk.healthy();
        n3.kill();
        await stage.restart(n3);
        await writing;
        n3.losePower();
        await stage.restart(n3);
      }

      await stage.settle();
    });
  });

  test('B3: a leader that restarts shows nothing that was not committed, and loses nothing that was', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      await stage.write(n1, 'committed');
      n2.kill();
      n3.kill();
      await stage.write(n1, 'never committed', 500).catch(() => undefined);
      n1.losePower();
      await stage.restart(n1);
      const { found } = await nodeOf(n1).read({
        key: Buffer.from('k'),
        level: 'local',
        timeoutMs: 1_000,
      });
      expect(found === undefined || found.value.toString() === 'committed').toBe(true);

      await stage.settle();
    });
  });

  test('C1: a power cut of all nodes, however their disks tear, ends with a leader', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1] = three(machines);
      for (let value = 0; value < 20; value += 1) {
        stage.write(n1, `burst ${value}`).catch(() => undefined);
      }
      await stage.cluster.world.pass(2);
      for (const machine of machines) machine.losePower();
      for (const machine of machines) machine.start();

      await stage.settle();
    });
  });

  test('C2: a promotion that cannot succeed leaves the leader alone', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      stage.separate(n1, n3);
      stage.separate(n2, n3);
      await stage.write(n1, 'without n3');
      stage.cluster.network.heal();
      stage.separate(n1, n3);
      const { epoch } = nodeOf(n1).status();
      await expect(nodeOf(n3).promote()).rejects.toThrow();
      await stage.write(n1, 'still leading');
      expect(nodeOf(n1).status()).toMatchObject({ role: 'leader', epoch });

      await stage.settle();
    });
  });

  test('C3: a leader that hears nobody steps down, and another can be found', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      stage.cluster.network.cut(n2.nodeId, n1.nodeId);
      stage.cluster.network.cut(n3.nodeId, n1.nodeId);
      await stage.cluster.until(
        'n1 to step down',
        LIMIT_MS,
        () => n1.node?.status().role !== 'leader',
      );
      await promote(stage, n2);
      await stage.write(n2, 'by the new leader');

      await stage.settle();
    });
  });

  test('D3: a leader that comes back with an older disk is suspect, says so, and is filled', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1] = three(machines);
      await stage.write(n1, 'in the backup');
      const backup = n1.disk.backup();
      await stage.write(n1, 'not in the backup');
      n1.kill();
      stage.cluster.checker.loses(n1);
      n1.disk.restore(backup);
      // Nothing on an old copy says that it is one: the node cannot know before it is told.
      stage.cluster.checker.emptied(n1);
      await stage.restart(n1);
      await stage.cluster.until(
        'n1 to find out',
        LIMIT_MS,
        () => n1.node?.status().state === 'suspect',
      );
      expect(stage.cluster.trace.join('\n')).toContain('n1 error LEADER_LOST_DATA');

      await stage.settle();
      expect(n1.node?.status().state).toBe('intact');
    });
  });

  test('F3, F4: the first leader wiped right after the birth is filled by the others', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2] = three(machines);
      stage.wipe(n1);
      await stage.restart(n1);
      await promote(stage, n2);
      await stage.write(n2, 'after the birth');

      await stage.settle();
    });
  });

  test('F5: with W above the majority, two of three disks may be lost', async () => {
    await onCluster({ voters: 3, quorum: 3 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      await stage.write(n1, 'on all three');
      for (const machine of [n2, n3]) {
        stage.wipe(machine);
      }
      n1.kill();
      for (const machine of machines) await stage.restart(machine);
      await promote(stage, n1);
      await stage.write(n1, 'on all three again');

      await stage.settle();
    });
  });
});

test('a deposed leader that does not know it answers no linearizable read', async () => {
  await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
    const [n1, n2, n3] = three(machines);
    await stage.write(n1, 'before');
    stage.separate(n1, n2);
    stage.separate(n1, n3);
    await promote(stage, n3);
    await stage.write(n3, 'after');
    expect(nodeOf(n1).status()).toMatchObject({ role: 'leader', epoch: 1 });
    const request = { key: Buffer.from('k'), level: 'linearizable' as const, timeoutMs: 3_000 };
    const answer = nodeOf(n1).read(request);
    expect(await answer.then(({ found }) => found?.value.toString()).catch(() => 'none')).toBe(
      'none',
    );

    await stage.settle();
  });
});
