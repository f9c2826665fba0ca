/** Limits of the simulated disk, sectors that it loses, and what a power cut does to a block that is on its way. */
import { describe, expect, test } from 'vitest';
import type { Disk, DiskFile } from '../../src/ports/disk.ts';
import { SimDisk, type SimDiskOptions } from '../../src/sim/sim-disk.ts';
import { simulate, type SimWorld } from '../../src/sim/sim-world.ts';

const DIR = '/data';
const FILE = '/data/file';
const BLOCK = 512;

interface Stage {
  readonly world: SimWorld;
  readonly sim: SimDisk;
  readonly disk: Disk;
  /** A new process on the same disk. */
  readonly start: () => Disk;
}

function onDisk(
  main: (stage: Stage) => Promise<void>,
  { seed = 1, ...options }: Partial<SimDiskOptions> & { readonly seed?: number } = {},
): Promise<void> {
  return simulate(seed, async (world) => {
    const sim = new SimDisk({ seed, ...options });
    const start = (): Disk => sim.mount(world.process());
    const disk = start();
    await disk.makeDir(DIR);
    await main({ world, sim, disk, start });
  });
}

/** A durable file of so many blocks of one letter. */
async function fileOf(disk: Disk, path: string, letters: string): Promise<void> {
  const file = await disk.open(path, 'create');
  for (const [index, letter] of letters.split('').entries()) {
    await file.write(Buffer.alloc(BLOCK, letter), index * BLOCK);
  }
  await file.sync();
  await file.close();
  await disk.syncDir(DIR);
}

async function read(disk: Disk, path: string, position = 0, bytes = BLOCK): Promise<string> {
  const file = await disk.open(path, 'read');
  try {
    const target = Buffer.alloc(bytes);
    const count = await file.read(target, position);
    return target.toString('latin1', 0, count);
  } finally {
    await file.close();
  }
}

const FULL = { code: 'DISK_FULL', details: { errno: 'ENOSPC' } };
const CODES = { EIO: 'DISK_FAILED', EMFILE: 'NO_DESCRIPTORS', EROFS: 'DISK_READ_ONLY' } as const;
const failedWith = (errno: keyof typeof CODES): object => ({
  code: CODES[errno],
  details: { errno },
});

describe('a disk with a size', () => {
  test('takes no more than fits, and keeps of a write what fitted', async () => {
    await onDisk(
      async ({ sim, disk }) => {
        const file = await disk.open(FILE, 'create');

        await expect(file.write(Buffer.alloc(3 * BLOCK, 'A'), 0)).rejects.toMatchObject(FULL);

        expect(sim.contentOf(FILE)).toHaveLength(2 * BLOCK);
        await expect(file.write(Buffer.alloc(1), 2 * BLOCK)).rejects.toMatchObject(FULL);
        expect(sim.room.freeBytes).toBe(0);
      },
      { room: { bytes: 2 * BLOCK } },
    );
  });

  test('takes what is written over what is there', async () => {
    await onDisk(async ({ sim, disk }) => {
      await fileOf(disk, FILE, 'AA');
      sim.room.fill();

      await fileOver(disk, 'B');

      expect(await read(disk, FILE)).toBe('B'.repeat(BLOCK));
    });
  });

  test('stays full over a kill and a power cut, until something is removed', async () => {
    await onDisk(async ({ sim, disk, start }) => {
      await fileOf(disk, FILE, 'AA');
      sim.room.fill();
      sim.kill();
      sim.losePower();
      const later = start();
      const other = await later.open('/data/other', 'create');
      await expect(other.write(Buffer.alloc(1), 0)).rejects.toMatchObject(FULL);

      await later.remove(FILE);

      await other.write(Buffer.alloc(2 * BLOCK), 0);
    });
  });

  test('frees a file that is removed only when nobody has it open any more', async () => {
    await onDisk(async ({ sim, disk, start }) => {
      await fileOf(disk, FILE, 'A');
      sim.room.fill();
      const held = await disk.open(FILE, 'read');
      const other = await start().open('/data/other', 'create');
      await disk.remove(FILE);
      await expect(other.write(Buffer.alloc(1), 0)).rejects.toMatchObject(FULL);

      await held.close();

      await other.write(Buffer.alloc(1), 0);
    });
  });

  test('uses the room of what was removed only once the removal is durable', async () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      await onDisk(
        async ({ sim, disk }) => {
          await fileOf(disk, FILE, 'A');
          sim.room.fill();
          await disk.remove(FILE);
          await fileOf(disk, '/data/other', 'B');
          sim.losePower();
          found.add(sim.paths().join(' '));
        },
        { seed },
      );
    }

    expect(found).toEqual(new Set(['/data/other']));
  });
});

