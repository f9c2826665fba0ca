/**
 * Goal: what was acknowledged is there, whatever process is killed; and what is wrong with a start is said with a code.
 * Method: three real processes on loopback, `kill -9` while writers run, restart, read everything back from every node,
 * and compare the three logs byte by byte.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { Program, TestCluster, runCommand, until } from './cluster.ts';
import { Load, expectAllThere } from './load.ts';
import { speakNonsense } from './nonsense.ts';

const clusters: TestCluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map(async (cluster) => await cluster.dispose()));
});

async function started(): Promise<TestCluster> {
  const cluster = await TestCluster.create();
  // Before it starts: what fails to start has to be ended too.
  clusters.push(cluster);
  await cluster.startAll();
  return cluster;
}

/** Stops the nodes and compares their logs; every one of them must reach `lsn`. */
async function expectEqualLogs(cluster: TestCluster, lsn: number): Promise<void> {
  for (const id of cluster.ids) {
    const ended = await cluster.stop(id);
    expect(ended, `${id} ends with 0`).toMatchObject({ code: 0 });
  }
  const dirs = cluster.ids.map((id) => cluster.dataDir(id));

  const diff = await runCommand('log', 'diff', '--json', ...dirs);
  expect(diff.code, diff.stdout + diff.stderr).toBe(0);
  const result = JSON.parse(diff.stdout) as { kind: string; fromLsn: number; toLsn: number };
  expect(result).toMatchObject({ kind: 'equal', fromLsn: 1 });
  expect(result.toLsn).toBeGreaterThanOrEqual(lsn);

  for (const dir of dirs) {
    const verify = await runCommand('log', 'verify', dir);
    expect(verify.code, verify.stdout + verify.stderr).toBe(0);
  }
}

describe('three processes', () => {
  test('keep every acknowledged write while each of them is killed under load and started again', async () => {
    const cluster = await started();
    const load = new Load(cluster.urls);
    try {
      for (const id of cluster.ids) {
        await load.more(200);
        await cluster.kill(id);
        // One follower less is no reason to wait; without its leader a manual cluster does.
        if (id !== 'n1') await load.more(200);
        cluster.start(id);
        await cluster.untilReady();
        await load.more(200);
      }
    } finally {
      await load.stop();
    }

    await expectAllThere(cluster, load);
    await expectEqualLogs(cluster, load.newest.lsn);
  });

  test('keep every acknowledged write when all of them are killed at once', async () => {
    const cluster = await started();
    const load = new Load(cluster.urls);
    try {
      await load.more(500);
      await Promise.all(cluster.ids.map(async (id) => await cluster.kill(id)));
      for (const id of cluster.ids) cluster.start(id);
      await cluster.untilReady();
      await load.more(200);
    } finally {
      await load.stop();
    }

    await expectAllThere(cluster, load);
    await expectEqualLogs(cluster, load.newest.lsn);
  });

  test('a promoted follower has every acknowledged write, and the old leader follows it', async () => {
    const cluster = await started();
    const load = new Load(cluster.urls);
    try {
      await load.more(200);
      await cluster.kill('n1');
      const refusals: string[] = [];
      await until(
        'n2 or n3 leads',
        async () => {
          // Only one that has all that the other has may lead: which one that is, is chance.
          for (const id of ['n2', 'n3']) {
            const { code, stderr } = await runCommand('promote', '--url', cluster.url(id));
            if (code === 0) return true;
            refusals.push(stderr);
          }
          return false;
        },
        () => refusals.slice(-2).join(''),
      );
      await load.more(200);
      cluster.start('n1');
      await cluster.untilReady();
      await load.more(200);
    } finally {
      await load.stop();
    }

    await expectAllThere(cluster, load);
    await expectEqualLogs(cluster, load.newest.lsn);
  });
});

describe('an idle cluster of three processes', () => {
  test('acknowledges a write at all once every voter has fsynced it', async () => {
    const cluster = await started();

    const all = ['--ack', 'all', '--json', '--url', cluster.url('n2')];
    const put = await runCommand('put', 'k', 'v', ...all);

    expect(put.code, put.stderr).toBe(0);
    const { durableOn } = JSON.parse(put.stdout) as { durableOn: string[] };
    expect(durableOn.toSorted()).toEqual(['n1', 'n2', 'n3']);
  });
});

describe('a start that cannot be', () => {
  test('goes on after SIGHUP, and says so', async () => {
    const cluster = await started();
    cluster.signal('n1', 'SIGHUP');
    await until('n1 has heard it', () => cluster.output('n1').includes('nothing to read again'));

    expect((await runCommand('put', 'k', 'v', '--url', cluster.url('n1'))).code).toBe(0);
    expect(await cluster.stop('n1')).toMatchObject({ code: 0 });
  });

  test('on a directory that another process uses is DATA_DIR_LOCKED', async () => {
    const cluster = await started();

    const args = cluster
      .args('n1')
      .map((arg) => (arg.startsWith('127.0.0.1:') ? '127.0.0.1:0' : arg));
    const second = await runCommand(...args);

    expect(second.code).toBe(1);
    expect(second.stderr).toContain('walship: DATA_DIR_LOCKED: ');
    await cluster.untilReady();
  });

  test('on a port that is taken is PORT_IN_USE', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as AddressInfo;
    const dir = await mkdtemp(path.join(tmpdir(), 'walship-test-'));
    try {
      const ended = await runCommand(
        'serve',
        '--node',
        'n1',
        '--data',
        dir,
        '--listen',
        `127.0.0.1:${port}`,
      );

      expect(ended.code).toBe(1);
      expect(ended.stderr).toContain('walship: PORT_IN_USE: ');
      expect(ended.stderr).toContain(String(port));
    } finally {
      taken.close();
      await rm(dir, { recursive: true, force: true });
    }
  });

  test('with another quorum than the cluster was born with is CONFIG_MISMATCH', async () => {
    const cluster = await started();
    await cluster.stop('n3');

    const ended = await runCommand(...cluster.args('n3'), '--quorum', '3');

    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('walship: CONFIG_MISMATCH: ');
  });

  test('with the directory of another cluster is WRONG_CLUSTER, and harms nobody', async () => {
    const ours = await started();
    const theirs = await started();
    await ours.stop('n3');
    await theirs.stop('n3');
    const args = ours
      .args('n3')
      .map((arg) => (arg === ours.dataDir('n3') ? theirs.dataDir('n3') : arg));

    const stranger = new Program(args);
    try {
      await until(
        'the stranger says WRONG_CLUSTER',
        () => stranger.output.includes('WRONG_CLUSTER'),
        () => stranger.output,
      );
      const put = await runCommand('put', 'k', 'v', '--url', ours.urls.join(','));
      expect(put.code, put.stderr).toBe(0);
    } finally {
      await stranger.end('SIGKILL');
    }
  });
});

describe('a peer that speaks nonsense', () => {
  test('is disconnected, and the cluster goes on', async () => {
    const cluster = await started();

    for (const id of cluster.ids) await speakNonsense(cluster.port(id));

    const put = await runCommand('put', 'k', 'v', '--url', cluster.urls.join(','));
    expect(put.code, put.stderr).toBe(0);
    await cluster.untilReady();
  });
});
