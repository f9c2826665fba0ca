/** Damage to real directories, and what `walship log verify` then says of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FileFault } from '../../src/drill/fault.ts';
import { damageFiles } from '../../src/drill/file-faults.ts';
import { NodeDisk } from '../../src/ports/node-disk.ts';
import { SimEntropy } from '../../src/sim/sim-entropy.ts';
import { open, OP } from '../../src/wal/index.ts';
import { verify } from '../../src/wal/tools/verify.ts';

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

async function damage(dir: string, fault: FileFault, seed = 1): Promise<string> {
  return await damageFiles(fault, {
    dir,
    copyDir: `${dir}-copy`,
    entropy: new SimEntropy(seed),
  });
}

describe('damage to files', () => {
  test('a torn tail is a write that nobody was told of', async () => {
    const dir = await logIn('torn');

    expect(await damage(dir, { kind: 'torn-tail', node: 'n1' })).toMatch(/behind LSN 31 .*block/);

    expect(await verify(new NodeDisk(), dir)).toMatchObject({ row: 'torn', last: { lsn: 31 } });
  });

  test.for(Array.from({ length: 10 }, (_, seed) => seed))(
    'a flipped bit in a sealed segment is damage, seed %i',
    async (seed) => {
      const dir = await logIn(`flipped-${seed}`);
      const fault = { kind: 'flip-bit', node: 'n1', where: 'sealed-segment' } as const;

      expect(await damage(dir, fault, seed)).toMatch(/^bit \d of byte \d+ of wal\/\d+\.wal/);

      expect((await verify(new NodeDisk(), dir)).row, `seed ${seed}`).toBe('damage');
    },
  );

  test.for(['first', 'middle', 'last'] as const)(
    'a lost segment, the %s, is damage',
    async (which) => {
      const dir = await logIn(`lost-${which}`);

      await damage(dir, { kind: 'lose-segment', node: 'n1', which });

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

  test('what is not there cannot be damaged', async () => {
    const dir = await logIn('nothing');

    await expect(
      damage(dir, { kind: 'flip-bit', node: 'n1', where: 'snapshot' }),
    ).rejects.toMatchObject({ code: 'DRILL_FAILED' });
  });
});
