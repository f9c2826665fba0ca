/**
 * Goal: the executions in which a promise, an ack or a changed disk broke earlier wordings of the leadership rules are harmless.
 * Method: as in traces.test.ts.
 */
import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../src/errors.ts';
import { Node } from '../../src/node/node.ts';
import { Platters } from '../../src/sim/platters.ts';
import type { NodeFactory, SimMachine } from '../../src/sim/sim-machine.ts';
import {
  five,
  LIMIT_MS,
  nodeOf,
  onCluster,
  promote,
  slowMeta,
  type Stage,
  three,
} from './stage.ts';

/** Writes all the time; what becomes of each write is the checker's business. */
function load({ cluster, write }: Stage, machine: SimMachine): { stop: () => void } {
  const state = { running: true, count: 0 };
  const next = (): void => {
    if (!state.running || machine.node === undefined) return;
    state.count += 1;
    write(machine, `load ${state.count}`, 300).catch((error: unknown) => {
      if (!isWalshipError(error)) cluster.fail(error);
    });
    cluster.world.clock.schedule(2, next);
  };
  next();
  return {
    stop: () => {
      state.running = false;
    },
  };
}

async function refusal(promoting: Promise<unknown>): Promise<string> {
  return promoting.then(
    () => 'it leads',
    (error: unknown) =>
      isWalshipError(error) ? `${error.message} ${JSON.stringify(error.details)}` : String(error),
  );
}

