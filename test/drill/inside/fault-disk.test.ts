/** What breaks on a disk of drills, and what a power cut takes from it. What it promises while nothing is wrong is in test/ports/disk-contract.test.ts. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FaultDisk, SIDE_DIR } from '../../../src/drill/inside/disk/fault-disk.ts';
import type { Disk, DiskFile } from '../../../src/ports/disk.ts';
import { NodeDisk } from '../../../src/ports/node-disk.ts';
import { SeededEntropy } from '../../../src/ports/seeded-entropy.ts';

const BLOCK = 512;
const SEEDS = 40;

let parent = '';
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'walship-fault-'));
});
afterEach(async () => await rm(parent, { recursive: true, force: true }));

interface Stage {
  readonly disk: FaultDisk;
  readonly dir: string;
  readonly wal: string;
}

function newStage(name = 'data', system: Disk = new NodeDisk()): Stage {
  const dir = join(parent, name);
  const wal = join(dir, 'wal');
  mkdirSync(wal, { recursive: true });
  return { disk: FaultDisk.open(system, dir), dir, wal };
}

/** A durable file of four blocks. */
async function fileOf(stage: Stage, name: string, letter = 'A'): Promise<DiskFile> {
  const file = await stage.disk.open(join(stage.wal, name), 'create');
  await file.write(Buffer.alloc(4 * BLOCK, letter), 0);
  await file.sync();
  await stage.disk.syncDir(stage.wal);
  return file;
}

/** The first letter of each block; fails where a block is mixed. */
function letters(path: string): string {
  let result = '';
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const block = bytes.toString('latin1', at, at + BLOCK);
    const first = block.charAt(0);
    expect(block).toBe(first.repeat(block.length));
    result += first === '\0' ? '-' : first;
  }
  return result;
}

/** What a power cut leaves of what `main` did, under many seeds. */
async function outcomes(
  main: (stage: Stage) => Promise<unknown>,
  look: (stage: Stage) => string,
): Promise<Set<string>> {
  const found = new Set<string>();
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const stage = newStage(`seed-${seed}`);
    await main(stage);
    await stage.disk.powerCut(new SeededEntropy(seed));
    expect(readdirSync(stage.dir), 'the side directory is gone').not.toContain(SIDE_DIR);
    found.add(look(stage));
  }
  return found;
}

const names = ({ wal }: Stage): string => readdirSync(wal).toSorted().join(' ');

