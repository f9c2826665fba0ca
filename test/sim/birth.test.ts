/**
 * Goal: whatever dies during the birth of a cluster, and whenever, the cluster finds a leader afterwards (decision 0007).
 * Method: a birth, in which one node crashes at each of its disk operations in turn, alone or with the power of all; then all are
 * started again, and a person promotes nodes until one leads. Then, at random: several crashes in a row, a disk lost
 * after them, and all nodes promoted at once.
 */
import { describe, expect, test } from 'vitest';
import { openSimNode } from '../../src/sim/open-node.ts';
import { SimCluster, SimOperator } from '../../src/sim/sim-cluster.ts';
import { SeededEntropy } from '../../src/ports/seeded-entropy.ts';
import type { SimMachine } from '../../src/sim/sim-machine.ts';

const LIMIT_MS = 40_000;
const RANDOM_BIRTHS = 300;

interface Crash {
  readonly node: number;
  /** Counted from the start before it. */
  readonly operation: number;
  /** All lose power with it. */
  readonly power: boolean;
}

interface Birth {
  readonly seed: number;
  readonly voters: number;
  readonly quorum: number;
  /** One after the other: the next is armed when all are started again. */
  readonly crashes: readonly Crash[];
  /** Whose disk is lost after the last crash. */
  readonly wiped?: number | undefined;
  /** Everybody is promoted, every so often. */
  readonly rivals?: boolean;
}

/** Runs a birth with its crashes until the cluster has settled. Gives the number of disk operations of each node. */
async function born(birth: Birth): Promise<readonly number[]> {
  const { seed, voters, quorum, crashes, wiped } = birth;
  const cluster = new SimCluster({ seed, voters, quorum, segmentBytes: 4096, open: openSimNode });
  const { machines, checker } = cluster;
  await cluster.run(async () => {
    const operator = new SimOperator(cluster);
    operator.run().catch((error: unknown) => cluster.fail(error));
    const state = { rivals: birth.rivals === true };
    const entropy = cluster.world.entropy.fork('rivals');
    const rival = (): void => {
      if (!state.rivals) return;
      for (const { node } of machines) node?.promote().catch(() => undefined);
      cluster.world.clock.schedule(entropy.between(5, 40), rival);
    };
    rival();
    for (const { node, operation, power } of crashes) {
      const machine = at(machines, node);
      machine.disk.crashAt(machine.disk.operations + operation);
      for (const one of machines) one.start();
      await cluster.until('a crash', LIMIT_MS, () => !machine.isUp || cluster.isSettled);
      machine.disk.healthy();
      machine.kill();
      if (power) for (const one of machines) one.losePower();
    }
    state.rivals = false;
    if (wiped !== undefined) lose(cluster, wiped);
    for (const machine of machines) machine.start();
    await cluster.until('a leader', LIMIT_MS, () => cluster.isSettled);
    operator.stop();
    checker.finish();
  });
  return machines.map(({ disk }) => disk.operations);
}

/** Takes a disk away while all are down: what the others hold has to be enough. */
function lose({ machines, checker }: SimCluster, node: number): void {
  for (const machine of machines) machine.kill();
  const machine = at(machines, node);
  checker.loses(machine);
  machine.wipe();
}

function at(machines: readonly SimMachine[], node: number): SimMachine {
  const machine = machines[node];
  if (machine === undefined) throw new RangeError(`no node ${node}`);
  return machine;
}

describe('a cluster finds a leader after a birth in which', () => {
  test.for([
    { voters: 2, quorum: 2 },
    { voters: 3, quorum: 2 },
  ])('one of $voters, W = $quorum, dies at any disk operation', async (shape) => {
    const operations = await born({ seed: 1, ...shape, crashes: [] });
    expect(Math.min(...operations)).toBeGreaterThan(10);
    for (const [node, count] of operations.entries()) {
      for (let operation = 1; operation <= count; operation += 1) {
        for (const power of [false, true]) {
          await born({ seed: 1, ...shape, crashes: [{ node, operation, power }] });
        }
      }
    }
  });

  test.for([
    { voters: 2, quorum: 2 },
    { voters: 3, quorum: 2 },
    { voters: 3, quorum: 3 },
    { voters: 4, quorum: 2 },
    { voters: 5, quorum: 3 },
  ])('of $voters, W = $quorum, several die, and a disk is lost', async (shape) => {
    for (let seed = 1; seed <= RANDOM_BIRTHS / 5; seed += 1) {
      const entropy = new SeededEntropy(`birth ${seed}`);
      const crashes = Array.from({ length: entropy.pick([1, 2, 2, 3]) }, () => ({
        node: entropy.below(shape.voters),
        operation: 1 + entropy.below(entropy.pick([15, 60])),
        power: entropy.chance(0.5),
      }));
      const wiped = entropy.chance(0.5) ? entropy.below(shape.voters) : undefined;
      await born({ seed, ...shape, crashes, wiped, rivals: entropy.chance(0.6) });
    }
  });
});
