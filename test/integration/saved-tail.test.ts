/**
 * Goal: what a failover cuts off an old leader's log is saved, listed and shown record by record (P5).
 * Method: three real processes; the followers are stopped with SIGSTOP while the leader acknowledges writes at `local`, and killed
 * before they read a byte of them; another leader is promoted; then the old one goes on, or starts again.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { TestCluster, runCommand, until } from './cluster.ts';

const clusters: TestCluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map(async (cluster) => await cluster.dispose()));
});

/** n1 leads and has acknowledged three writes at `local` that nobody else has; n2 leads epoch 2 with n3; n1 is paused. */
async function divided(): Promise<TestCluster> {
  const cluster = await TestCluster.create();
  clusters.push(cluster);
  await cluster.startAll();
  const shared = await runCommand('put', 'shared', 'v', '--ack', 'all', '--url', cluster.url('n1'));
  expect(shared.code, shared.stderr).toBe(0);
  for (const id of ['n2', 'n3']) cluster.signal(id, 'SIGSTOP');
  for (const value of ['a', 'b', 'c']) {
    const url = `${cluster.url('n1')}/v1/kv/lonely?ack=local`;
    const response = await fetch(url, { method: 'PUT', body: value });
    expect(response.status, await response.text()).toBe(200);
  }
  cluster.signal('n1', 'SIGSTOP');
  for (const id of ['n2', 'n3']) await cluster.kill(id);
  for (const id of ['n2', 'n3']) cluster.start(id);
  await until(
    'n2 leads',
    async () => (await runCommand('promote', '--url', cluster.url('n2'))).code === 0,
    () => cluster.output('n2'),
  );
  return cluster;
}

async function expectSaved(cluster: TestCluster, localAcks: string): Promise<void> {
  const list = await runCommand('saved', 'list', cluster.dataDir('n1'), '--json');
  expect(list.code, list.stderr).toBe(0);
  const [entry, ...more] = JSON.parse(list.stdout) as { name: string; from: { lsn: number } }[];
  expect(more).toEqual([]);
  expect(entry).toMatchObject({ records: 3, by: 'n2', localAcks });

  const exported = await runCommand('saved', 'export', cluster.dataDir('n1'), entry?.name ?? '');
  expect(exported.code, exported.stderr).toBe(0);
  const records = exported.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { key: string; value64: string });
  expect(records.map(({ key }) => key)).toEqual(['lonely', 'lonely', 'lonely']);
  expect(records.map(({ value64 }) => Buffer.from(value64, 'base64').toString())).toEqual([
    'a',
    'b',
    'c',
  ]);
  const get = await runCommand('get', 'lonely', '--url', cluster.url('n1'));
  expect(get.code).toBe(1);
  expect(get.stderr).toContain('KEY_NOT_FOUND');
}

describe('an old leader whose log has more than its successor’s', () => {
  test('follows by itself when it goes on, and says that some of what it cut had been acknowledged at local', async () => {
    const cluster = await divided();

    cluster.signal('n1', 'SIGCONT');
    await until(
      'n1 follows n2',
      () => cluster.output('n1').includes('"TRUNCATED"'),
      () => cluster.output('n1'),
    );
    await cluster.untilReady();

    expect(cluster.output('n1')).toContain('3 records, LSN ');
    expect(cluster.output('n1')).toContain('some of them had been acknowledged at local');
    await expectSaved(cluster, 'yes');
  });

  test('follows by itself when it starts again, and says that nobody knows any more', async () => {
    const cluster = await divided();

    await cluster.kill('n1');
    cluster.start('n1');
    await cluster.untilReady();

    expect(cluster.output('n1')).toContain('it is no longer known whether any');
    await expectSaved(cluster, 'unknown');
  });
});
