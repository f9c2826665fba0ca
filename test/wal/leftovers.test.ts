import { describe, expect, test } from 'vitest';
import { removeIncoming, removeTemporary } from '../../src/wal/leftovers.ts';
import { MemoryDisk } from './memory-disk.ts';

const PART = `/d/snapshots/incoming-${'0f'.repeat(32)}.part`;
const KEPT = [
  '/d/LOCK',
  '/d/meta.json',
  '/d/wal/00000000000000000001.wal',
  '/d/snapshots/00000000000000000042.snap',
  PART,
  '/d/saved/00000000000000000042-1.json',
  '/d/saved/00000000000000000042-1.wal',
  '/d/saved/notes.txt',
];

function diskWith(paths: readonly string[]): MemoryDisk {
  const disk = new MemoryDisk();
  for (const path of paths) disk.files.set(path, Buffer.from('x'));
  return disk;
}

describe('what an earlier life left unfinished', () => {
  test('goes at a start, and nothing else', async () => {
    const disk = diskWith([
      ...KEPT,
      '/d/meta.json.tmp',
      '/d/snapshots/00000000000000000043.snap.tmp',
      '/d/snapshots/00000000000000000044.snap.tmp',
      '/d/saved/00000000000000000042-1.wal.tmp',
      // The note of a segment that was not saved.
      '/d/saved/00000000000000000042-2.json',
    ]);

    await removeTemporary(disk, '/d');

    expect([...disk.files.keys()].toSorted()).toEqual(KEPT.toSorted());
  });

  test('of a snapshot that was arriving goes by itself', async () => {
    const disk = diskWith(KEPT);

    await removeIncoming(disk, '/d');

    expect([...disk.files.keys()]).toEqual(KEPT.filter((path) => path !== PART));
  });
});
