/**
 * Goal: whatever the number of voters and W, the loss of a leader under load loses no acknowledged write, and where the rules let nobody
 * replace it, they say so in words. An empty directory in place of a node is refilled, or refused in words where too many are empty.
 * Method: real processes on loopback, writers through the client library, kill -9. What is to be expected is worked out here from N and W.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { TestCluster, runCommand, until } from './cluster.ts';
import { Load, expectAllThere } from './load.ts';

const SHAPES = [1, 2, 3, 5].flatMap((voters) =>
  Array.from({ length: voters }, (_, index) => ({ voters, quorum: index + 1 })),
);

const WRITERS = 2;
const BLANK =
  'is blank and another voter has or claims records; let an intact voter lead: it fills this one';

const clusters: TestCluster[] = [];
const loads: Load[] = [];
afterEach(async () => {
  await Promise.all(loads.splice(0).map(async (load) => await load.stop()));
  await Promise.all(clusters.splice(0).map(async (cluster) => await cluster.dispose()));
});

interface View {
  readonly role: string;
  readonly state: string;
  readonly epoch: number;
  readonly committedLsn: number;
  readonly voters: readonly { readonly nodeId: string }[];
  readonly why: readonly { readonly code: string; readonly message: string }[];
}

async function underLoad(voters: number, quorum: number): Promise<[TestCluster, Load]> {
  const cluster = await TestCluster.of(voters, '--quorum', String(quorum));
  clusters.push(cluster);
  await cluster.startAll();
  const load = new Load(cluster.urls, WRITERS);
  loads.push(load);
  await load.more(100);
  return [cluster, load];
}

async function statusOf(cluster: TestCluster, id: string): Promise<View> {
  return (await (await fetch(`${cluster.url(id)}/v1/status`)).json()) as View;
}

async function isIntact(cluster: TestCluster, id: string): Promise<void> {
  await until(
    `${id} is intact`,
    async () => (await statusOf(cluster, id)).state === 'intact',
    () => cluster.output(id),
  );
}

/** Until its status gives this as the reason why it rejects writes. */
async function saysOfWrites(cluster: TestCluster, id: string, words: string): Promise<void> {
  await until(
    `${id} says: ${words}`,
    async () =>
      (await statusOf(cluster, id)).why.some(
        ({ code, message }) => code === 'WRITES_REJECTED' && message.includes(words),
      ),
    () => cluster.output(id),
  );
}

/** What a node answers to a promotion; one that does not listen yet refuses as well. */
async function askToLead(
  cluster: TestCluster,
  id: string,
): Promise<{ readonly ok: boolean; readonly said: string }> {
  try {
    const response = await fetch(`${cluster.url(id)}/v1/admin/promote`, { method: 'POST' });
    return { ok: response.ok, said: await response.text() };
  } catch (error) {
    return { ok: false, said: String(error) };
  }
}

/** Asks one after the other to lead, as an operator would, until one does: that who is not the furthest is refused is no failure. */
async function promoteOne(cluster: TestCluster, ids: readonly string[]): Promise<string> {
  const leader = { id: '', said: '' };
  await until(
    `one of ${ids.join(', ')} leads`,
    async () => {
      for (const id of ids) {
        const response = await askToLead(cluster, id);
        leader.said = response.said;
        if (!response.ok) continue;
        leader.id = id;
        return true;
      }
      return false;
    },
    () => leader.said,
  );
  return leader.id;
}

/** Until a promotion of that node fails with these words: before, some voter may not have started yet. */
async function isRefused(cluster: TestCluster, id: string, words: string): Promise<void> {
  const last = { said: '' };
  await until(
    `${id} may not lead: ${words}`,
    async () => {
      const response = await askToLead(cluster, id);
      expect(response.ok, `${id} leads`).toBe(false);
      last.said = response.said;
      return last.said.includes('"NO_QUORUM"') && last.said.includes(words);
    },
    () => last.said,
  );
}

describe('the loss of a leader under load', () => {
  test.for(SHAPES)('$voters voters, W = $quorum', async ({ voters, quorum }) => {
    const [cluster, load] = await underLoad(voters, quorum);
    const others = cluster.ids.slice(1);
    const majority = Math.floor(voters / 2) + 1;
    const promises = Math.max(voters - quorum + 1, majority);

    await cluster.kill('n1');
    if (others.length >= promises) {
      const leader = await promoteOne(cluster, others);
      if (others.length >= quorum) {
        await load.more(50);
      } else {
        const rejected = `${others.length} of ${voters} voters count, ${quorum} are needed: n1 is not connected`;
        await saysOfWrites(cluster, leader, rejected);
      }
    } else if (others.length > 0) {
      const words = `voters that are not blank promised (needed: ${promises})`;
      await isRefused(cluster, others.at(-1) ?? '', words);
      await isRefused(cluster, others.at(-1) ?? '', 'no grant from n1: bring them back');
    }
    // By itself it leads again where nobody else could, and follows where somebody does.
    cluster.start('n1');
    await cluster.untilReady();
    await load.more(100);
    await load.stop();

    await expectAllThere(cluster, load);
  });
});

describe('an empty directory', () => {
  test('in place of each node in turn is refilled, and no acknowledged write is lost', async () => {
    const [cluster, load] = await underLoad(3, 2);

    for (const id of ['n3', 'n2', 'n1']) {
      await isIntact(cluster, id);
      await cluster.wipe(id);
      cluster.start(id);
      if (id === 'n1') {
        await isRefused(cluster, 'n1', BLANK);
        await promoteOne(cluster, ['n2', 'n3']);
      }
      await cluster.untilReady();
      await isIntact(cluster, id);
      await load.more(50);
    }
    await load.stop();

    await expectAllThere(cluster, load);
  });

  test('in place of a leader and a follower at once is refilled where W-1 is two', async () => {
    const [cluster, load] = await underLoad(5, 3);

    await Promise.all(['n1', 'n2'].map(async (id) => await cluster.wipe(id)));
    cluster.start('n1');
    cluster.start('n2');
    await promoteOne(cluster, ['n3', 'n4', 'n5']);
    await cluster.untilReady();
    for (const id of ['n1', 'n2']) await isIntact(cluster, id);
    await load.more(50);
    await load.stop();

    await expectAllThere(cluster, load);
  });

  test('in place of two of three at once stops all writes, and only a forced failover goes on, without a loss where it begins at the old leader', async () => {
    const [cluster, load] = await underLoad(3, 2);

    await Promise.all(['n2', 'n3'].map(async (id) => await cluster.wipe(id)));
    for (const id of ['n2', 'n3']) cluster.start(id);
    await cluster.kill('n1');
    cluster.start('n1');
    await isRefused(
      cluster,
      'n1',
      'voters that are blank or may have had more records than n1: n2, n3 (limit: 1)',
    );
    await isRefused(cluster, 'n2', BLANK);
    const told = await runCommand('promote', '--url', cluster.url('n2'));
    expect(told).toMatchObject({ code: 1, stderr: expect.stringContaining(BLANK) });

    const url = cluster.url('n1');
    const forced = await runCommand('failover', '--accept-data-loss', '--json', '--url', url);
    expect(forced.code, forced.stderr).toBe(0);
    expect(JSON.parse(forced.stdout)).toMatchObject({
      voters: ['n1', 'n2', 'n3'],
      quorum: 2,
      missing: [],
      risk: { some: true },
    });
    await cluster.untilReady();
    for (const id of ['n2', 'n3']) await isIntact(cluster, id);
    await load.more(50);
    await load.stop();

    await expectAllThere(cluster, load);
  });
});
