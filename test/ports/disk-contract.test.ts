/**
 * Goal: the simulated disk promises exactly what the real one does, so that what passes on it holds on a machine.
 * Method: every fact of the port, stated once, on both adapters.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Disk } from '../../src/ports/disk.ts';
import { FaultDisk } from '../../src/drill/inside/disk/fault-disk.ts';
import { NodeDisk } from '../../src/ports/node-disk.ts';
import { SimDisk } from '../../src/sim/sim-disk.ts';
import { simulate } from '../../src/sim/sim-world.ts';

interface Stage {
  readonly disk: Disk;
  /** A directory that exists and is empty. */
  readonly dir: string;
  /** The same disk as another process sees it. */
  readonly other: Disk;
}

type Main = (stage: Stage) => Promise<void>;

async function onNodeDisk(main: Main, disk = new NodeDisk()): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'walship-disk-'));
  try {
    await main({ disk, dir, other: new NodeDisk() });
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** As on a system where O_DSYNC is not enough. */
function onSyncingDisk(main: Main): Promise<void> {
  return onNodeDisk(main, new NodeDisk({ dsync: false }));
}

async function onFaultDisk(main: Main): Promise<void> {
  await onNodeDisk(async ({ dir, other }) => {
    await main({ disk: FaultDisk.open(new NodeDisk(), dir), dir, other });
  });
}

async function onSimDisk(main: Main): Promise<void> {
  await simulate(1, async (world) => {
    const sim = new SimDisk({ seed: 1, latency: { readMs: 1, writeMs: 1, syncMs: 1 } });
    const disk = sim.mount(world.process());
    await disk.makeDir('/data');
    await main({ disk, dir: '/data', other: sim.mount(world.process()) });
  });
}

async function readAll(disk: Disk, path: string): Promise<string> {
  const file = await disk.open(path, 'read');
  const bytes = Buffer.alloc(100, '#');
  const count = await file.read(bytes, 0);
  await file.close();
  return bytes.toString('latin1', 0, count);
}

async function writeAll(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, 'create');
  await file.write(Buffer.from(text), 0);
  await file.close();
}

