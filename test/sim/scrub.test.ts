/** Goal: what rots in a sealed segment of a running node is fetched from another one, byte for byte, while everything goes on. */
import { describe, expect, test } from 'vitest';
import { WAL_DIR, type SimMachine } from '../../src/sim/sim-machine.ts';
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
      const before = machine.disk.contentOf(path);
      const { lives } = machine;
      stage.cluster.checker.loses(machine);
      machine.disk.rot(path, 2_000, 4);

      await stage.cluster.until('mending', LIMIT_MS, () => !machine.disk.hasRot);
      await stage.cluster.until('word of it', LIMIT_MS, () =>
        codes(machine).includes('SEGMENT_MENDED'),
      );
      expect(machine.disk.contentOf(path)?.equals(before ?? Buffer.alloc(0))).toBe(true);
      expect(codes(machine)).toContain('SEGMENT_DAMAGED');
      expect(machine.lives).toBe(lives);
      const status = machine.node?.status();
      expect(status).toMatchObject({ state: 'intact', warnings: [] });
      expect(status?.scrub).toMatchObject({ mendedSegments: 1, damaged: [] });
      await stage.settle();
      stage.cluster.checker.finish();
    });
  });
});
