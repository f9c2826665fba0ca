/**
 * Goal: a follower that the log no longer reaches back to comes back by snapshot, whatever breaks on the way, and the cluster is as it
 * should be all along.
 * Method: staged on simulated clusters that keep hardly any log, with the checker looking on.
 */
import { describe, expect, test } from 'vitest';
import { isWalshipError } from '../../src/errors.ts';
import type { FollowerStatus } from '../../src/node/api/api.ts';
import type { SimMachine } from '../../src/sim/sim-machine.ts';
import { LIMIT_MS, nodeOf, onCluster, type Stage, three } from './stage.ts';

const RETENTION = { snapshotLogBytes: 30_000, retainBytesMax: 40_000 };
const SHAPE = { voters: 3, quorum: 2, retention: RETENTION };
const KEYS = 12;

/** Writes so much that the log which `behind` needs is gone, and the snapshot goes in several pieces. */
async function outgrow(stage: Stage, leader: SimMachine, valueBytes = 90_000): Promise<void> {
  const { world } = stage.cluster;
  for (let round = 0; round < 4; round += 1) {
    for (let index = 0; index < KEYS; index += 1) {
      await nodeOf(leader).write({
        conditions: [],
        ops: [
          {
            op: 'put',
            key: Buffer.from(`key ${index}`),
            value: Buffer.alloc(valueBytes, `${round} ${index} `),
          },
        ],
        ack: 'quorum',
        timeoutMs: 5_000,
      });
    }
    await world.pass(300);
  }
  const { firstLsn } = nodeOf(leader).status().log;
  expect(firstLsn).toBeGreaterThan(KEYS);
}

/** What the leader says of a follower. */
function viewOf(leader: SimMachine, { nodeId }: SimMachine): FollowerStatus | undefined {
  return leader.node?.status().followers.find((follower) => follower.nodeId === nodeId);
}

/** How many snapshots a node began to send in this life. */
const sent = ({ node }: SimMachine): number => node?.status().counters['SNAPSHOT'] ?? 0;

