/**
 * Goal: a disk of drills without room takes nothing new, and what is given back makes room for as much.
 * Method: real files of whole blocks, beneath a FaultDisk that is full or has no inode left.
 */
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FaultDisk } from '../../../src/drill/inside/disk/fault-disk.ts';
import type { DiskFile } from '../../../src/ports/disk.ts';
import { NodeDisk } from '../../../src/ports/node-disk.ts';

const BLOCK = 512;
const FULL = { code: 'DISK_FULL', details: { errno: 'ENOSPC' } };

let dir = '';
let disk: FaultDisk;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'walship-room-'));
  disk = FaultDisk.open(new NodeDisk(), dir);
});
afterEach(async () => await rm(dir, { recursive: true, force: true }));

async function fileOf(name: string, blocks: number): Promise<DiskFile> {
  const file = await disk.open(join(dir, name), 'create');
  await file.writeDurable(Buffer.alloc(blocks * BLOCK, 'A'), 0);
  return file;
}

const append = async (file: DiskFile, blocks: number): Promise<void> =>
  await file.writeDurable(Buffer.alloc(blocks * BLOCK, 'B'), await file.size());

describe('a full disk', () => {
  test.for<[string, () => Promise<unknown>]>([
    ['a file is removed', () => disk.remove(join(dir, 'old'))],
    ['a file is replaced', () => disk.rename(join(dir, 'empty'), join(dir, 'old'))],
    [
      'a file is cut',
      async () => await (await disk.open(join(dir, 'old'), 'write')).truncate(BLOCK),
    ],
  ])('has room for as much as is given back where %s', async ([how, giveBack]) => {
    const file = await fileOf('f', 1);
    await fileOf('old', 3);
    await fileOf('empty', 0);
    disk.fault = { kind: 'disk-full' };
    await expect(append(file, 1)).rejects.toMatchObject(FULL);

    await giveBack();

    const freed = how === 'a file is cut' ? 2 : 3;
    await expect(append(file, freed + 1)).rejects.toMatchObject(FULL);
    await append(file, freed);
    await expect(append(file, 1)).rejects.toMatchObject(FULL);
  });

  test('still takes files that hold nothing', async () => {
    disk.fault = { kind: 'disk-full' };

    await fileOf('empty', 0);
    await expect(fileOf('f', 1)).rejects.toMatchObject(FULL);
  });

  test('has no more room after a file was made longer by a hole and cut again', async () => {
    const file = await fileOf('f', 1);
    disk.fault = { kind: 'disk-full' };

    await file.truncate(BLOCK + 1);
    await file.truncate(BLOCK);

    await expect(append(file, 1)).rejects.toMatchObject(FULL);
  });
});

describe('a disk without inodes', () => {
  test('takes no new file and no new directory, says so, and lets files grow', async () => {
    const file = await fileOf('f', 1);
    disk.fault = { kind: 'no-inodes' };

    for (const change of [() => fileOf('g', 0), () => disk.makeDir(join(dir, 'new'))]) {
      const refused = expect(change()).rejects;
      await refused.toMatchObject(FULL);
      await refused.toThrow('(every inode is taken)');
    }
    await append(file, 3);
    expect(readdirSync(dir)).toEqual(['f']);
    // What is there already needs none.
    await disk.makeDir(dir);
    await disk.open(join(dir, 'f'), 'create');
  });

  test.for<[string, () => Promise<unknown>]>([
    ['removed', () => disk.remove(join(dir, 'old'))],
    ['replaced', () => disk.rename(join(dir, 'other'), join(dir, 'old'))],
  ])('takes one file for each that is %s', async ([, giveBack]) => {
    await fileOf('old', 1);
    await fileOf('other', 1);
    disk.fault = { kind: 'no-inodes' };

    await giveBack();

    await fileOf('g', 1);
    await expect(fileOf('h', 1)).rejects.toMatchObject(FULL);
  });
});
