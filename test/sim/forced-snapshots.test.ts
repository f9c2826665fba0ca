/**
 * Goal: where a snapshot holds more than the log of a node reaches to, a forced failover neither hangs on it nor mixes it into another history.
 * Method: a follower is stopped between the install of a snapshot that was taken while writes went on and the log behind that; then those that had
 * the log are gone. A power loss at each disk operation of the crossing.
 */
import { describe, expect, test } from 'vitest';
import type { SimMachine } from '../../src/sim/sim-machine.ts';
import { Histories, stateOf } from './histories.ts';
import { five, LIMIT_MS, nodeOf, onCluster } from './stage.ts';
import type { Stage } from './stage.ts';

/** Only n1 takes snapshots, when it is told to; nobody else purges. */
const RETENTION = { snapshotLogBytes: 1e9, retainBytesMax: 40_000 };
const SHAPE = { voters: 5, quorum: 3, retention: RETENTION };
const KEYS = 12;

const put = (leader: SimMachine, key: string, value: string): Promise<unknown> =>
  nodeOf(leader).write({
    conditions: [],
    ops: [{ op: 'put', key: Buffer.from(key), value: Buffer.alloc(60_000, value) }],
    ack: 'quorum',
    timeoutMs: 10_000,
  });

/**
 * n5 has a snapshot of n1 that ends above its start, and no log behind that start, where n4 ends too; n1, n2 and n3 are gone with what came after.
 * Returns the start and the end.
 */
async function beyondItsLog(
  { cluster }: Stage,
  machines: readonly SimMachine[],
): Promise<{ readonly startLsn: number; readonly endLsn: number }> {
  const [n1, n2, n3, n4, n5] = five(machines);
  n5.kill();
  for (let round = 0; round < 3; round += 1) {
    for (let index = 0; index < KEYS; index += 1) {
      await put(n1, `key ${index}`, `${round} ${index} `);
    }
    await nodeOf(n1).snapshot();
  }
  const durable = (): number => nodeOf(n1).status().durable.lsn;
  await cluster.until('n4', LIMIT_MS, () => n4.node?.status().applied.lsn === durable());
  n4.losePower();
  slowSnapshots(n1, 300);
  const taking = nodeOf(n1).snapshot();
  for (let index = 0; index < 4; index += 1) await put(n1, `late ${index}`, 'late');
  const { startLsn, endLsn } = await taking;
  slowSnapshots(n1, 1);
  expect(endLsn).toBeGreaterThan(startLsn);
  await cluster.world.pass(200);
  n5.start();
  // In small steps: the log behind the snapshot is about to come.
  while ((n5.node?.status().durable.lsn ?? 0) < startLsn) await cluster.world.pass(0.02);
  expect(nodeOf(n5).status().durable.lsn).toBe(startLsn);
  n5.kill();
  for (const gone of [n1, n2, n3]) gone.kill();
  return { startLsn, endLsn };
}

/** Every operation on its snapshots takes long, and no other one. */
function slowSnapshots({ disk }: SimMachine, slowness: number): void {
  disk.onOperation = ({ path }) => {
    disk.slowness = path.includes('/snapshots') ? slowness : 1;
    return undefined;
  };
}

async function started({ cluster }: Stage, ...machines: readonly SimMachine[]): Promise<void> {
  for (const machine of machines) {
    machine.start();
    await cluster.until('a start', LIMIT_MS, () => machine.node !== undefined);
  }
}

describe('a snapshot that ends above the log of its node', () => {
  test('is no state to force a history on, and the refusal says so', async () => {
    await onCluster(SHAPE, async (stage, machines) => {
      const [, , , , n5] = five(machines);
      const { startLsn, endLsn } = await beyondItsLog(stage, machines);
      await started(stage, n5);
      for (const acceptDataLoss of [false, true]) {
        await expect(nodeOf(n5).failover({ acceptDataLoss })).rejects.toMatchObject({
          code: 'FAILOVER_REFUSED',
          details: { reason: 'STATE_INCOMPLETE' },
          message: expect.stringMatching(new RegExp(`up to ${endLsn}.* ends at ${startLsn}`)),
        });
      }
      await stage.settle();
    });
  });

  test('does not follow its node into a history that lacks what it holds, wherever the power goes', async () => {
    let crashes = 0;
    for (let operation = 1; ; operation += 6) {
      const state = { crashed: false };
      await onCluster(
        SHAPE,
        async (stage, machines) => {
          const [, , , n4, n5] = five(machines);
          const { cluster } = stage;
          await beyondItsLog(stage, machines);
          await started(stage, n4, n5);
          const histories = new Histories(stage, machines);
          const before = nodeOf(n5).status().historyId;
          let seen = 0;
          n5.disk.onOperation = () => {
            // From when the new history is in its meta.json.
            if (n5.node?.status().historyId !== before) seen += 1;
            return seen === operation ? 'crash' : undefined;
          };
          const { voters } = await histories.force(n4);
          expect(voters).toEqual(['n4', 'n5']);
          await cluster.world.pass(2_000);
          n5.disk.healthy();
          state.crashed = !n5.isUp;
          if (state.crashed) {
            n5.losePower();
            const peers = voters.map((nodeId) => ({ nodeId, address: nodeId }));
            n5.reconfigure({ peers, quorum: 2 });
            await started(stage, n5);
          }
          for (let index = 0; index < 8; index += 1) await histories.write(n4, `new ${index}`);
          await cluster.until('n5', LIMIT_MS, () => {
            return n5.node?.status().applied.lsn === n4.node?.status().durable.lsn;
          });
          histories.checker.observe();
          const shown = await stateOf(nodeOf(n5));
          expect(shown.map(nameOf)).not.toContain('late');
          expect(shown).toEqual(await stateOf(nodeOf(n4)));
          expect(nodeOf(n5).status()).toMatchObject({ notReady: null, state: 'intact' });
        },
        [operation],
      );
      if (!state.crashed) break;
      crashes += 1;
    }
    expect(crashes).toBeGreaterThan(3);
  });
});

/** `late 3 …` is `late`. */
function nameOf(shown: string): string {
  return shown.slice(0, shown.indexOf(' '));
}