describe('the traces of earlier rules are harmless:', () => {
  test('A2: nothing is acknowledged while a promise is on its way to the disk', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      await stage.write(n1, 'before');
      // n1 does not hear of it; n3 grants while n1 ships to it. n2 is not behind when it asks, and would be at once if n3 went on.
      stage.separate(n1, n2);
      const state = { promising: false };
      slowMeta(n3, 150, () => {
        state.promising = true;
      });
      const promoting = refusal(nodeOf(n2).promote());
      while (!state.promising) await stage.cluster.world.pass(0.5);
      const more = load(stage, n1);
      await promoting;
      more.stop();
      n3.disk.healthy();
      n3.disk.slowness = 1;

      await stage.settle();
    });
  });

  test('A2: a leader that grants acknowledges nothing that the candidate lacks', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2] = three(machines);
      slowMeta(n1, 150);
      const writes = load(stage, n1);
      await stage.cluster.world.pass(20);
      await promote(stage, n2);
      writes.stop();
      n1.disk.healthy();
      n1.disk.slowness = 1;
      await stage.write(n2, 'by the new leader');

      await stage.settle();
    });
  });

  test('A3: who follows an epoch goes back to no lower one', async () => {
    // A leader that takes long to find out that it is alone.
    const open: NodeFactory = ({ note, ...parts }) =>
      Node.open({ ...parts, silenceMs: 4_000, onEvent: ({ code }) => note(code) });
    await onCluster({ voters: 5, quorum: 3, open }, async (stage, machines) => {
      const [n1, n2, n3, n4, n5] = five(machines);
      const { network } = stage.cluster;
      await stage.write(n1, 'before');
      network.partition(['n1', 'n5'], ['n2', 'n3', 'n4']);
      await promote(stage, n2);
      network.heal();
      network.partition(['n1'], ['n2', 'n3', 'n4', 'n5']);
      network.breakLinks('n1', 'n5');
      await stage.cluster.until('n5 to follow n2', LIMIT_MS, () => follows(n5, 2));
      network.partition(['n4'], ['n1', 'n2', 'n3', 'n5']);
      await stage.write(n2, 'X');
      n2.kill();
      n3.kill();
      for (const peer of ['n2', 'n3']) network.breakLinks('n4', peer);
      network.heal();
      expect(nodeOf(n1).status()).toMatchObject({ role: 'leader', epoch: 1 });
      await stage.cluster.world.pass(3_000);
      expect(await refusal(nodeOf(n4).promote())).not.toBe('it leads');
      await promote(stage, n5);

      await stage.settle();
      expect(await valueAt(n5)).toBe('X');
    });
  });

  test('A5: who is started with other voters or another quorum takes part in nothing', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [n1, n2, n3] = three(machines);
      await stage.write(n1, 'before');
      n2.kill();
      n2.options.quorum = 1;
      n2.start();
      await stage.cluster.until('n2 to refuse', LIMIT_MS, () => !n2.isUp);
      expect(n2.failure).toMatchObject({ code: 'CONFIG_MISMATCH' });
      // One with an empty disk has nothing to compare with: the others have.
      stage.wipe(n2);
      await stage.restart(n2);
      n1.kill();
      await stage.cluster.world.pass(3_000);
      expect(await refusal(nodeOf(n3).promote())).toContain('CONFIG_MISMATCH');
      expect(await refusal(nodeOf(n2).promote())).not.toBe('it leads');
      n2.kill();
      n2.options.quorum = 2;

      await stage.settle();
    });
  });

  test('A6: what a node acknowledged before its disk was lost counts for nothing afterwards', async () => {
    await onCluster({ voters: 5, quorum: 3 }, async (stage, machines) => {
      const [n1, n2, n3, n4, n5] = five(machines);
      const { cluster } = stage;
      await stage.write(n1, 'before');
      for (const machine of [n3, n4, n5]) cluster.network.cut('n1', machine.nodeId);
      const state = { acknowledged: false };
      const writing = stage.write(n1, 'on n1 and n2', 20_000).finally(() => {
        state.acknowledged = true;
      });
      await cluster.world.pass(20);
      stage.wipe(n2);
      await stage.restart(n2);
      cluster.network.heal();
      cluster.network.partition(['n4', 'n5'], ['n1', 'n2', 'n3']);
      await cluster.world.pass(500);
      expect(state.acknowledged).toBe(false);
      cluster.network.heal();
      const { version } = await writing;

      const holders = new Platters(machines).holders(version, version.lsn);
      expect(holders.length).toBeGreaterThanOrEqual(3);
      await stage.settle();
    });
  });

  test('A8: a node that finds damage is suspect before it forgets that, wherever it dies', async () => {
    for (const damage of ['a rotten block', 'a missing segment'] as const) {
      await onCluster({ voters: 5, quorum: 3 }, async (stage, machines) => {
        const [n1, n2, n3, n4, n5] = five(machines);
        const { cluster } = stage;
        // So much that the last segment holds X and little else.
        for (let value = 0; value < 4; value += 1) await stage.write(n1, 'x'.repeat(5_000));
        cluster.network.partition(['n4', 'n5'], ['n1', 'n2', 'n3']);
        await stage.write(n1, 'X');
        n2.kill();
        cluster.checker.loses(n2);
        spoil(n2, damage);
        // Nobody refills it before the others have to decide.
        stage.separate(n2, n1);
        stage.separate(n2, n3);
        for (let operation = 1; n2.node === undefined; operation += 1) {
          n2.disk.crashAt(n2.disk.operations + operation);
          n2.start();
          await cluster.until(
            'a crash or a start',
            LIMIT_MS,
            () => !n2.isUp || n2.node !== undefined,
          );
          n2.disk.healthy();
        }
        expect(nodeOf(n2).status().state).toBe('suspect');
        n1.kill();
        n3.kill();
        cluster.network.heal();
        await cluster.world.pass(3_000);
        for (const machine of [n4, n5, n2]) {
          expect(await refusal(nodeOf(machine).promote())).not.toBe('it leads');
        }

        await stage.restart(n3);
        await promote(stage, n3);
        await stage.settle();
        expect(await valueAt(n4)).toBe('X');
      });
    }
  });
});

function follows({ node }: SimMachine, epoch: number): boolean {
  const status = node?.status();
  return status?.epoch === epoch && status.leader !== null;
}

async function valueAt(machine: SimMachine): Promise<string | undefined> {
  const request = { key: Buffer.from('k'), level: 'local' as const, timeoutMs: 1_000 };
  const { found } = await nodeOf(machine).read(request);
  return found?.value.toString();
}

function spoil({ disk }: SimMachine, damage: 'a rotten block' | 'a missing segment'): void {
  const newest = disk.paths().findLast((path) => path.endsWith('.wal'));
  if (newest === undefined) throw new Error('no segment');
  if (damage === 'a missing segment') {
    disk.drop(newest);
    return;
  }
  const bytes = disk.contentOf(newest) ?? Buffer.alloc(0);
  // In the value of the last record, before the seal.
  disk.flip(newest, bytes.lastIndexOf('X'), 4);
}
