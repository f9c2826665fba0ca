import { describe, expect, test } from 'vitest';
import type { Disk } from '../../src/ports/disk.ts';
import { SimDisk, type SimDiskOptions } from '../../src/sim/sim-disk.ts';
import { simulate, type SimWorld } from '../../src/sim/sim-world.ts';
import { isWalshipError } from '../../src/errors.ts';

const FILE = '/data/file';
const BLOCK = 512;

interface Stage {
  readonly world: SimWorld;
  readonly sim: SimDisk;
  /** A new process on the same disk. */
  readonly start: () => Disk;
}

function onDisk(
  seed: number,
  main: (stage: Stage) => Promise<void>,
  options: Partial<SimDiskOptions> = {},
): Promise<void> {
  return simulate(seed, async (world) => {
    const sim = new SimDisk({ seed, ...options });
    await main({ world, sim, start: () => sim.mount(world.process()) });
  });
}

/** Blocks 0..7 hold A durably; then they are overwritten with B. */
async function halfWritten(disk: Disk): Promise<void> {
  await disk.makeDir('/data');
  const file = await disk.open(FILE, 'create');
  await file.write(Buffer.alloc(8 * BLOCK, 'A'), 0);
  await file.sync();
  await disk.syncDir('/data');
  await file.write(Buffer.alloc(8 * BLOCK, 'B'), 0);
}

/** The first letter of each block; fails where a block is mixed. */
function letters(bytes: Buffer | undefined): string {
  let result = '';
  for (let at = 0; at < (bytes?.length ?? 0); at += BLOCK) {
    const block = bytes?.subarray(at, at + BLOCK).toString('latin1') ?? '';
    const first = block.charAt(0);
    expect(block).toBe(first.repeat(block.length));
    result += first === '\0' ? '-' : first;
  }
  return result;
}

/** What `main` leaves behind under many seeds. */
async function outcomes(
  main: (stage: Stage) => Promise<string>,
  options: Partial<SimDiskOptions> = {},
): Promise<Set<string>> {
  const found = new Set<string>();
  for (let seed = 0; seed < 60; seed += 1) {
    await onDisk(
      seed,
      async (stage) => {
        found.add(await main(stage));
      },
      options,
    );
  }
  return found;
}