describe('a disk without inodes', () => {
  test('makes no file, no lock and no directory, and writes to those that are there', async () => {
    await onDisk(async ({ sim, disk }) => {
      await fileOf(disk, FILE, 'A');
      sim.room.fillInodes();

      await expect(disk.open('/data/other', 'create')).rejects.toMatchObject(FULL);
      await expect(disk.lock('/data/LOCK')).rejects.toMatchObject(FULL);
      await expect(disk.makeDir('/data/a/b')).rejects.toMatchObject(FULL);
      await disk.makeDir(DIR);
      await fileOf(disk, FILE, 'BB');
      await disk.rename(FILE, '/data/renamed');

      expect(sim.paths()).toEqual(['/data/renamed']);
      await disk.remove('/data/renamed');
      await fileOf(disk, '/data/other', 'C');
    });
  });
});

describe('a process without descriptors', () => {
  test('opens, lists and syncs nothing, until it closes something', async () => {
    await onDisk(async ({ sim, disk }) => {
      await fileOf(disk, FILE, 'A');
      sim.room.descriptorsMax = 2;
      const file = await disk.open(FILE, 'write');

      const refused = failedWith('EMFILE');
      await expect(disk.open(FILE, 'read')).rejects.toMatchObject(refused);
      await expect(disk.open('/data/new', 'create')).rejects.toMatchObject(refused);
      await expect(disk.list(DIR)).rejects.toMatchObject(refused);
      await expect(disk.syncDir(DIR)).rejects.toMatchObject(refused);
      await expect(disk.lock('/data/LOCK')).rejects.toMatchObject(refused);
      await file.writeDurable(Buffer.alloc(BLOCK, 'B'), 0);
      expect(sim.paths()).toEqual([FILE]);

      await file.close();
      expect(await read(disk, FILE)).toBe('B'.repeat(BLOCK));
    });
  });

  test('does not take any from another one, and gives them back when it dies', async () => {
    await onDisk(async ({ sim, disk, start }) => {
      await fileOf(disk, FILE, 'A');
      sim.room.descriptorsMax = 1;
      await disk.lock('/data/LOCK');
      await expect(disk.list(DIR)).rejects.toMatchObject(failedWith('EMFILE'));
      expect(await start().list(DIR)).toEqual(['LOCK', 'file']);

      sim.kill();

      await start().lock('/data/LOCK');
    });
  });

  test('can be had for one operation', async () => {
    await onDisk(async ({ sim, disk }) => {
      sim.failAt(sim.operations + 1, 'emfile');
      await expect(disk.open(FILE, 'create')).rejects.toMatchObject(failedWith('EMFILE'));
      expect(sim.paths()).toEqual([]);

      await (await disk.open(FILE, 'create')).close();
    });
  });
});

describe('a disk that is mounted read-only', () => {
  test('is read, and changes in nothing', async () => {
    await onDisk(async ({ sim, disk, start }) => {
      await fileOf(disk, FILE, 'A');
      const open = await disk.open(FILE, 'write');
      sim.room.isReadOnly = true;

      const refused = failedWith('EROFS');
      await expect(open.write(Buffer.from('B'), 0)).rejects.toMatchObject(refused);
      await expect(open.writeDurable(Buffer.from('B'), 0)).rejects.toMatchObject(refused);
      await expect(open.truncate(0)).rejects.toMatchObject(refused);
      await expect(disk.open(FILE, 'write')).rejects.toMatchObject(refused);
      await expect(disk.open(FILE, 'create')).rejects.toMatchObject(refused);
      await expect(disk.rename(FILE, '/data/b')).rejects.toMatchObject(refused);
      await expect(disk.remove(FILE)).rejects.toMatchObject(refused);
      await expect(disk.lock('/data/LOCK')).rejects.toMatchObject(refused);
      await expect(disk.makeDir('/data/a')).rejects.toMatchObject(refused);
      await disk.makeDir(DIR);
      await disk.syncDir(DIR);
      await open.sync();
      sim.kill();
      expect(await read(start(), FILE)).toBe('A'.repeat(BLOCK));
      expect(await start().list(DIR)).toEqual(['file']);
    });
  });

  test('does not sync what was written before', async () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      await onDisk(
        async ({ sim, disk }) => {
          await fileOf(disk, FILE, 'A');
          const file = await disk.open(FILE, 'write');
          await file.write(Buffer.alloc(BLOCK, 'B'), 0);
          await disk.rename(FILE, '/data/renamed');
          sim.room.isReadOnly = true;
          await expect(file.sync()).rejects.toMatchObject(failedWith('EROFS'));
          await expect(disk.syncDir(DIR)).rejects.toMatchObject(failedWith('EROFS'));
          sim.room.isReadOnly = false;
          await file.sync();
          await disk.syncDir(DIR);
          sim.losePower();
          const [path = ''] = sim.paths();
          found.add(`${path} ${sim.contentOf(path)?.toString('latin1', 0, 1)}`);
        },
        { seed },
      );
    }

    expect(found).toEqual(
      new Set(['/data/file A', '/data/file B', '/data/renamed A', '/data/renamed B']),
    );
  });
});

