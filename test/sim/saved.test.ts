/**
 * Goal: full copies keep in saved/ what the cluster may lack and nothing else, so that they never fill it; and a node whose saved/ is full waits
 * in plain sight, asks for no copy in vain, and goes on once there is room.
 * Method: staged on simulated clusters that keep hardly any log, with the checker looking on.
 */
import { describe, expect, test } from 'vitest';
import type { SimMachine } from '../../src/sim/sim-machine.ts';
import { SAVED_ENTRIES_MAX } from '../../src/wal/files/saved.ts';
import { LIMIT_MS, nodeOf, onCluster, promote, type Stage, three } from './stage.ts';

const RETENTION = { snapshotLogBytes: 30_000, retainBytesMax: 40_000 };
const SHAPE = { voters: 3, quorum: 2, retention: RETENTION };
const VALUE = 'v'.repeat(8_000);

/** Writes until the log which somebody needs who is away is gone. */
async function outgrow(stage: Stage, leader: SimMachine): Promise<void> {
  const { lsn } = nodeOf(leader).status().durable;
  while (nodeOf(leader).status().log.firstLsn <= lsn + 1) {
    await stage.write(leader, VALUE);
    await stage.cluster.world.pass(20);
  }
}

const savedOn = ({ disk }: SimMachine): string[] =>
  disk.paths().filter((path) => path.includes('/saved/'));

const eventsOf = (machine: SimMachine, code: string): unknown[] =>
  nodeOf(machine)
    .events({ after: 0, limit: 1_000 })
    .events.filter((event) => event.code === code);

/** As an operator who never made room: as many entries as there may be. */
function fillSaved({ disk }: SimMachine): void {
  const dir = (disk.paths()[0] ?? '').split('/').slice(0, 2).join('/');
  for (let number = 1; number <= SAVED_ENTRIES_MAX; number += 1) {
    const stem = `${dir}/saved/00000000000000000001-${number}`;
    const entry = { format: 1, name: `${stem.split('/').at(-1)}.wal`, bytes: 1 };
    disk.put(`${stem}.json`, Buffer.from(JSON.stringify(entry)));
    disk.put(`${stem}.wal`, Buffer.from('x'));
  }
}

describe('a follower that gets full copies', () => {
  test('saves nothing of a log that the snapshot is known to hold, however often', async () => {
    await onCluster(SHAPE, async (stage, machines) => {
      const { cluster } = stage;
      const [n1, n2, n3] = three(machines);
      for (let round = 1; round <= 3; round += 1) {
        await cluster.until('equal logs', LIMIT_MS, () => cluster.isSettled);
        for (const other of [n1, n2]) {
          stage.separate(other, n3);
          cluster.network.breakLinks(other.nodeId, n3.nodeId);
        }
        await outgrow(stage, n1);
        cluster.network.heal();
        await cluster.until('a full copy', LIMIT_MS, () => {
          return eventsOf(n3, 'SNAPSHOT_INSTALLED').length === round;
        });
      }
      await stage.settle();

      expect(savedOn(n3)).toEqual([]);
    });
  });

  test('needs no room in saved/ for that', async () => {
    await onCluster(
      SHAPE,
      async (stage, machines) => {
        const { cluster } = stage;
        const [n1, n2, n3] = three(machines);
        fillSaved(n3);
        for (const other of [n1, n2]) {
          stage.separate(other, n3);
          cluster.network.breakLinks(other.nodeId, n3.nodeId);
        }
        await outgrow(stage, n1);
        await stage.settle();

        expect(eventsOf(n3, 'SNAPSHOT_INSTALLED')).toHaveLength(1);
        expect(savedOn(n3)).toHaveLength(2 * SAVED_ENTRIES_MAX);
      },
      [1],
    );
  });

  test('waits for room for what it alone has: it says so, asks for no copy meanwhile, and goes on by itself', async () => {
    await onCluster(
      SHAPE,
      async (stage, machines) => {
        const { cluster } = stage;
        const [n1, n2, n3] = three(machines);
        for (const other of [n2, n3]) {
          stage.separate(n1, other);
          cluster.network.breakLinks(n1.nodeId, other.nodeId);
        }
        const ops = [{ op: 'put' as const, key: Buffer.from('alone'), value: Buffer.from('x') }];
        const request = { conditions: [], ops, ack: 'local' as const, timeoutMs: 1_000 };
        await nodeOf(n1).write(request);
        await promote(stage, n2);
        await outgrow(stage, n2);
        fillSaved(n1);

        cluster.network.heal();
        await cluster.world.pass(20_000);

        const status = nodeOf(n1).status();
        expect(status.why).toContainEqual(status.followWaits);
        expect(status.followWaits).toMatchObject({
          code: 'SAVED_FULL',
          message: expect.stringMatching(/cannot follow n2.*1000 entries.*after 16 s/) as string,
        });
        expect(eventsOf(n1, 'SNAPSHOT_WANTED')).toEqual([]);
        // After 1, 2, 4 and 8 s.
        expect(eventsOf(n1, 'SAVED_FULL')).toHaveLength(5);

        for (const path of savedOn(n1)) if (path.includes('-7')) n1.disk.drop(path);
        await cluster.until('a full copy', 2 * LIMIT_MS, () => {
          return eventsOf(n1, 'SNAPSHOT_INSTALLED').length === 1;
        });
        await stage.settle();
        expect(nodeOf(n1).status().followWaits).toBeUndefined();
        const notes = savedOn(n1).filter((path) => path.endsWith('.json'));
        const found = notes.map((path) => n1.disk.contentOf(path)?.toString() ?? '');
        expect(found.filter((note) => note.includes('is not known to hold it'))).toHaveLength(1);
      },
      [1],
    );
  });
});