describe('a power cut', () => {
  test('keeps or loses every block that was not synced, in any order', async () => {
    const found = await outcomes(
      async (stage) => {
        const file = await fileOf(stage, 'f');
        await file.write(Buffer.alloc(4 * BLOCK, 'B'), 0);
      },
      ({ wal }) => letters(join(wal, 'f')),
    );

    expect(found).toContain('AAAA');
    expect(found).toContain('BBBB');
    expect([...found].some((text) => /A.*B/.test(text))).toBe(true);
    expect([...found].some((text) => /B.*A/.test(text))).toBe(true);
  });

  test('keeps what writeDurable wrote, and only that', async () => {
    const found = await outcomes(
      async (stage) => {
        const file = await fileOf(stage, 'f');
        await file.write(Buffer.alloc(4 * BLOCK, 'B'), 0);
        await file.writeDurable(Buffer.alloc(BLOCK, 'C'), 2 * BLOCK);
      },
      ({ wal }) => letters(join(wal, 'f')),
    );

    expect([...found].filter((text) => !/^[AB]{2}C[AB]$/.test(text))).toEqual([]);
    expect(found.size).toBeGreaterThan(3);
  });

  test('leaves zeros, or less, where a file grew and was not synced', async () => {
    const found = await outcomes(
      async (stage) => {
        const file = await fileOf(stage, 'f');
        await file.write(Buffer.alloc(2 * BLOCK, 'B'), 4 * BLOCK);
      },
      ({ wal }) => letters(join(wal, 'f')),
    );

    expect([...found].filter((text) => !/^AAAA[B-]{0,2}$/.test(text))).toEqual([]);
    expect(found).toContain('AAAA');
    expect(found).toContain('AAAABB');
    expect([...found].some((text) => text.includes('-'))).toBe(true);
  });

  test('gives back what a truncation took away and did not sync', async () => {
    const found = await outcomes(
      async (stage) => await (await fileOf(stage, 'f')).truncate(BLOCK),
      ({ wal }) => letters(join(wal, 'f')),
    );

    expect(found).toEqual(new Set(['A', 'AAAA']));
  });

  test('never brings back what was cut off durably, though the file grew again', async () => {
    const found = await outcomes(
      async (stage) => {
        const file = await fileOf(stage, 'f');
        await file.truncate(BLOCK);
        // It makes the size durable with what it writes, and no other block.
        await file.writeDurable(Buffer.alloc(BLOCK, 'B'), 0);
        await file.write(Buffer.alloc(BLOCK, 'C'), 3 * BLOCK);
      },
      ({ wal }) => letters(join(wal, 'f')),
    );

    expect([...found].filter((text) => !/^B(-(-[C-]?)?)?$/.test(text))).toEqual([]);
    expect(found).toContain('B---');
  });

  test('keeps or loses names whose directory was not synced; a rename happens as one or not at all', async () => {
    const found = await outcomes(async (stage) => {
      await fileOf(stage, 'old');
      await fileOf(stage, 'removed');
      await stage.disk.rename(join(stage.wal, 'old'), join(stage.wal, 'new'));
      await stage.disk.remove(join(stage.wal, 'removed'));
    }, names);

    expect(found).toEqual(new Set(['old removed', 'new removed', 'old', 'new']));
  });

  test('gives a replaced file its name and its content back, or keeps the new one', async () => {
    const found = await outcomes(
      async (stage) => {
        await fileOf(stage, 'f', 'A');
        await fileOf(stage, 'f.tmp', 'B');
        await stage.disk.rename(join(stage.wal, 'f.tmp'), join(stage.wal, 'f'));
      },
      (stage) => `${names(stage)}: ${letters(join(stage.wal, 'f'))}`,
    );

    expect(found).toEqual(new Set(['f f.tmp: AAAA', 'f: BBBB']));
  });

  test('takes nothing of a name whose directory was synced', async () => {
    const found = await outcomes(
      async (stage) => {
        await fileOf(stage, 'f', 'A');
        await fileOf(stage, 'f.tmp', 'B');
        await stage.disk.rename(join(stage.wal, 'f.tmp'), join(stage.wal, 'f'));
        await stage.disk.syncDir(stage.wal);
      },
      (stage) => `${names(stage)}: ${letters(join(stage.wal, 'f'))}`,
    );

    expect(found).toEqual(new Set(['f: BBBB']));
  });

  test('brings no old name back once both directories of a rename were synced, whatever became of the new one', async () => {
    const found = await outcomes(
      async ({ disk, dir, wal }) => {
        await disk.makeDir(join(dir, 'snapshots'));
        await disk.open(join(dir, 'snapshots', 'f'), 'create');
        await disk.rename(join(dir, 'snapshots', 'f'), join(wal, 'f'));
        await disk.syncDir(wal);
        await disk.remove(join(wal, 'f'));
        await disk.syncDir(wal);
        await disk.syncDir(join(dir, 'snapshots'));
      },
      ({ dir, wal }) =>
        readdirSync(wal)
          .concat(readdirSync(join(dir, 'snapshots')))
          .join(' '),
    );

    expect(found).toEqual(new Set(['']));
  });

  test('loses what a sync that is under way has not made durable', async () => {
    const found = await outcomes(
      async (stage) => {
        const file = await fileOf(stage, 'f');
        await file.write(Buffer.alloc(4 * BLOCK, 'B'), 0);
        stage.disk.fault = { kind: 'disk-slow', ms: 60_000, part: 'all' };
        void file.sync();
      },
      ({ wal }) => letters(join(wal, 'f')),
    );

    expect(found).toContain('AAAA');
  });

  test('lets nothing complete any more', async () => {
    const stage = newStage();
    const file = await fileOf(stage, 'f');
    let completed = 0;
    const count = (): void => {
      completed += 1;
    };
    const inFlight = [
      file.writeDurable(Buffer.alloc(BLOCK, 'B'), 0),
      file.read(Buffer.alloc(1), 0),
      stage.disk.list(stage.wal),
    ];

    const cut = stage.disk.powerCut(new SeededEntropy(1));
    const later = [file.sync(), stage.disk.remove(join(stage.wal, 'f'))];
    for (const promise of [...inFlight, ...later]) void promise.then(count, count);
    await cut;
    await new NodeDisk().list(stage.wal); // A round of the thread pool.

    expect(completed).toBe(0);
    expect(names(stage)).toBe('f');
  });

  test('waits for a write that the system has begun', async () => {
    let finish = (): void => {};
    const begun = new Promise<void>((resolve) => (finish = resolve));
    let write = (): void => {};
    const may = new Promise<void>((resolve) => (write = resolve));
    const system = new NodeDisk();
    const held: Disk = Object.create(system, {
      ...bound(system, ['list', 'makeDir', 'rename', 'remove', 'syncDir', 'lock']),
      open: {
        value: async (...args: Parameters<Disk['open']>) => {
          const file = await system.open(...args);
          const writeDurable: DiskFile['writeDurable'] = async (source, position) => {
            finish();
            await may;
            await file.writeDurable(source, position);
          };
          const others = bound(file, ['size', 'read', 'write', 'sync', 'truncate', 'close']);
          return Object.create(file, { writeDurable: { value: writeDurable }, ...others });
        },
      },
    }) as Disk;
    const stage = newStage('held', held);
    const file = await fileOf(stage, 'f');
    void file.writeDurable(Buffer.alloc(4 * BLOCK, 'B'), 0);
    await begun;

    let isCut = false;
    const cut = stage.disk.powerCut(new SeededEntropy(4)).then(() => (isCut = true));
    await new NodeDisk().list(stage.wal);
    expect(isCut).toBe(false);
    write();
    await cut;

    expect(letters(join(stage.wal, 'f'))).toMatch(/^[AB]{4}$/);
  });
});

