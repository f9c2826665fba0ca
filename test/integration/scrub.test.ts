/**
 * Goal: a bit that flips in a sealed segment beneath a running process is found, fetched from another node and put back (P6).
 * Method: three real processes with a fast scrub; one byte of a file is changed from outside; `log verify` judges the directory in the end.
 */
import { open, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { batchesOf } from '../../src/sim/log-image.ts';
import { runCommand, TestCluster, until } from './cluster.ts';

const clusters: TestCluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map(async (cluster) => await cluster.dispose()));
});

interface Scrub {
  readonly lastPassAt: number | null;
  readonly mendedSegments: number;
  readonly damaged: readonly unknown[];
}

async function scrubOf(cluster: TestCluster, id: string): Promise<Scrub> {
  const response = await fetch(`${cluster.url(id)}/v1/status`);
  const status = (await response.json()) as { scrub: Scrub; state: string };
  expect(status.state).toBe('intact');
  return status.scrub;
}

/** Changes one byte in the middle of the oldest segment; returns the file and what it held. */
async function flip(cluster: TestCluster, id: string): Promise<{ file: string; before: Buffer }> {
  const dir = path.join(cluster.dataDir(id), 'wal');
  const names = (await readdir(dir)).filter((name) => name.endsWith('.wal')).toSorted();
  expect(names.length).toBeGreaterThan(3);
  const file = path.join(dir, names[0] ?? '');
  const before = await readFile(file);
  const offset = before.length >> 1;
  const handle = await open(file, 'r+');
  await handle.write(Buffer.of((before[offset] ?? 0) ^ 4), 0, 1, offset);
  await handle.close();
  return { file, before };
}

/** The batches of a segment, as they are on every node. */
function streamOf(segment: Buffer): Buffer {
  return Buffer.concat(batchesOf(segment).map(({ bytes }) => bytes));
}

test.for(['n2', 'n1'])('a byte that flips beneath %s is put back while it runs', async (id) => {
  const cluster = await TestCluster.create('--scrub-bytes-per-second', '104857600');
  clusters.push(cluster);
  await cluster.startAll();
  for (let count = 0; count < 8; count += 1) {
    const url = `${cluster.url('n1')}/v1/kv/key${count}?ack=all`;
    const response = await fetch(url, { method: 'PUT', body: Buffer.alloc(40_000, count) });
    expect(response.status, await response.text()).toBe(200);
  }
  // A process that has just started does not hold what it wrote in memory.
  await cluster.kill(id);
  cluster.start(id);
  await cluster.untilReady();
  await until('a pass', async () => (await scrubOf(cluster, id)).lastPassAt !== null);

  const { file, before } = await flip(cluster, id);
  await until(
    'mending',
    async () => (await scrubOf(cluster, id)).mendedSegments === 1,
    () => cluster.output(id),
  );
  expect(streamOf(await readFile(file)).equals(streamOf(before))).toBe(true);
  expect((await scrubOf(cluster, id)).damaged).toEqual([]);
  expect(cluster.output(id)).toContain('"SEGMENT_DAMAGED"');
  expect(cluster.output(id)).toMatch(/its records were fetched from n[123]/);
  const url = `${cluster.url(id)}/v1/kv/after?ack=all`;
  const put = await fetch(url, { method: 'PUT', body: 'v' });
  expect(put.status, await put.text()).toBe(200);

  await cluster.kill(id);
  const verified = await runCommand('log', 'verify', cluster.dataDir(id));
  expect(verified.code, verified.stdout + verified.stderr).toBe(0);
  const saved = await runCommand('saved', 'list', cluster.dataDir(id), '--json');
  expect(JSON.parse(saved.stdout)).toMatchObject([{ by: 'scrub' }]);
});
