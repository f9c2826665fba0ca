/** What the machine's own full disks do: small file systems in memory, which only root may mount. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NodeDisk } from '../../src/ports/node-disk.ts';

/** Runs `main` on a file system of its own; says so where this machine does not allow that. */
async function onSmallDisk(options: string, main: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'walship-full-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'walship-test', dir]);
  if (mounted.status !== 0) console.warn(`not tried, no mount: ${String(mounted.stderr)}`);
  try {
    if (mounted.status === 0) await main(dir);
  } finally {
    if (mounted.status === 0) spawnSync('umount', [dir]);
    await rm(dir, { recursive: true });
  }
}

async function fillUp(dir: string): Promise<void> {
  const filler = await new NodeDisk().open(join(dir, 'filler'), 'create');
  for (let at = 0; ; at += 4096) {
    const failed = await filler.write(Buffer.alloc(4096, 1), at).catch((error: unknown) => error);
    if (failed === undefined) continue;
    expect(failed).toMatchObject({ code: 'DISK_FULL' });
    break;
  }
  await filler.close();
}

test('a directory on a full disk is locked, whatever its holder can write into the file', () =>
  onSmallDisk('size=64k', async (dir) => {
    const path = join(dir, 'LOCK');
    await (await new NodeDisk().lock(path)).release();
    await fillUp(dir);

    const again = await new NodeDisk().lock(path);
    expect(await readFile(path, 'utf8')).toContain(`pid ${process.pid} on `);
    await again.release();
    await rm(path);
    await writeFile(path, '');
    await fillUp(dir);
    const empty = await new NodeDisk().lock(path);
    await empty.release();
  }));

test('a disk without inodes says that it has none', () =>
  onSmallDisk('nr_inodes=3', async (dir) => {
    const disk = new NodeDisk();
    await (await disk.open(join(dir, 'a'), 'create')).close();
    await (await disk.open(join(dir, 'b'), 'create')).close();

    await expect(disk.open(join(dir, 'c'), 'create')).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining('(every inode is taken)') as string,
    });
  }));
