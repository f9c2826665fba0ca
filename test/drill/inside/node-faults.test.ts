import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { healDisk, NodeFaults } from '../../../src/drill/inside/node-faults.ts';
import { NodeDisk } from '../../../src/ports/node-disk.ts';
import { SystemClock } from '../../../src/ports/system-clock.ts';

let parent = '';
beforeAll(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'walship-drilled-'));
});
afterAll(async () => await rm(parent, { recursive: true, force: true }));

async function openIn(dir: string): Promise<NodeFaults> {
  return await NodeFaults.open(new NodeDisk(), new SystemClock(), dir);
}

describe('a node that drills may break', () => {
  test('marks its directory, and starts in it again', async () => {
    const dir = path.join(parent, 'new');

    await openIn(dir);
    expect(await readdir(dir)).toEqual(['DRILL']);
    await writeFile(path.join(dir, 'meta.json'), '{}');

    await openIn(dir);
  });

  test('does not start in a directory with data that was not made for drills', async () => {
    const dir = path.join(parent, 'precious');
    await new NodeDisk().makeDir(dir);
    await writeFile(path.join(dir, 'meta.json'), '{}');

    await expect(openIn(dir)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await readdir(dir)).toEqual(['meta.json']);
  });

  test.for([
    ['full', { kind: 'disk-full' }, { kind: 'disk-full' }],
    ['without inodes', { kind: 'no-inodes' }, { kind: 'no-inodes' }],
    ['read-only', { kind: 'disk-read-only' }, { kind: 'disk-read-only' }],
    ['slow', { kind: 'disk-slow', ms: 5, part: 'wal' }, { kind: 'disk-slow', ms: 5, part: 'wal' }],
    ['healthy after one failed fsync', { kind: 'fsync-error', part: 'wal' }, undefined],
  ] as const)('has a disk that is %s in its next life too', async ([name, fault, expected]) => {
    const dir = path.join(parent, name);
    await (await openIn(dir)).apply(fault);

    expect((await openIn(dir)).disk.fault).toEqual(expected);
  });

  test('has a disk with room in its next life where that was made while it was down', async () => {
    const dir = path.join(parent, 'made-room');
    await (await openIn(dir)).apply({ kind: 'disk-full' });

    healDisk(dir);

    expect((await openIn(dir)).disk.fault).toBeUndefined();
  });

  test('has a wall clock that jumps, and keeps its pace', async () => {
    const { clock, ...faults } = await openIn(path.join(parent, 'clock'));
    const before = clock.wallMs();

    clock.jump(-3_600_000);

    expect(before - clock.wallMs()).toBeGreaterThan(3_590_000);
    expect(clock.nowMs()).toBeGreaterThan(0);
    expect(faults).toBeDefined();
  });
});
