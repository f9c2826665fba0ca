import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { dataFacts } from '../../src/cli/data-facts.ts';

test('a data directory has room, and a snapshot of some age', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'walship-facts-'));
  onTestFinished(async () => await rm(dir, { recursive: true }));
  await mkdir(path.join(dir, 'snapshots'));
  const snapshot = path.join(dir, 'snapshots', '00000000000000000042.snap');
  await writeFile(snapshot, 'x');
  await utimes(snapshot, 1_700_000_000, 1_700_000_000);

  const facts = await dataFacts(dir, 42);

  expect(facts.snapshotAt).toBe(1_700_000_000_000);
  expect(facts.totalBytes).toBeGreaterThan(0);
  expect(facts.freeBytes).toBeLessThanOrEqual(facts.totalBytes ?? 0);
  expect((await dataFacts(dir, 0)).snapshotAt).toBeNull();
  expect((await dataFacts(dir, 43)).snapshotAt).toBeNull();
});

test('a data directory that is gone has no room, and fails nothing', async () => {
  const nowhere = path.join(tmpdir(), 'walship-facts-nowhere');

  expect(await dataFacts(nowhere, 1)).toEqual({
    freeBytes: null,
    totalBytes: null,
    snapshotAt: null,
  });
});