/** Methods of a class with private fields need it as `this`. */
function bound<T extends object>(of: T, methods: readonly (keyof T)[]): PropertyDescriptorMap {
  const bind = (name: keyof T): unknown => (of[name] as (...args: unknown[]) => unknown).bind(of);
  return Object.fromEntries(methods.map((name) => [name, { value: bind(name) }]));
}

describe('a disk that is broken', () => {
  test('fails one sync of a part; what that covered reads back, and no later sync makes it durable', async () => {
    for (const how of ['sync', 'writeDurable'] as const) {
      const found = await outcomes(
        async (stage) => {
          const file = await fileOf(stage, `f`);
          await file.write(Buffer.alloc(4 * BLOCK, 'B'), 0);
          stage.disk.fault = { kind: 'fsync-error', part: 'wal' };
          const failing =
            how === 'sync' ? file.sync() : file.writeDurable(Buffer.alloc(4 * BLOCK, 'B'), 0);
          await expect(failing).rejects.toMatchObject({
            code: 'DISK_FAILED',
            details: { errno: 'EIO' },
          });
          expect(letters(join(stage.wal, 'f'))).toBe('BBBB');
          await file.sync();
        },
        ({ wal }) => letters(join(wal, 'f')),
      );
      expect(found, how).toContain('AAAA');
    }
  });

  test('fails the sync of a directory, and no later one makes the name durable', async () => {
    const found = await outcomes(async (stage) => {
      await stage.disk.open(join(stage.wal, 'f'), 'create');
      stage.disk.fault = { kind: 'fsync-error', part: 'all' };
      await expect(stage.disk.syncDir(stage.wal)).rejects.toMatchObject({ code: 'DISK_FAILED' });
      await stage.disk.syncDir(stage.wal);
    }, names);

    expect(found).toEqual(new Set(['', 'f']));
  });

  test('of a rename whose sync failed, the old name may come back though the new one was removed durably', async () => {
    const found = await outcomes(
      async ({ disk, dir, wal }) => {
        await disk.makeDir(join(dir, 'snapshots'));
        await disk.open(join(dir, 'snapshots', 'f'), 'create');
        await disk.syncDir(join(dir, 'snapshots'));
        await disk.rename(join(dir, 'snapshots', 'f'), join(wal, 'f'));
        disk.fault = { kind: 'fsync-error', part: 'all' };
        await expect(disk.syncDir(wal)).rejects.toMatchObject({ code: 'DISK_FAILED' });
        await disk.remove(join(wal, 'f'));
        await disk.syncDir(wal);
      },
      ({ dir, wal }) =>
        readdirSync(wal)
          .concat(readdirSync(join(dir, 'snapshots')))
          .join(' '),
    );

    expect(found).toEqual(new Set(['', 'f']));
  });

  test('fails no sync of another part', async () => {
    const stage = newStage();
    stage.disk.fault = { kind: 'fsync-error', part: 'meta' };
    await fileOf(stage, 'f');

    const meta = await stage.disk.open(join(stage.dir, 'meta.json.tmp'), 'create');
    await expect(meta.sync()).rejects.toMatchObject({ code: 'DISK_FAILED' });
    await meta.sync();
  });

  test('has no room to grow in, and goes on in what was filled ahead', async () => {
    const stage = newStage();
    const file = await fileOf(stage, 'f');
    stage.disk.fault = { kind: 'disk-full' };

    await file.writeDurable(Buffer.alloc(4 * BLOCK, 'B'), 0);
    const grown = file.writeDurable(Buffer.alloc(1), 4 * BLOCK);
    await expect(grown).rejects.toMatchObject({ code: 'DISK_FULL', details: { errno: 'ENOSPC' } });
    stage.disk.fault = undefined;

    await file.writeDurable(Buffer.alloc(BLOCK, 'C'), 4 * BLOCK);
    expect(letters(join(stage.wal, 'f'))).toBe('BBBBC');
  });

  test('changes nothing where it is read-only, and reads', async () => {
    const stage = newStage();
    const file = await fileOf(stage, 'f');
    const path = join(stage.wal, 'f');
    stage.disk.fault = { kind: 'disk-read-only' };

    for (const change of [
      () => file.write(Buffer.alloc(1), 0),
      () => file.writeDurable(Buffer.alloc(1), 0),
      () => file.truncate(0),
      () => stage.disk.open(join(stage.wal, 'new'), 'create'),
      () => stage.disk.open(path, 'create'),
      () => stage.disk.rename(path, `${path}2`),
      () => stage.disk.remove(path),
      () => stage.disk.makeDir(join(stage.dir, 'new')),
    ]) {
      await expect(change()).rejects.toMatchObject({
        code: 'DISK_READ_ONLY',
        details: { errno: 'EROFS' },
      });
    }
    expect(await file.read(Buffer.alloc(1), 0)).toBe(1);
    expect(letters(path)).toBe('AAAA');
    expect(names(stage)).toBe('f');
  });

  test('takes longer for each durable write and sync of a part', async () => {
    const stage = newStage();
    const file = await fileOf(stage, 'f');
    stage.disk.fault = { kind: 'disk-slow', ms: 60, part: 'wal' };
    const measure = async (work: () => Promise<unknown>): Promise<number> => {
      const startMs = performance.now();
      await work();
      return performance.now() - startMs;
    };

    // A timer may fire a millisecond early.
    expect(await measure(() => file.writeDurable(Buffer.alloc(1), 0))).toBeGreaterThan(58);
    expect(await measure(() => file.sync())).toBeGreaterThan(58);
    expect(await measure(() => stage.disk.syncDir(stage.wal))).toBeGreaterThan(58);
  });

  test('keeps no link to a file that no power cut can bring back', async () => {
    const stage = newStage();
    await fileOf(stage, 'f');
    await stage.disk.remove(join(stage.wal, 'f'));
    expect(readdirSync(join(stage.dir, SIDE_DIR))).toHaveLength(1);

    await stage.disk.syncDir(stage.wal);

    expect(readdirSync(join(stage.dir, SIDE_DIR))).toEqual([]);
    expect(await stage.disk.list(stage.dir)).toEqual(['wal']);
  });
});
