/**
 * Goal: a leader is replaced without losing an acknowledged write, in each of the ways there are.
 * Method: three real processes under load; the leader is killed, stopped, or asked to hand over; everything is read back from every node, and
 * the old leader follows the new one.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { TestCluster, runCommand, until } from './cluster.ts';
import { Load, expectAllThere } from './load.ts';

const clusters: TestCluster[] = [];
afterEach(async () => {
  await Promise.all(clusters.splice(0).map(async (cluster) => await cluster.dispose()));
});

async function started(...more: readonly string[]): Promise<TestCluster> {
  const cluster = await TestCluster.create(...more);
  clusters.push(cluster);
  await cluster.startAll();
  return cluster;
}

/** Promotes one of them; only one that has all that the other has may lead, and which that is, is chance. */
async function promoteOneOf(cluster: TestCluster, ids: readonly string[]): Promise<void> {
  const refusals: string[] = [];
  await until(
    `one of ${ids.join(', ')} leads`,
    async () => {
      for (const id of ids) {
        const { code, stdout, stderr } = await runCommand('promote', '--url', cluster.url(id));
        if (code === 0) {
          expect(stdout).toMatch(/leads epoch \d+, after \d+ ms\n {2}promises from/);
          return true;
        }
        refusals.push(stderr);
      }
      return false;
    },
    () => refusals.slice(-2).join(''),
  );
}

describe('under load', () => {
  test('a leader that is killed with an automatic trigger is replaced, and follows when it is back', async () => {
    const cluster = await started('--failover', 'auto');
    const load = new Load(cluster.urls);
    try {
      await load.more(200);
      await cluster.kill('n1');
      await load.more(200);
      cluster.start('n1');
      await cluster.untilReady();
      await load.more(200);
    } finally {
      await load.stop();
    }

    await expectAllThere(cluster, load);
  });

  test('a leader that is stopped is replaced by a promotion, and follows when it goes on', async () => {
    const cluster = await started();
    const load = new Load(cluster.urls);
    try {
      await load.more(200);
      cluster.signal('n1', 'SIGSTOP');
      await promoteOneOf(cluster, ['n2', 'n3']);
      await load.more(200);
      cluster.signal('n1', 'SIGCONT');
      await cluster.untilReady();
      await load.more(200);
    } finally {
      cluster.signal('n1', 'SIGCONT');
      await load.stop();
    }

    await expectAllThere(cluster, load);
  });

  test('the lead goes back and forth ten times, and no write fails otherwise than NO_LEADER or BUSY', async () => {
    const cluster = await started();
    const load = new Load(cluster.urls);
    try {
      for (let round = 0; round < 10; round += 1) {
        const to = round % 2 === 0 ? 'n2' : 'n1';
        await load.more(100);
        const done = await runCommand('switchover', '--to', to, '--url', cluster.urls.join(','));
        expect(done.code, done.stdout + done.stderr).toBe(0);
        expect(done.stdout).toContain(`${to} leads epoch `);
      }
      await load.more(100);
    } finally {
      await load.stop();
    }

    expect(['NO_LEADER', 'BUSY']).toEqual(expect.arrayContaining([...load.errors.keys()]));
    await expectAllThere(cluster, load);
  });
});