describe('a follower that was away for too long', () => {
  test('comes back by snapshot; the forecast had said so, and the log stayed within its bound', async () => {
    await onCluster(SHAPE, async (stage, machines) => {
      const [n1, , n3] = three(machines);
      await stage.write(n1, 'before');
      n3.kill();
      await stage.write(n1, 'one more');
      const before = viewOf(n1, n3)?.retention;
      expect(before?.bytesLeft).toBeGreaterThan(0);
      expect(before?.bytesLeft).toBeLessThan(RETENTION.retainBytesMax);
      await outgrow(stage, n1);
      expect(viewOf(n1, n3)?.retention).toEqual({ bytesLeft: 0, secondsLeft: 0 });
      // The bound, a segment for a batch, and what came since the older snapshot.
      expect(nodeOf(n1).status().log.bytes).toBeLessThan(400_000);

      n3.start();
      await stage.cluster.until('a snapshot for n3', LIMIT_MS, () => sent(n1) > 0);
      await stage.settle();
      expect(nodeOf(n3).status().keys).toBe(KEYS + 1);
      expect(nodeOf(n3).status().log.firstLsn).toBeGreaterThan(KEYS);
    });
  });

  test('so does one with an empty disk, which is blank until enough voters have confirmed the epoch', async () => {
    await onCluster(SHAPE, async (stage, machines) => {
      const [n1, , n3] = three(machines);
      stage.wipe(n3);
      await outgrow(stage, n1);
      n3.start();
      await stage.cluster.until('a snapshot for n3', LIMIT_MS, () => sent(n1) > 0);
      await stage.settle();
      expect(nodeOf(n3).status()).toMatchObject({ state: 'intact', keys: KEYS });
    });
  });

  test('is neither readable nor may it lead before it is past the end of the snapshot', async () => {
    await onCluster(SHAPE, async (stage, machines) => {
      const [n1, , n3] = three(machines);
      n3.kill();
      await outgrow(stage, n1);
      n3.start();
      await stage.cluster.until('a snapshot for n3', LIMIT_MS, () => sent(n1) > 0);
      const read = { key: Buffer.from('key 1'), level: 'local' as const, timeoutMs: 1_000 };
      for (;;) {
        const status = nodeOf(n3).status();
        if (status.notReady?.code === 'NOT_READY') {
          await expect(nodeOf(n3).read(read)).rejects.toMatchObject({ code: 'NOT_READY' });
          break;
        }
        if (status.applied.lsn > KEYS) break;
        await stage.cluster.world.pass(0.2);
      }
      await stage.settle();
    });
  });

  test('tells its watchers that the log begins further on, and not that a version was replaced', async () => {
    const main = async (stage: Stage, machines: readonly SimMachine[]): Promise<void> => {
      const [n1, n2, n3] = three(machines);
      await stage.write(n1, 'before');
      await stage.cluster.until('the write at n3', LIMIT_MS, () => stage.cluster.isSettled);
      const { applied } = nodeOf(n3).status();
      const watching = new AbortController();
      const { signal } = watching;
      const seen: string[] = [];
      const watch = async (): Promise<string> => {
        try {
          for await (const { kind } of nodeOf(n3).watch({ after: applied, signal })) {
            seen.push(kind);
          }
          return 'ended';
        } catch (error) {
          return isWalshipError(error) ? error.code : String(error);
        }
      };
      const ended = watch();
      await stage.cluster.until('the watch', LIMIT_MS, () => seen.length > 0);
      for (const other of [n1, n2]) {
        stage.separate(other, n3);
        stage.cluster.network.breakLinks(other.nodeId, n3.nodeId);
      }
      await outgrow(stage, n1);
      stage.cluster.network.heal();
      await stage.cluster.until('a snapshot for n3', LIMIT_MS, () => sent(n1) > 0);
      await stage.settle();

      expect(await ended).toBe('PURGED');
      expect(seen).not.toContain('change');
      watching.abort();
    };
    await onCluster(SHAPE, main, [1]);
  });

  test('gets on where a transfer broke off, wherever that was', async () => {
    for (let pieces = 0; pieces < 4; pieces += 1) {
      await onCluster(
        SHAPE,
        async (stage, machines) => {
          const [n1, n2, n3] = three(machines);
          n3.kill();
          await outgrow(stage, n1);
          n3.start();
          const got = (): number =>
            Number(/has (\d+) of/.exec(viewOf(n1, n3)?.reason?.message ?? '')?.[1] ?? -1);
          const { world, network } = stage.cluster;
          for (let step = 0; step < 10_000 && got() < pieces * 256 * 1024; step += 1) {
            await world.pass(0.05);
          }
          expect(got()).toBeGreaterThanOrEqual(pieces * 256 * 1024);
          stage.separate(n1, n3);
          stage.separate(n2, n3);
          await world.pass(3_000);
          const wanted = (): readonly number[] =>
            stage.cluster.trace.flatMap((line) =>
              [/n3 warn SNAPSHOT_WANTED: from byte (\d+)/.exec(line)?.[1] ?? []].flat().map(Number),
            );
          const before = wanted().length;
          network.heal();
          await stage.cluster.until('a snapshot for n3', LIMIT_MS, () => sent(n1) > 1);
          // What had come is not sent again.
          await stage.cluster.until('it to go on', LIMIT_MS, () => wanted().length > before);
          expect(wanted().at(-1)).toBeGreaterThanOrEqual(pieces * 256 * 1024 - 90_100);
          await stage.settle();
          expect(nodeOf(n3).status().keys).toBe(KEYS);
        },
        // Seeds with which the cut comes before all pieces are under way.
        [pieces + 20],
      );
    }
  });

  test('gets another one where that which it was offered has rotted on the disk of the leader', async () => {
    await onCluster(SHAPE, async (stage, machines) => {
      const [n1, , n3] = three(machines);
      n3.kill();
      await outgrow(stage, n1);
      const newest = n1.disk.paths().findLast((path) => path.endsWith('.snap')) ?? '';
      n1.disk.flip(newest, 300_000, 4);
      n3.start();
      const events = (code: string): number => n1.node?.status().counters[code] ?? 0;
      const taken = events('SNAPSHOT_TAKEN');
      await stage.cluster.until('a refusal', LIMIT_MS, () => events('SNAPSHOT_INVALID') > 0);
      await stage.settle();
      expect(events('SNAPSHOT_INVALID')).toBe(1);
      expect(events('SNAPSHOT_TAKEN')).toBe(taken + 1);
      expect(nodeOf(n3).status()).toMatchObject({ state: 'intact', keys: KEYS });
      const refused = stage.cluster.trace.filter((line) =>
        line.includes('the snapshot of n1 was refused'),
      );
      expect(refused).toHaveLength(1);
    });
  });

  test('is safe where its power goes, at any disk operation of the transfer and the install', async () => {
    let last = 0;
    for (let at = 1; at < 150; at += 3) {
      const crashed = await crashIn(at, 'crash');
      last = at;
      if (!crashed) break;
    }
    expect(last).toBeGreaterThan(30);
  });

  test('gets on once its full disk has room again', async () => {
    for (let at = 2; at < 60; at += 11) await crashIn(at, 'enospc');
  });
});

/** True where the accident came before n3 had caught up. */
async function crashIn(at: number, fault: 'crash' | 'enospc'): Promise<boolean> {
  const result = { crashed: false };
  await onCluster(
    SHAPE,
    async (stage, machines) => {
      const [n1, , n3] = three(machines);
      n3.kill();
      await outgrow(stage, n1, 30_000);
      n3.start();
      while (sent(n1) === 0) await stage.cluster.world.pass(0.05);
      const number = n3.disk.operations + at;
      n3.disk.failAt(number, fault);
      await stage.cluster.until(
        'a crash, or the end',
        LIMIT_MS,
        () => !n3.isUp || viewOf(n1, n3)?.lagLsns === 0,
      );
      result.crashed = n3.disk.operations >= number;
      n3.disk.healthy();
      if (fault === 'crash') n3.losePower();
      await stage.settle();
      expect(nodeOf(n3).status()).toMatchObject({ state: 'intact', keys: KEYS });
    },
    [100 + at],
  );
  return result.crashed;
}
