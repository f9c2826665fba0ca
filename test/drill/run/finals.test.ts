import { describe, expect, test } from 'vitest';
import { finalStates, logDifferences } from '../../../src/drill/run/finals.ts';
import type { AskNode } from '../../../src/drill/target/ask-node.ts';
import type { DrillTarget } from '../../../src/drill/target/target.ts';
import { batches, FIRST, segment } from '../../wal/fixture.ts';
import { MemoryDisk } from '../../wal/memory-disk.ts';
import { segmentName } from '../../../src/wal/format/segment.ts';
import { statusOf } from '../statuses.ts';

const SHAPES = [{ epoch: 1 }, { ops: [{ value: 'a' }] }, { ops: [{ value: 'b' }] }];

function diskWith(logs: Readonly<Record<string, number>>): MemoryDisk {
  const disk = new MemoryDisk();
  for (const [dir, count] of Object.entries(logs)) {
    const { bytes } = batches(FIRST, SHAPES.slice(0, count));
    if (count > 0) disk.files.set(`${dir}/wal/${segmentName(1)}`, segment(FIRST, bytes));
  }
  return disk;
}

const node = (nodeId: string, durableLsn: number | undefined) => ({
  nodeId,
  dir: `/${nodeId}`,
  durableLsn,
});

describe('the logs that nodes leave', () => {
  test('are the same where each holds what its node had said', async () => {
    const disk = diskWith({ '/n1': 3, '/n2': 3 });

    expect(await logDifferences(disk, [node('n1', 3), node('n2', 3)])).toEqual([]);
  });

  test.for([0, 1, 2])('are not, where one has %s of three batches', async (count) => {
    const disk = diskWith({ '/n1': 3, '/n2': count });

    expect(await logDifferences(disk, [node('n1', 3), node('n2', 3)])).toContain(
      `n2: its log ends at LSN ${count}, and it had said 3`,
    );
  });
});

describe('what nodes say in the end', () => {
  const target = (isUp: boolean): DrillTarget =>
    ({
      nodes: [{ nodeId: 'n1', url: 'http://n1' }],
      isUp: () => isUp,
      output: () => Promise.resolve(''),
    }) as unknown as DrillTarget;
  const silentFor = (calls: number): { ask: AskNode; asked: () => number } => {
    let count = 0;
    const status = statusOf('n1');
    const ask = {
      status: () => Promise.resolve((count += 1) > calls ? status : undefined),
      entries: () => Promise.resolve(new Map()),
      events: () => Promise.resolve([]),
    } as unknown as AskNode;
    return { ask, asked: () => count };
  };

  test('is asked for again while a node runs and does not answer', async () => {
    const { ask } = silentFor(2);

    expect((await finalStates(target(true), ask))[0]?.status?.nodeId).toBe('n1');
  });

  test('is not waited for where the node is down', async () => {
    const { ask, asked } = silentFor(2);

    expect((await finalStates(target(false), ask))[0]?.status).toBeUndefined();
    expect(asked()).toBe(1);
  });
});