describe('power loss', () => {
  test('keeps or loses every block that was not synced, in any order', async () => {
    const found = await outcomes(async ({ sim, start }) => {
      await halfWritten(start());
      sim.losePower();
      return letters(sim.contentOf(FILE));
    });

    expect(found).toContain('AAAAAAAA');
    expect(found).toContain('BBBBBBBB');
    expect([...found].some((text) => /A.*B.*A/.test(text))).toBe(true);
    expect([...found].some((text) => /B.*A.*B/.test(text))).toBe(true);
  });

  test('tears inside blocks where it is told to', async () => {
    let torn = 0;
    for (let seed = 0; seed < 20; seed += 1) {
      await onDisk(
        seed,
        async ({ sim, start }) => {
          await halfWritten(start());
          sim.losePower();
          if (sim.contentOf(FILE)?.includes('BA') === true) torn += 1;
        },
        { tearBlocks: true },
      );
    }
    expect(torn).toBeGreaterThan(10);
  });

  test('takes nothing that was synced', async () => {
    const found = await outcomes(async ({ sim, start }) => {
      const disk = start();
      await halfWritten(disk);
      await (await disk.open(FILE, 'write')).sync();
      sim.losePower();
      return letters(sim.contentOf(FILE));
    });

    expect(found).toEqual(new Set(['BBBBBBBB']));
  });

  test('keeps what writeDurable wrote, and only that', async () => {
    const found = await outcomes(async ({ sim, start }) => {
      const disk = start();
      await halfWritten(disk);
      const file = await disk.open(FILE, 'write');
      await file.writeDurable(Buffer.alloc(BLOCK, 'C'), 2 * BLOCK);
      sim.losePower();
      return letters(sim.contentOf(FILE));
    });

    for (const text of found) expect(text).toMatch(/^[AB]{2}C[AB]{5}$/);
    expect(found.size).toBeGreaterThan(4);
  });

  test('leaves zeros where a file grew and its bytes were lost', async () => {
    const found = await outcomes(async ({ sim, start }) => {
      const disk = start();
      await disk.makeDir('/data');
      const file = await disk.open(FILE, 'create');
      await disk.syncDir('/data');
      await file.write(Buffer.alloc(3 * BLOCK, 'A'), 0);
      sim.losePower();
      return letters(sim.contentOf(FILE));
    });

    expect(found).toContain('');
    expect(found).toContain('AAA');
    expect([...found].some((text) => text.includes('-'))).toBe(true);
  });

  test('drops or keeps names whose directory was not synced; a rename is atomic', async () => {
    const found = await outcomes(async ({ sim, start }) => {
      const disk = start();
      await halfWritten(disk);
      await disk.open('/data/new', 'create');
      await disk.rename(FILE, '/data/renamed');
      sim.losePower();
      return sim.paths().join(' ');
    });

    expect(found).toEqual(
      new Set([FILE, '/data/renamed', `${FILE} /data/new`, '/data/new /data/renamed']),
    );
  });

  test('a rename between directories may leave both names until both are synced', async () => {
    const rename = async ({ sim, start }: Stage, synced: readonly string[]): Promise<string> => {
      const disk = start();
      await halfWritten(disk);
      await disk.makeDir('/saved');
      await disk.rename(FILE, '/saved/file');
      for (const directory of synced) await disk.syncDir(directory);
      sim.losePower();
      return sim.paths().join(' ');
    };

    expect(await outcomes((stage) => rename(stage, []))).toEqual(new Set([FILE, '/saved/file']));
    expect(await outcomes((stage) => rename(stage, ['/saved']))).toEqual(
      new Set([`${FILE} /saved/file`, '/saved/file']),
    );
    expect(await outcomes((stage) => rename(stage, ['/saved', '/data']))).toEqual(
      new Set(['/saved/file']),
    );
  });

  test('a sync covers what was written before it began', async () => {
    const found = await outcomes(
      async ({ sim, start }) => {
        const disk = start();
        await halfWritten(disk);
        const file = await disk.open(FILE, 'write');
        const sync = file.sync();
        await file.write(Buffer.alloc(BLOCK, 'C'), 0);
        await sync;
        sim.losePower();
        return letters(sim.contentOf(FILE));
      },
      { latency: { readMs: 0.1, writeMs: 0.1, syncMs: 5 } },
    );

    expect(found).toEqual(new Set(['BBBBBBBB', 'CBBBBBBB']));
  });
});

describe('a killed process', () => {
  test('leaves its bytes in the cache, where a later power loss finds them', async () => {
    const found = await outcomes(async ({ sim, start }) => {
      await halfWritten(start());
      sim.kill();
      expect(letters(sim.contentOf(FILE))).toBe('BBBBBBBB');
      const reader = await start().open(FILE, 'read');
      const bytes = Buffer.alloc(8 * BLOCK);
      await reader.read(bytes, 0);
      expect(letters(bytes)).toBe('BBBBBBBB');
      sim.losePower();
      return letters(sim.contentOf(FILE));
    });

    expect(found.size).toBeGreaterThan(4);
  });

  test('hears nothing of its operation, and does nothing any more', async () => {
    const found = await outcomes(async ({ world, sim, start }) => {
      const disk = start();
      await halfWritten(disk);
      const file = await disk.open(FILE, 'write');
      sim.crashAt(sim.operations + 1);
      const late = file.write(Buffer.alloc(8 * BLOCK, 'C'), 0).then(() => 'settled');
      const later = disk.remove(FILE).then(() => 'settled');
      const silence = world.pass(1000).then(() => 'silence');
      expect(await Promise.race([late, later, silence])).toBe('silence');
      const bytes = sim.contentOf(FILE)?.toString('latin1') ?? '';
      expect(bytes).toMatch(/^C*B*$/);
      return bytes.replaceAll(/(.)\1*/g, '$1');
    });

    expect(found).toEqual(new Set(['B', 'CB', 'C']));
  });

  test('frees its lock', async () => {
    await onDisk(1, async ({ sim, start }) => {
      const disk = start();
      await disk.makeDir('/data');
      await disk.lock('/data/LOCK');
      await expect(start().lock('/data/LOCK')).rejects.toMatchObject({ code: 'DATA_DIR_LOCKED' });
      sim.kill();
      await start().lock('/data/LOCK');
    });
  });
});

