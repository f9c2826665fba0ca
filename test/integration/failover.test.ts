/**
 * Goal: one whole forced failover and rejoin, as an operator does it with the command line.
 * Method: three real processes; two are killed for good, the third is forced to go on alone, one of the dead comes back and is taken over.
 */
import { afterEach, expect, test } from 'vitest';
import { Program, TestCluster, runCommand, until } from './cluster.ts';

const clusters: TestCluster[] = [];
const programs: Program[] = [];
afterEach(async () => {
  await Promise.all(programs.splice(0).map(async (program) => await program.end('SIGKILL')));
  await Promise.all(clusters.splice(0).map(async (cluster) => await cluster.dispose()));
});

test('the last of three goes on alone, says what that may cost, and takes one of the others over', async () => {
  const cluster = await TestCluster.create();
  clusters.push(cluster);
  await cluster.startAll();
  const url = cluster.url('n3');
  const shared = await runCommand('put', 'shared', 'v', '--ack', 'all', '--url', cluster.url('n1'));
  expect(shared.code, shared.stderr).toBe(0);
  const needless = await runCommand('failover', '--accept-data-loss', '--url', url);
  expect(needless.code).toBe(1);
  expect(needless.stderr).toContain('FAILOVER_REFUSED');

  // Perhaps only those have it that are dead in a moment.
  cluster.signal('n3', 'SIGSTOP');
  const lost = await fetch(`${cluster.url('n1')}/v1/kv/lost`, { method: 'PUT', body: 'v' });
  expect(lost.status).toBe(200);
  await cluster.kill('n1');
  await cluster.kill('n2');
  cluster.signal('n3', 'SIGCONT');
  await until('n3 knows', async () => {
    const foreseen = await runCommand('failover', '--url', url);
    return foreseen.code === 0 && foreseen.stdout.includes('nothing was changed');
  });
  const done = await runCommand('failover', '--accept-data-loss', '--json', '--url', url);
  expect(done.code, done.stderr).toBe(0);
  expect(JSON.parse(done.stdout)).toMatchObject({
    done: true,
    voters: ['n3'],
    quorum: 1,
    risk: { some: true },
  });
  const put = await runCommand('put', 'after', 'v', '--url', url);
  expect(put.code, put.stderr).toBe(0);

  cluster.start('n2');
  await until(
    'n2 is refused',
    () => cluster.output('n2').includes('rejoin --discard'),
    () => cluster.output('n2'),
  );
  const rejoined = await runCommand('rejoin', '--discard', '--url', cluster.url('n2'));
  expect(rejoined.code, rejoined.stderr + cluster.output('n2')).toBe(0);
  expect(rejoined.stdout).toContain('follows n3');
  await until('n2 has it', async () => {
    const get = await runCommand('get', 'after', '--url', cluster.url('n2'));
    return get.code === 0;
  });

  // A start has to name the voters that are left.
  await cluster.stop('n2');
  const refused = await runCommand(...cluster.args('n2'));
  expect(refused.stderr).toContain('CONFIG_MISMATCH');
  const alone = `n3=127.0.0.1:${cluster.port('n3')}`;
  const args = cluster.args('n2').map((arg) => (arg === cluster.peers ? alone : arg));
  const learner = new Program(args.map((arg) => (arg === 'n1' ? 'n3' : arg)));
  programs.push(learner);
  await until(
    'n2 follows again',
    async () => (await runCommand('get', 'after', '--url', cluster.url('n2'))).code === 0,
    () => learner.output,
  );
});
