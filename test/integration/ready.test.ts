/**
 * Goal: a node that says it is ready shows every write that was acknowledged before it was killed.
 * Method: one real process; a transaction that takes a while to apply, `kill -9`, a start, and a local read in the moment in which a health check
 * says 200.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { TestCluster } from './cluster.ts';

/** In one batch, which nothing in the log calls committed before the next leadership does. */
const KEYS = 20_000;
const DEADLINE_MS = 60_000;

const clusters: TestCluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map(async (cluster) => await cluster.dispose()));
});

async function write(url: string): Promise<void> {
  const value = 'v'.repeat(50);
  const ops = Array.from({ length: KEYS }, (_, index) => ({ op: 'put', key: `k${index}`, value }));
  const body = JSON.stringify({ ops });
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/txn`, { method: 'POST', headers, body });
  expect(answer.status, await answer.text()).toBe(200);
}

/** Asks without a pause: whatever is true for a moment only is seen. */
async function untilOk(url: string): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (performance.now() < deadlineMs) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok === true) return;
  }
  throw new Error(`${url} was not 200 within ${DEADLINE_MS} ms`);
}

describe('a node that was killed', () => {
  test.for(['/leader', '/readyz'])(
    'shows what it had acknowledged as soon as %s says 200',
    async (path) => {
      const cluster = await TestCluster.of(1);
      clusters.push(cluster);
      await cluster.startAll();
      const url = cluster.url('n1');
      await write(url);
      await cluster.kill('n1');

      cluster.start('n1');
      await untilOk(`${url}${path}`);
      const read = await fetch(`${url}/v1/kv/k${KEYS - 1}`);

      expect(read.status, await read.text()).toBe(200);
    },
  );
});
