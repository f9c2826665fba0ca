/** A cluster on which tests stage one execution, step by step, while the checker looks on. */
import { isWalshipError } from '../../src/errors.ts';
import type { WriteResult } from '../../src/node/api/api.ts';
import { openSimNode } from '../../src/sim/open-node.ts';
import { SimCluster, SimOperator } from '../../src/sim/sim-cluster.ts';
import type { NodeFactory, Retention, SimMachine } from '../../src/sim/sim-machine.ts';

export const LIMIT_MS = 30_000;
const SEEDS = [1, 2, 3] as const;

export interface Stage {
  readonly cluster: SimCluster;
  /** Writes at a node, again while it is rejected, for so long; what is acknowledged is checked, and stays checked. */
  readonly write: (machine: SimMachine, value: string, forMs?: number) => Promise<WriteResult>;
  readonly restart: (machine: SimMachine) => Promise<void>;
  /** Kills it and gives it an empty disk. */
  readonly wipe: (machine: SimMachine) => void;
  /** Cuts both ways between two machines. */
  readonly separate: (a: SimMachine, b: SimMachine) => void;
  /** Mends everything and waits until every log is equal, under whatever leader a person finds. */
  readonly settle: () => Promise<void>;
}

/** Runs `main` under several seeds on a cluster that was just born, with n1 leading. */
export async function onCluster(
  shape: {
    readonly voters: number;
    readonly quorum: number;
    readonly open?: NodeFactory;
    readonly retention?: Retention;
  },
  main: (stage: Stage, machines: readonly SimMachine[]) => Promise<void>,
  seeds: readonly number[] = SEEDS,
): Promise<void> {
  for (const seed of seeds) {
    const cluster = new SimCluster({
      seed,
      open: openSimNode,
      segmentBytes: 16 * 1024,
      ...shape,
    });
    await cluster.run(async () => {
      for (const machine of cluster.machines) machine.start();
      await cluster.until('birth', LIMIT_MS, () => cluster.isSettled);
      await main(stageOf(cluster), cluster.machines);
      cluster.checker.observe();
    });
  }
}

export function stageOf(cluster: SimCluster): Stage {
  const { network, checker } = cluster;
  return {
    cluster,
    write: async (machine, value, forMs = 5_000) => {
      const endMs = cluster.world.clock.nowMs() + forMs;
      const ops = [{ op: 'put' as const, key: Buffer.from('k'), value: Buffer.from(value) }];
      for (;;) {
        const after = checker.ackedLsn;
        const request = { conditions: [], ops, ack: 'quorum' as const, timeoutMs: forMs };
        try {
          const result = await nodeOf(machine).write(request);
          const write = { ops: [{ key: 'k', value }], expect: undefined, after };
          checker.acknowledged({ ...write, ack: 'quorum' }, result);
          return result;
        } catch (error) {
          // Rejected means that nothing was written: it may be tried again.
          const isRejected = isWalshipError(error) && error.outcome === 'rejected';
          if (!isRejected || cluster.world.clock.nowMs() > endMs) throw error;
          await cluster.world.pass(50);
        }
      }
    },
    restart: async (machine) => {
      machine.start();
      await cluster.until('a start', LIMIT_MS, () => machine.node !== undefined);
    },
    wipe: (machine) => {
      machine.kill();
      checker.loses(machine);
      machine.wipe();
    },
    separate: (a, b) => network.partition([a.nodeId], [b.nodeId]),
    settle: async () => {
      network.heal();
      for (const machine of cluster.machines) machine.start();
      const operator = new SimOperator(cluster);
      operator.run().catch((error: unknown) => cluster.fail(error));
      await cluster.until('equal logs', LIMIT_MS, () => cluster.isSettled);
      operator.stop();
      await cluster.world.pass(2_000);
      checker.finish();
    },
  };
}

export function nodeOf({ node, nodeId }: SimMachine): NonNullable<SimMachine['node']> {
  if (node === undefined) throw new Error(`${nodeId} does not run`);
  return node;
}

/** Tries to make a node lead until it does. */
export async function promote({ cluster }: Stage, machine: SimMachine): Promise<void> {
  const state = { leads: false };
  await cluster.until(`${machine.nodeId} to lead`, LIMIT_MS, () => {
    machine.node?.promote().then(
      () => {
        state.leads = true;
      },
      () => undefined,
    );
    return state.leads;
  });
}

export type Machines = readonly [SimMachine, SimMachine, SimMachine];

export function three(machines: readonly SimMachine[]): Machines {
  const [a, b, c] = machines;
  if (a === undefined || b === undefined || c === undefined) throw new Error('fewer than three');
  return [a, b, c];
}

export type FiveMachines = readonly [SimMachine, SimMachine, SimMachine, SimMachine, SimMachine];

export function five(machines: readonly SimMachine[]): FiveMachines {
  const [d, e] = machines.slice(3);
  if (d === undefined || e === undefined) throw new Error('fewer than five');
  return [...three(machines), d, e];
}

/** Every operation on meta.json of that machine takes long, and no other one. */
export function slowMeta({ disk }: SimMachine, slowness: number, seen?: () => void): void {
  disk.onOperation = ({ path }) => {
    if (path.includes('meta.json')) seen?.();
    disk.slowness = path.includes('meta.json') ? slowness : 1;
    return undefined;
  };
}