describe('planned faults', () => {
  test('a failed sync leaves its blocks clean and not durable: a second one does not help', async () => {
    const found = await outcomes(async ({ sim, start }) => {
      const disk = start();
      await halfWritten(disk);
      const file = await disk.open(FILE, 'write');
      sim.failAt(sim.operations + 1, 'eio');
      await expect(file.sync()).rejects.toMatchObject({ code: 'DISK_FAILED' });
      await file.sync();
      sim.losePower();
      return letters(sim.contentOf(FILE));
    });

    expect(found).toContain('AAAAAAAA');
    expect(found.size).toBeGreaterThan(4);
  });

  test('a name that failed to become durable does not come back over a later one that did', async () => {
    const found = await outcomes(async ({ sim, start }) => {
      const disk = start();
      await halfWritten(disk);
      sim.failAt(sim.operations + 4, 'eio');
      for (const letter of ['C', 'D']) {
        const file = await disk.open('/data/temporary', 'create');
        await file.writeDurable(Buffer.alloc(BLOCK, letter), 0);
        await disk.rename('/data/temporary', FILE);
        await disk.syncDir('/data').catch(() => undefined);
        await file.close();
      }
      sim.losePower();
      return letters(sim.contentOf(FILE));
    });

    expect(found).toEqual(new Set(['D']));
  });

  test('no room: by number and by capacity, with the path in the error', async () => {
    await onDisk(
      1,
      async ({ sim, start }) => {
        const disk = start();
        await disk.makeDir('/data');
        const file = await disk.open(FILE, 'create');
        sim.failAt(sim.operations + 1, 'enospc');
        const error: unknown = await file.write(Buffer.alloc(BLOCK), 0).catch((e: unknown) => e);
        expect(isWalshipError(error, 'DISK_FULL')).toBe(true);
        expect(error).toMatchObject({ details: { path: FILE, operation: 'write' } });
        await file.write(Buffer.alloc(2 * BLOCK), 0);
        const beyond = file.write(Buffer.alloc(BLOCK), 2 * BLOCK);
        await expect(beyond).rejects.toMatchObject({ code: 'DISK_FULL' });
      },
      { room: { bytes: 2 * BLOCK } },
    );
  });

  test('operations are counted and described', async () => {
    await onDisk(1, async ({ sim, start }) => {
      await halfWritten(start());
      expect(sim.history).toEqual([
        '#1 makeDir /data',
        '#2 create /data/file',
        '#3 write /data/file @0 +4096',
        '#4 sync /data/file',
        '#5 syncDir /data',
        '#6 write /data/file @0 +4096',
      ]);
    });
  });

  test('bits flip, files are cut and vanish from outside', async () => {
    await onDisk(1, async ({ sim, start }) => {
      await halfWritten(start());
      sim.flip(FILE, 3, 0x01);
      expect(sim.contentOf(FILE)?.toString('latin1', 0, 5)).toBe('BBBCB');
      sim.cut(FILE, 2);
      sim.losePower();
      expect(sim.contentOf(FILE)?.toString('latin1')).toBe('BB');
      sim.drop(FILE);
      expect(sim.paths()).toEqual([]);
    });
  });

  test('a copy has what was durable when it was made, and can be put back', async () => {
    await onDisk(1, async ({ sim, start }) => {
      await halfWritten(start());
      const durable = sim.backup();
      sim.cut(FILE, 2);
      sim.put('/data/other', Buffer.from('x'));
      sim.restore(durable);

      expect(sim.paths()).toEqual([FILE]);
      expect(sim.contentOf(FILE)?.toString('latin1')).toBe('A'.repeat(4096));
    });
  });
});
