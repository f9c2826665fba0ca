/** Goal: what rots in a sealed segment of a running node is fetched from another one, byte for byte, while everything goes on. */
import { describe, expect, test } from 'vitest';
import { Node } from '../../src/node/node.ts';
import { batchesOf } from '../../src/sim/log-image.ts';
import { type NodeFactory, type SimMachine, WAL_DIR } from '../../src/sim/sim-machine.ts';
import { LIMIT_MS, onCluster, type Stage } from './stage.ts';

/** Writes until n1 has several sealed segments; their paths, oldest first, on that machine. */
async function fill(stage: Stage, leader: SimMachine): Promise<void> {
  for (let count = 0; count < 60; count += 1) {
    await stage.write(leader, `${count} ${'x'.repeat(1_000)}`);
  }
  await stage.settle();
}

function sealed({ disk }: SimMachine): readonly string[] {
  return disk
    .paths()
    .filter((path) => path.startsWith(`${WAL_DIR}/`) && path.endsWith('.wal'))
    .slice(0, -1);
}

/** Its batches, as they are on every node. */
function streamOf({ disk }: SimMachine, path: string): Buffer {
  const batches = batchesOf(disk.contentOf(path) ?? Buffer.alloc(64));
  return Buffer.concat(batches.map(({ bytes }) => bytes));
}

function codes({ node }: SimMachine): readonly string[] {
  return (node?.events({ after: 0, limit: 1_000 }).events ?? []).map(({ code }) => code);
}

describe('rot in a sealed segment', () => {
  test.each([0, 1])('of a running node (n%i + 1) is found and fetched from another', async (at) => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [leader] = machines;
      const machine = machines[at];
      if (leader === undefined || machine === undefined) throw new Error('three machines');
      await fill(stage, leader);
      const path = sealed(machine)[1] ?? '';
      const before = streamOf(machine, path);
      const { lives } = machine;
      stage.cluster.checker.loses(machine);
      machine.disk.rot(path, 1_200, 4);

      await stage.cluster.until('mending', LIMIT_MS, () => !machine.disk.hasRot);
      await stage.cluster.until('word of it', LIMIT_MS, () =>
        codes(machine).includes('SEGMENT_MENDED'),
      );
      expect(streamOf(machine, path).equals(before)).toBe(true);
      expect(codes(machine)).toContain('SEGMENT_DAMAGED');
      expect(machine.lives).toBe(lives);
      const status = machine.node?.status();
      expect(status).toMatchObject({ state: 'intact', warnings: [] });
      expect(status?.scrub).toMatchObject({ mendedSegments: 1, damaged: [] });
      await stage.settle();
      stage.cluster.checker.finish();
    });
  });

  test('is found by whoever reads it, where nothing is scrubbed', async () => {
    const open: NodeFactory = (parts) =>
      Node.open({ ...parts, scrubBytesPerSecond: 0, recentBytesMax: 16 * 1024 });
    await onCluster({ voters: 3, quorum: 2, open }, async (stage, machines) => {
      const [leader, , learner] = machines;
      if (leader === undefined || learner === undefined) throw new Error('three machines');
      await fill(stage, leader);
      stage.wipe(learner);
      stage.cluster.checker.loses(learner);
      const path = sealed(leader)[1] ?? '';
      leader.disk.rot(path, 1_200, 4);
      await stage.cluster.world.pass(5_000);
      expect(leader.disk.hasRot).toBe(true);

      learner.start();
      await stage.cluster.until('mending', LIMIT_MS, () => !leader.disk.hasRot);
      await stage.settle();
      expect(codes(leader)).toContain('SEGMENT_MENDED');
    });
  });

  test('of a node that is cut off raises an alarm, and is mended once the others are back', async () => {
    await onCluster({ voters: 3, quorum: 2 }, async (stage, machines) => {
      const [leader, machine, other] = machines;
      if (leader === undefined || machine === undefined || other === undefined) return;
      await fill(stage, leader);
      stage.separate(machine, leader);
      stage.separate(machine, other);
      stage.cluster.checker.loses(machine);
      machine.disk.rot(sealed(machine)[1] ?? '', 1_200, 4);
      await stage.cluster.until('an alarm', LIMIT_MS * 2, () =>
        codes(machine).includes('SEGMENT_NOT_MENDED'),
      );
      const status = machine.node?.status();
      expect(status).toMatchObject({ state: 'intact', warnings: [{ code: 'SEGMENT_DAMAGED' }] });
      stage.cluster.network.heal();
      await stage.settle();
      expect(machine.disk.hasRot).toBe(false);
    });
  });

  test('of the only voter raises an alarm and refuses nothing; a snapshot makes the next start possible', async () => {
    await onCluster({ voters: 1, quorum: 1 }, async (stage, machines) => {
      const [machine] = machines;
      if (machine === undefined) throw new Error('one machine');
      await fill(stage, machine);
      const path = sealed(machine)[1] ?? '';
      machine.disk.rot(path, 1_200, 4);
      await stage.cluster.until('an alarm', LIMIT_MS, () =>
        codes(machine).includes('SEGMENT_NOT_MENDED'),
      );
      await stage.write(machine, 'after');
      await machine.node?.snapshot();
      machine.kill();
      await stage.restart(machine);
      await stage.write(machine, 'later');
      expect(machine.node?.status()).toMatchObject({ state: 'intact' });
      expect(machine.disk.paths()).not.toContain(path);
    });
  });
});
