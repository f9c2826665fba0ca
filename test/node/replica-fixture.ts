import { Replica } from '../../src/node/replica/replica.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import type { DiskLatency } from '../../src/sim/sim-disk.ts';
import { simulate } from '../../src/sim/sim-world.ts';
import type { SimWorld } from '../../src/sim/sim-world.ts';
import { OP } from '../../src/wal/format/record.ts';

export const ID = 'c'.repeat(32);
const VOTERS = ['n1', 'n2', 'n3'];

/** How quick a stage is. */
export interface Pace {
  readonly latency?: DiskLatency;
  readonly recentBytesMax?: number;
  readonly applyBytesMax?: number;
}

/** Everything that can happen happens in one turn: what was written is in memory, and all of it is applied at once. */
const QUICK: Pace = {};
/** Nothing of the log is in memory, the disk takes its time, and each batch is read and applied by itself. */
const SLOW: Pace = {
  latency: { readMs: 1, writeMs: 1, syncMs: 2 },
  recentBytesMax: 0,
  applyBytesMax: 1,
};
/** A test that passes on the quick one may take what need not be waited for for what was waited for. */
export const PACES: readonly (readonly [string, Pace])[] = [
  ['a quick stage', QUICK],
  ['a slow stage', SLOW],
];

export interface Stage {
  readonly world: SimWorld;
  readonly disk: SimDisk;
  readonly clock: Clock;
  readonly replica: Replica;
  /** As a new process on the same disk. */
  readonly reopen: () => Promise<Replica>;
}

/** Runs `main` with the replica of n1, one of three voters: intact, leading epoch 1, with LSN 1 durable. */
export async function withReplica(
  main: (stage: Stage) => Promise<void>,
  pace: Pace = QUICK,
): Promise<void> {
  await withBlankReplica(async (stage) => {
    const { replica } = stage;
    await replica.updateMeta({ clusterId: ID, historyId: ID, state: 'intact' });
    await beginEpoch(replica);
    await main(stage);
  }, pace);
}

/** `withReplica` on a stage of that pace. */
export const replicaAt =
  (pace: Pace): typeof withReplica =>
  (main) =>
    withReplica(main, pace);

/** Writes the first record of a cluster, durable on resolve. */
export async function beginEpoch(replica: Replica): Promise<void> {
  await replica.log.begin({ clusterId: ID, historyId: ID });
  const entry = { epoch: 1, leader: 'n1', historyId: ID, voters: VOTERS, quorum: 2 };
  replica.log.lead(entry, () => ({ commitLsn: 0, wallMs: 1 }));
  await replica.log.drained();
}

/** Runs `main` with the replica of n1, one of three voters, on an empty disk. */
export async function withBlankReplica(
  main: (stage: Stage) => Promise<void>,
  { latency, recentBytesMax, applyBytesMax }: Pace = QUICK,
): Promise<void> {
  await simulate(1, async (world) => {
    const disk = new SimDisk({ seed: 1, ...(latency === undefined ? {} : { latency }) });
    const open = async (clock = world.process()): Promise<Replica> =>
      Replica.open({
        disk: disk.mount(clock),
        clock,
        entropy: world.entropy,
        dir: '/data',
        nodeId: 'n1',
        voterCount: VOTERS.length,
        segmentBytes: 16 * 1024,
        ...(recentBytesMax === undefined ? {} : { recentBytesMax }),
        ...(applyBytesMax === undefined ? {} : { applyBytesMax }),
        onEvent: () => undefined,
      });
    const clock = world.process();
    const replica = await open(clock);
    await main({ world, disk, clock, replica, reopen: () => open() });
  });
}

/** Gives one more record an LSN; it is durable some turns later. */
export function append({ log }: Replica): number {
  return log.append([{ op: OP.PUT, key: Buffer.from('k'), value: Buffer.from('v') }]);
}