describe('a sector that cannot be read', () => {
  test('stays so over a power cut, for every process, and its neighbours can be read', async () => {
    await onDisk(async ({ sim, disk, start }) => {
      await fileOf(disk, FILE, 'ABC');
      sim.loseSectors(FILE, BLOCK);
      sim.losePower();

      const later = start();
      await expect(read(later, FILE, BLOCK + 100, 1)).rejects.toMatchObject(failedWith('EIO'));
      await expect(read(later, FILE, 0, 3 * BLOCK)).rejects.toMatchObject(failedWith('EIO'));
      expect(await read(later, FILE, 0)).toBe('A'.repeat(BLOCK));
      expect(await read(later, FILE, 2 * BLOCK)).toBe('C'.repeat(BLOCK));
      expect(sim.hasRot).toBe(true);
    });
  });

  test('can be read again once it is written whole, and not in part', async () => {
    await onDisk(async ({ sim, disk }) => {
      await fileOf(disk, FILE, 'ABC');
      sim.loseSectors(FILE, BLOCK);
      const file = await disk.open(FILE, 'write');
      const part = file.write(Buffer.alloc(BLOCK, 'x'), BLOCK / 2);
      await expect(part).rejects.toMatchObject(failedWith('EIO'));

      await file.writeDurable(Buffer.alloc(BLOCK, 'D'), BLOCK);

      expect(await read(disk, FILE, BLOCK)).toBe('D'.repeat(BLOCK));
      expect(sim.hasRot).toBe(false);
    });
  });

  test('is as it was where what was written over it does not last', async () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      await onDisk(
        async ({ sim, disk, start }) => {
          await fileOf(disk, FILE, 'ABC');
          sim.loseSectors(FILE, BLOCK);
          const file = await disk.open(FILE, 'write');
          await file.write(Buffer.alloc(BLOCK, 'D'), BLOCK);
          sim.losePower();
          const text = await read(start(), FILE, BLOCK, 1).catch(() => 'unreadable');
          found.add(text);
        },
        { seed },
      );
    }

    expect(found).toEqual(new Set(['D', 'unreadable']));
  });

  test('goes with the end of a file that is cut', async () => {
    await onDisk(async ({ sim, disk }) => {
      await fileOf(disk, FILE, 'ABC');
      sim.loseSectors(FILE, BLOCK, 3 * BLOCK);
      const file = await disk.open(FILE, 'write');
      await file.truncate(BLOCK);
      await file.truncate(2 * BLOCK);

      expect(await read(disk, FILE, BLOCK)).toBe('\0'.repeat(BLOCK));
      expect(sim.hasRot).toBe(false);
    });
  });
});

describe('a power cut on a disk that garbles', () => {
  test('spares what was synced, and leaves a block on its way old, new, garbled or unreadable', async () => {
    const found = new Set<string>();
    for (let seed = 0; seed < 60; seed += 1) {
      await onDisk(
        async ({ sim, disk, start }) => {
          await fileOf(disk, FILE, 'AAAA');
          const file = await disk.open(FILE, 'write');
          await file.write(Buffer.alloc(BLOCK, 'B'), BLOCK);
          sim.losePower();
          const later = start();
          for (const at of [0, 2, 3]) {
            expect(await read(later, FILE, at * BLOCK)).toBe('A'.repeat(BLOCK));
          }
          const text = await read(later, FILE, BLOCK).catch(() => 'unreadable');
          found.add(/^(A+|B+|unreadable)$/.test(text) ? text.slice(0, 1) : 'garbled');
        },
        { seed, garbleBlocks: true },
      );
    }

    expect(found).toEqual(new Set(['A', 'B', 'u', 'garbled']));
  });
});

describe('a short write', () => {
  test('fails, and leaves a part', async () => {
    const lengths = new Set<number>();
    for (let seed = 0; seed < 20; seed += 1) {
      await onDisk(
        async ({ sim, disk }) => {
          const file: DiskFile = await disk.open(FILE, 'create');
          sim.failAt(sim.operations + 1, 'short');
          const write = file.write(Buffer.alloc(4 * BLOCK, 'A'), 0);
          await expect(write).rejects.toMatchObject({ code: 'DISK_FAILED' });
          lengths.add(sim.contentOf(FILE)?.length ?? -1);
        },
        { seed },
      );
    }

    expect(lengths.size).toBeGreaterThan(2);
    expect(Math.max(...lengths)).toBeLessThan(4 * BLOCK);
  });
});

async function fileOver(disk: Disk, letter: string): Promise<void> {
  const file = await disk.open(FILE, 'write');
  await file.writeDurable(Buffer.alloc(BLOCK, letter), 0);
  await file.close();
}
