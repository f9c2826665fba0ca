/**
 * Goal: a power cut leaves of real files what a disk may hold: everything that was synced, and of the rest each block, size and name old or new.
 * Method: random operations on a real directory under a seed, a power cut, and a model that knows for each block which contents it may have.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FaultDisk } from '../../src/drill/fault-disk.ts';
import { NodeDisk } from '../../src/ports/node-disk.ts';
import { BLOCK_BYTES } from '../../src/drill/unsynced-file.ts';
import { SimEntropy } from '../../src/sim/sim-entropy.ts';

let parent = '';
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'walship-fault-'));
});
afterAll(async () => await rm(parent, { recursive: true, force: true }));

async function newDisk(name: string): Promise<{ disk: FaultDisk; dir: string }> {
  const dir = join(parent, name, 'data', 'wal');
  await new NodeDisk().makeDir(dir);
  return { disk: new FaultDisk(new NodeDisk(), join(parent, name, '.drill')), dir };
}

const always = { chance: () => true };
const never = { chance: () => false };
const BLOCKS = 8;

describe('a power cut', () => {
  test.for(Array.from({ length: 60 }, (_, seed) => seed))(
    'leaves what was synced, and of each other block the old or a newer content, seed %i',
    async (seed) => {
      const entropy = new SimEntropy(seed);
      const { disk, dir } = await newDisk(`random-${seed}`);
      const path = join(dir, 'file');
      const file = await disk.open(path, 'create');
      await file.write(Buffer.alloc(BLOCKS * BLOCK_BYTES, 1), 0);
      await file.sync();
      await disk.syncDir(dir);
      // For each block: what it may hold after a cut, the durable content first.
      const may = Array.from({ length: BLOCKS }, () => [1]);
      for (let step = 2; step < 30; step += 1) {
        const block = entropy.below(BLOCKS);
        const bytes = Buffer.alloc(BLOCK_BYTES, step);
        const action = entropy.pick(['write', 'write', 'durable', 'sync'] as const);
        if (action === 'write') {
          await file.write(bytes, block * BLOCK_BYTES);
          may[block]?.push(step);
        } else if (action === 'durable') {
          await file.writeDurable(bytes, block * BLOCK_BYTES);
          may[block] = [step];
        } else {
          await file.sync();
          for (const contents of may) contents.splice(0, contents.length - 1);
        }
      }

      await disk.cutPower(entropy);

      const found = await readFile(path);
      expect(found.length).toBe(BLOCKS * BLOCK_BYTES);
      for (const [block, contents] of may.entries()) {
        const held = found.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES);
        expect(new Set(held).size, `seed ${seed}: block ${block} is torn within`).toBe(1);
        expect(contents, `seed ${seed}, block ${block}`).toContain(held[0]);
      }
    },
  );

  test('takes every unsynced block where chance has it so, and none where not', async () => {
    for (const [name, chance, expected] of [
      ['kept', always, 2],
      ['lost', never, 1],
    ] as const) {
      const { disk, dir } = await newDisk(`all-${name}`);
      const file = await disk.open(join(dir, 'file'), 'create');
      await file.write(Buffer.alloc(1000, 1), 0);
      await file.sync();
      await disk.syncDir(dir);
      await file.write(Buffer.alloc(1000, 2), 0);

      await disk.cutPower(chance);

      expect([...new Set(await readFile(join(dir, 'file')))], name).toEqual([expected]);
    }
  });

  test('takes back a size that was not synced, and what a truncation took away', async () => {
    const { disk, dir } = await newDisk('size');
    const grown = await disk.open(join(dir, 'grown'), 'create');
    const cut = await disk.open(join(dir, 'cut'), 'create');
    for (const file of [grown, cut]) {
      await file.write(Buffer.alloc(3000, 1), 0);
      await file.sync();
    }
    await disk.syncDir(dir);
    await grown.write(Buffer.alloc(1000, 2), 3000);
    await cut.truncate(100);

    await disk.cutPower(never);

    expect(await readFile(join(dir, 'grown'))).toEqual(Buffer.alloc(3000, 1));
    expect(await readFile(join(dir, 'cut'))).toEqual(Buffer.alloc(3000, 1));
  });

  test('takes back names whose directory was not synced, and gives back what they stood for', async () => {
    const { disk, dir } = await newDisk('names');
    for (const name of ['old', 'removed', 'replaced']) {
      const file = await disk.open(join(dir, name), 'create');
      await file.writeDurable(Buffer.from(name), 0);
      await file.close();
    }
    await disk.syncDir(dir);
    await disk.open(join(dir, 'new'), 'create');
    await disk.remove(join(dir, 'removed'));
    await disk.rename(join(dir, 'old'), join(dir, 'replaced'));

    await disk.cutPower(never);

    expect((await readdir(dir)).toSorted()).toEqual(['old', 'removed', 'replaced']);
    expect(await readFile(join(dir, 'replaced'), 'utf8')).toBe('replaced');
    expect(await readFile(join(dir, 'removed'), 'utf8')).toBe('removed');
  });

  test('takes back no name whose directory was synced', async () => {
    const { disk, dir } = await newDisk('synced-names');
    const file = await disk.open(join(dir, 'a.tmp'), 'create');
    await file.writeDurable(Buffer.from('a'), 0);
    await disk.rename(join(dir, 'a.tmp'), join(dir, 'a'));
    await disk.syncDir(dir);

    await disk.cutPower(never);

    expect(await readdir(dir)).toEqual(['a']);
  });

  test('lets nothing complete any more, not even a write that a slow disk had not begun', async () => {
    const { disk, dir } = await newDisk('silent');
    const file = await disk.open(join(dir, 'file'), 'create');
    disk.condition = { slow: { ms: 50, part: 'wal' } };
    let completed = 0;
    const count = (): void => {
      completed += 1;
    };
    const slow = file.writeDurable(Buffer.from('late'), 0).then(count, count);

    await disk.cutPower(always);
    const after = file.write(Buffer.from('after'), 0).then(count, count);
    const waited = new Promise((resolve) => setTimeout(resolve, 100));
    await Promise.race([slow, after, waited]);

    expect(completed).toBe(0);
    expect(await readFile(join(dir, 'file'), 'utf8')).not.toMatch(/late|after/);
  });
});

describe('a disk that is broken', () => {
  test('fails one sync; what that covered reads back and is gone without power, whatever is synced later', async () => {
    const { disk, dir } = await newDisk('eio');
    const path = join(dir, 'file');
    const file = await disk.open(path, 'create');
    await file.writeDurable(Buffer.alloc(512, 1), 0);
    await disk.syncDir(dir);
    disk.condition = { syncFails: 'wal' };

    await expect(file.writeDurable(Buffer.alloc(512, 2), 0)).rejects.toThrow('EIO');
    expect((await readFile(path))[0]).toBe(2);
    await file.sync();
    await disk.cutPower(never);

    expect((await readFile(path))[0]).toBe(1);
  });

  test('has no room for a new file, and goes on in one that was filled ahead', async () => {
    const { disk, dir } = await newDisk('full');
    const segment = await disk.open(join(dir, '1.wal'), 'create');
    await segment.write(Buffer.alloc(1024), 0);
    disk.condition = { full: true };

    await segment.writeDurable(Buffer.from('goes on'), 0);
    const file = await disk.open(join(dir, '2.wal.tmp'), 'create');
    await expect(file.write(Buffer.from('no'), 0)).rejects.toMatchObject({ code: 'DISK_FULL' });
    disk.condition = {};

    await file.write(Buffer.from('yes'), 0);
  });

  test('takes no write where it is read-only, and reads', async () => {
    const { disk, dir } = await newDisk('read-only');
    const file = await disk.open(join(dir, 'file'), 'create');
    await file.write(Buffer.from('x'), 0);
    disk.condition = { readOnly: true };

    await expect(file.write(Buffer.from('y'), 0)).rejects.toMatchObject({ code: 'DISK_FAILED' });
    await expect(disk.remove(join(dir, 'file'))).rejects.toMatchObject({ code: 'DISK_FAILED' });
    expect(await file.read(Buffer.alloc(1), 0)).toBe(1);
  });
});
