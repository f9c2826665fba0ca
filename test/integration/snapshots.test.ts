/**
 * Goal: a follower that was away for longer than the log is kept comes back by snapshot, as real processes with real disks do it.
 * Method: three processes that keep hardly any log; one is killed, more is written than is kept, and it starts again.
 */
import { afterEach, expect, test } from 'vitest';
import { TestCluster, runCommand, until } from './cluster.ts';

const clusters: TestCluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map(async (cluster) => await cluster.dispose()));
});

interface View {
  readonly role: string;
  readonly keys: number;
  readonly durable: { readonly lsn: number };
  readonly log: { readonly firstLsn: number; readonly bytes: number };
  readonly notReady: unknown;
  readonly counters: Readonly<Record<string, number>>;
}

const statusOf = async (cluster: TestCluster, id: string): Promise<View> =>
  (await (await fetch(`${cluster.url(id)}/v1/status`)).json()) as View;

async function write(cluster: TestCluster, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    const body = Buffer.alloc(20_000, `${round} `);
    const response = await fetch(`${cluster.url('n1')}/v1/kv/key-${round % 40}`, {
      method: 'PUT',
      body,
    });
    expect(response.status, await response.text()).toBe(200);
  }
}

test('a follower away past --retain-bytes-max comes back by snapshot, and the log stayed within its bound', async () => {
  const options = ['--snapshot-log-bytes', '262144', '--retain-bytes-max', '524288'];
  const cluster = await TestCluster.create(...options, '--segment-bytes', '131072');
  clusters.push(cluster);
  await cluster.startAll();
  await write(cluster, 3);
  await cluster.kill('n3');
  await write(cluster, 200);
  await until('the log is purged', async () => (await statusOf(cluster, 'n1')).log.firstLsn > 10);
  expect((await statusOf(cluster, 'n1')).log.bytes).toBeLessThan(2_000_000);
  const told = await runCommand('status', '--url', cluster.url('n1'));
  expect(told.stdout).toContain('full copy');

  cluster.start('n3');
  await cluster.untilReady();
  await until(
    'n3 is where n1 is',
    async () => {
      const [n1, n3] = [await statusOf(cluster, 'n1'), await statusOf(cluster, 'n3')];
      return n3.durable.lsn === n1.durable.lsn && n3.keys === n1.keys && n3.notReady === null;
    },
    () => cluster.output('n3'),
  );
  expect((await statusOf(cluster, 'n1')).counters['SNAPSHOT']).toBe(1);
  const read = await fetch(`${cluster.url('n3')}/v1/kv/key-7`);
  expect(Buffer.from(await read.arrayBuffer())).toHaveLength(20_000);

  // From the snapshot and the log behind it again, at its next start.
  await cluster.kill('n3');
  cluster.start('n3');
  await cluster.untilReady();
  expect((await statusOf(cluster, 'n3')).keys).toBe(40);
  const verified = await runCommand('log', 'verify', cluster.dataDir('n2'));
  expect(verified.code, verified.stdout).toBe(0);
}, 120_000);
