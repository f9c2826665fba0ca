/** Damage to real directories, and what `walship log verify` then says of them. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { GroupFault } from '../../../src/drill/faults/table.ts';
import { damageFiles } from '../../../src/drill/target/file-faults.ts';
import { NodeDisk } from '../../../src/ports/node-disk.ts';
import { SeededEntropy } from '../../../src/ports/seeded-entropy.ts';
import { open, OP } from '../../../src/wal/index.ts';
import { verify } from '../../../src/wal/tools/verify.ts';

let parent = '';
beforeAll(async () => {
  parent = await mkdtemp(path.join(tmpdir(), 'walship-damage-'));
});
afterAll(async () => await rm(parent, { recursive: true, force: true }));

async function logIn(name: string): Promise<string> {
  const dir = path.join(parent, name);
  const log = await open(dir, { segmentBytes: 8192 });
  for (let count = 0; count < 30; count += 1) {
    await log.append(OP.PUT, `key ${count}`, 'x'.repeat(500));
  }
  await log.close();
  return dir;
}

async function damage(dir: string, fault: GroupFault<'files'>, seed = 1): Promise<string> {
  return await damageFiles(fault, {
    dir,
    copyDir: `${dir}-copy`,
    entropy: new SeededEntropy(seed),
  });
}

const SEEDS = Array.from({ length: 10 }, (_, seed) => seed);

describe('damage to files', () => {
  test.for(SEEDS)('a torn tail is a write that nobody was told of, seed %i', async (seed) => {
    const dir = await logIn(`torn-${seed}`);

    expect(await damage(dir, { kind: 'torn-tail', node: 'n1' }, seed)).toMatch(
      /^of a write of LSN 32, bytes \d+ to \d+ of wal\/\d+\.wal, [1-9] of \d+ blocks are missing/,
    );

    expect(await verify(new NodeDisk(), dir), `seed ${seed}`).toMatchObject({
      row: 'torn',
      last: { lsn: 31 },
    });
  });

  test.for(SEEDS)('a flipped bit in a sealed segment is damage, seed %i', async (seed) => {
    const dir = await logIn(`flipped-${seed}`);
    const fault = { kind: 'flip-bit', node: 'n1', where: 'sealed-segment' } as const;

    const said = await damage(dir, fault, seed);

    const report = await verify(new NodeDisk(), dir);
    const [, segment, lsn] =
      /^bit \d of byte \d+ of wal\/(\d+\.wal) is flipped, in the batch of LSN (\d+)(?: to \d+)?$/.exec(
        said,
      ) ?? [];
    expect(report, `seed ${seed}: ${said}`).toMatchObject({
      row: 'damage',
      segment,
      last: { lsn: Number(lsn) - 1 },
    });
  });

  test.for(SEEDS)('a flipped bit in the last segment is damage, seed %i', async (seed) => {
    const dir = await logIn(`flipped-last-${seed}`);
    const fault = { kind: 'flip-bit', node: 'n1', where: 'last-segment' } as const;

    const said = await damage(dir, fault, seed);

    const { row, segments } = await verify(new NodeDisk(), dir);
    expect(row, `seed ${seed}: ${said}`).toBe('damage');
    expect(segments.length).toBeGreaterThan(1);
  });

  test.for(SEEDS)('a flipped bit in meta.json is noticed, seed %i', async (seed) => {
    const dir = await logIn(`flipped-meta-${seed}`);
    const fault = { kind: 'flip-bit', node: 'n1', where: 'meta' } as const;

    const said = await damage(dir, fault, seed);

    const { ok, metaProblem } = await verify(new NodeDisk(), dir);
    expect({ ok, seen: metaProblem !== undefined }, `seed ${seed}: ${said}`).toEqual({
      ok: false,
      seen: true,
    });
  });

  test.for(['first', 'middle', 'last'] as const)(
    'a lost segment, the %s, is damage',
    async (which) => {
      const dir = await logIn(`lost-${which}`);

      const said = await damage(dir, { kind: 'lose-segment', node: 'n1', which });

      expect(said).toMatch(which === 'last' ? /gone, from LSN \d+ on$/ : /gone, LSN \d+ to \d+$/);
      expect((await verify(new NodeDisk(), dir)).row).toBe('damage');
    },
  );

  test('a copy comes back as it was', async () => {
    const dir = await logIn('copied');
    await damage(dir, { kind: 'back-up', node: 'n1' });
    await damage(dir, { kind: 'flip-bit', node: 'n1', where: 'sealed-segment' });

    await damage(dir, { kind: 'restore', node: 'n1', keepMeta: true });

    expect(await verify(new NodeDisk(), dir)).toMatchObject({ ok: true, last: { lsn: 31 } });
  });

  test('meta.json of before is kept where that is asked for, and is that of the copy where not', async () => {
    const dir = await logIn('kept');
    const meta = path.join(dir, 'meta.json');
    const copied = await readFile(meta, 'utf8');
    await damage(dir, { kind: 'back-up', node: 'n1' });
    await writeFile(meta, 'later');

    await damage(dir, { kind: 'restore', node: 'n1', keepMeta: true });
    expect(await readFile(meta, 'utf8')).toBe('later');
    await damage(dir, { kind: 'restore', node: 'n1', keepMeta: false });

    expect(await readFile(meta, 'utf8')).toBe(copied);
  });

  test('a wiped directory is there, and empty', async () => {
    const dir = await logIn('wiped');

    expect(await damage(dir, { kind: 'wipe', node: 'n1' })).toMatch(/meta\.json.*wal/);

    expect(await readdir(dir)).toEqual([]);
  });

  test.for([
    { kind: 'flip-bit', node: 'n1', where: 'snapshot' },
    { kind: 'restore', node: 'n1', keepMeta: false },
  ] satisfies GroupFault<'files'>[])(
    'what is not there cannot be damaged: $kind',
    async (fault) => {
      const dir = await logIn(`nothing-${fault.kind}`);

      await expect(damage(dir, fault)).rejects.toMatchObject({ code: 'DRILL_FAILED' });
    },
  );
});