describe.for([
  { name: 'NodeDisk', run: onNodeDisk },
  { name: 'NodeDisk without O_DSYNC', run: onSyncingDisk },
  { name: 'FaultDisk', run: onFaultDisk },
  { name: 'SimDisk', run: onSimDisk },
])('$name', ({ run }) => {
  test('reads what was written, wherever, with zeros between', async () => {
    await run(async ({ disk, dir }) => {
      const file = await disk.open(`${dir}/file`, 'create');
      await file.write(Buffer.from('end'), 5);
      await file.writeDurable(Buffer.from('be'), 0);
      await file.sync();

      expect(await file.size()).toBe(8);
      await file.close();
      expect(await readAll(disk, `${dir}/file`)).toBe('be\0\0\0end');
    });
  });

  test('reads fewer bytes only at the end of the file, and leaves the rest of the target alone', async () => {
    await run(async ({ disk, dir }) => {
      await writeAll(disk, `${dir}/file`, 'abc');
      const file = await disk.open(`${dir}/file`, 'read');
      const target = Buffer.alloc(4, '#');

      expect(await file.read(target, 1)).toBe(2);
      expect(target.toString()).toBe('bc##');
      expect(await file.read(target, 3)).toBe(0);
      expect(await file.read(target, 30)).toBe(0);
      await file.close();
    });
  });

  test('truncate cuts and grows; what it grew by is zeros', async () => {
    await run(async ({ disk, dir }) => {
      const file = await disk.open(`${dir}/file`, 'create');
      await file.write(Buffer.from('abcdef'), 0);
      await file.truncate(2);
      await file.truncate(4);
      await file.close();

      expect(await readAll(disk, `${dir}/file`)).toBe('ab\0\0');
    });
  });

  test('create empties a file that is there; write keeps it', async () => {
    await run(async ({ disk, dir }) => {
      await writeAll(disk, `${dir}/file`, 'abc');
      await (await disk.open(`${dir}/file`, 'write')).close();
      expect(await readAll(disk, `${dir}/file`)).toBe('abc');

      await (await disk.open(`${dir}/file`, 'create')).close();
      expect(await readAll(disk, `${dir}/file`)).toBe('');
    });
  });

  test('rename replaces; an open file goes on under its new name, a replaced or removed one without', async () => {
    await run(async ({ disk, dir }) => {
      await writeAll(disk, `${dir}/old`, 'old');
      const replaced = await disk.open(`${dir}/old`, 'write');
      const file = await disk.open(`${dir}/new`, 'create');
      await disk.rename(`${dir}/new`, `${dir}/old`);
      await file.write(Buffer.from('new'), 0);
      await replaced.write(Buffer.from('gone'), 0);
      await file.close();
      await replaced.close();

      expect(await disk.list(dir)).toEqual(['old']);
      expect(await readAll(disk, `${dir}/old`)).toBe('new');
      const removed = await disk.open(`${dir}/old`, 'write');
      await disk.remove(`${dir}/old`);
      await removed.writeDurable(Buffer.from('x'), 0);
      expect(await removed.size()).toBe(3);
      await removed.close();
      expect(await disk.list(dir)).toEqual([]);
    });
  });

  test('lists names sorted, directories too, one level; an absent directory has none', async () => {
    await run(async ({ disk, dir }) => {
      await writeAll(disk, `${dir}/b`, '');
      await writeAll(disk, `${dir}/a`, '');
      await disk.makeDir(`${dir}/c/d`);
      await writeAll(disk, `${dir}/c/e`, '');

      expect(await disk.list(dir)).toEqual(['a', 'b', 'c']);
      expect(await disk.list(`${dir}/c`)).toEqual(['d', 'e']);
      expect(await disk.list(`${dir}/absent`)).toEqual([]);
    });
  });

  test('makeDir and syncDir succeed again and again', async () => {
    await run(async ({ disk, dir }) => {
      await disk.makeDir(`${dir}/x/y`);
      await disk.makeDir(`${dir}/x/y`);
      await disk.syncDir(`${dir}/x`);
      await disk.syncDir(`${dir}/x`);
      expect(await disk.list(`${dir}/x`)).toEqual(['y']);
    });
  });

  test.for<[string, (disk: Disk, dir: string) => Promise<unknown>]>([
    ['open to read', (disk, dir) => disk.open(`${dir}/absent`, 'read')],
    ['open to write', (disk, dir) => disk.open(`${dir}/absent`, 'write')],
    ['create in an absent directory', (disk, dir) => disk.open(`${dir}/absent/file`, 'create')],
    ['rename', (disk, dir) => disk.rename(`${dir}/absent`, `${dir}/b`)],
    ['remove', (disk, dir) => disk.remove(`${dir}/absent`)],
    ['syncDir', (disk, dir) => disk.syncDir(`${dir}/absent`)],
  ])('%s: what is absent is DISK_FAILED with ENOENT and the path', async ([, act]) => {
    await run(async ({ disk, dir }) => {
      const error: unknown = await act(disk, dir).catch((cause: unknown) => cause);

      expect(error).toMatchObject({ code: 'DISK_FAILED', details: { errno: 'ENOENT' } });
      expect(error).toHaveProperty('details.path', expect.stringContaining(`${dir}/absent`));
      expect(error).toHaveProperty('details.operation');
      expect(error).toHaveProperty('cause.code', 'ENOENT');
    });
  });

  test('a file opened for reading refuses writes', async () => {
    await run(async ({ disk, dir }) => {
      await writeAll(disk, `${dir}/file`, 'abc');
      const file = await disk.open(`${dir}/file`, 'read');

      await expect(file.write(Buffer.from('x'), 0)).rejects.toMatchObject({ code: 'DISK_FAILED' });
      await expect(file.writeDurable(Buffer.from('x'), 0)).rejects.toMatchObject({
        code: 'DISK_FAILED',
      });
      await expect(file.truncate(0)).rejects.toMatchObject({ code: 'DISK_FAILED' });
      await file.close();
      expect(await readAll(disk, `${dir}/file`)).toBe('abc');
    });
  });

  test('close is idempotent', async () => {
    await run(async ({ disk, dir }) => {
      const file = await disk.open(`${dir}/file`, 'create');
      await file.close();
      await file.close();
    });
  });

  test('a lock is held by one at a time, until it is released', async () => {
    await run(async ({ disk, dir, other }) => {
      const lock = await disk.lock(`${dir}/LOCK`);
      await expect(other.lock(`${dir}/LOCK`)).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
      await lock.release();
      await lock.release();

      const second = await other.lock(`${dir}/LOCK`);
      await second.release();
    });
  });
});
