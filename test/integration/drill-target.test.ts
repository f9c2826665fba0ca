/**
 * Goal: what a drill does to a cluster of real processes really happens, and nothing is left of it afterwards.
 * Method: one cluster, one fault after the other, and what the nodes say.
 */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ASK_OVER_HTTP } from '../../src/drill/target/ask-node.ts';
import { LocalTarget } from '../../src/drill/target/local-target.ts';
import { PROGRAM, until } from './cluster.ts';
import { expectAllThere, Load } from './load.ts';

const target = new LocalTarget({ program: PROGRAM, seed: 1 });
beforeAll(async () => {
  const options = { segmentBytes: 65_536, initialLeader: 'n1' };
  await target.start(
    { nodes: 3, quorum: 2, failover: 'auto', options },
    new AbortController().signal,
  );
});
afterAll(async () => await target.close());

const urlOf = (id: string): string => target.nodes.find(({ nodeId }) => nodeId === id)?.url ?? '';
const cluster = { ids: ['n1', 'n2', 'n3'], url: urlOf };

async function untilAllReady(): Promise<void> {
  for (const { nodeId, url } of target.nodes) {
    await until(`${nodeId} is ready`, async () => {
      return (await ASK_OVER_HTTP.status(url))?.notReady === null;
    });
  }
}

async function leaderNow(): Promise<string> {
  let leader = '';
  await until('somebody leads', async () => {
    for (const { nodeId, url } of target.nodes) {
      if ((await ASK_OVER_HTTP.status(url))?.role === 'leader') leader = nodeId;
    }
    return leader !== '';
  });
  return leader;
}

async function isConnected(leader: string, follower: string): Promise<boolean> {
  const status = await ASK_OVER_HTTP.status(urlOf(leader));
  return status?.followers.some((each) => each.nodeId === follower && each.connected) === true;
}

/** How long a write of all voters takes. */
async function writeMs(leader: string): Promise<number> {
  const startMs = performance.now();
  const url = `${urlOf(leader)}/v1/kv/paced?ack=all`;
  const response = await fetch(url, { method: 'PUT', body: 'x' });
  expect(response.status, await response.text()).toBe(200);
  return performance.now() - startMs;
}

describe('a local target', () => {
  test('takes the power of all nodes under load, and nothing that was acknowledged is lost', async () => {
    const load = new Load(target.nodes.map(({ url }) => url));
    await load.more(300);

    await target.apply({ kind: 'power-cut', nodes: cluster.ids });
    expect(cluster.ids.filter((id) => target.isUp(id))).toEqual([]);
    for (const node of cluster.ids) await target.apply({ kind: 'start', node });
    await untilAllReady();
    await load.more(50);
    await load.stop();

    await expectAllThere(cluster, load);
  });

  test('isolates a leader: the others find another one, and it says that it hears nobody', async () => {
    const leads = async (id: string): Promise<boolean> =>
      (await ASK_OVER_HTTP.status(urlOf(id)))?.role === 'leader';
    const old = await leaderNow();

    await target.apply({ kind: 'isolate', node: old });
    const others = cluster.ids.filter((id) => id !== old);
    await until('another one leads', async () => {
      return (await Promise.all(others.map(leads))).some(Boolean);
    });
    await until('the old one noticed', async () => {
      return (await ASK_OVER_HTTP.status(urlOf(old)))?.notReady?.code === 'NO_LEADER';
    });
    await target.apply({ kind: 'heal-network' });

    await untilAllReady();
  });

  test('cuts one way: a leader that hears nothing of a follower gives its session up', async () => {
    const leader = await leaderNow();
    const follower = cluster.ids.find((id) => id !== leader) ?? '';
    await until('it follows', async () => await isConnected(leader, follower));

    await target.apply({ kind: 'cut', from: follower, to: leader });
    await until('it is gone', async () => !(await isConnected(leader, follower)));
    await target.apply({ kind: 'heal-network' });

    await until('it is back', async () => await isConnected(leader, follower));
  });

  test('delays what a leader sends, and resets connections that come back', async () => {
    const leader = await leaderNow();
    const others = cluster.ids.filter((id) => id !== leader);
    await untilAllReady();
    await writeMs(leader);

    for (const to of others) {
      await target.apply({ kind: 'delay', from: leader, to, ms: 300, jitterMs: 0 });
    }
    expect(await writeMs(leader)).toBeGreaterThanOrEqual(295);
    await target.apply({ kind: 'heal-network' });
    for (const to of others) await target.apply({ kind: 'reset', from: leader, to });

    await until('all are back', async () => {
      return (await Promise.all(others.map((id) => isConnected(leader, id)))).every(Boolean);
    });
  });

  test('stalls an event loop, and moves a clock', async () => {
    const leader = await leaderNow();
    const follower = cluster.ids.find((id) => id !== leader) ?? '';

    await target.apply({ kind: 'stall', node: follower, forMs: 1_500 });
    await until('it is silent', async () => {
      return (await ASK_OVER_HTTP.status(urlOf(follower))) === undefined;
    });
    await untilAllReady();
    await target.apply({ kind: 'clock-jump', node: follower, byMs: 7_200_000 });
    await target.apply({ kind: 'isolate', node: follower });
    await until('an event of it has the time of its clock', async () => {
      const events = (await ASK_OVER_HTTP.events(urlOf(follower))) as { timeMs: number }[];
      return events.some(({ timeMs }) => timeMs > Date.now() + 3_600_000);
    });
    await target.apply({ kind: 'heal-network' });

    await untilAllReady();
  });

  test('pauses, stops, wipes and starts a node', async () => {
    await target.apply({ kind: 'pause', node: 'n2' });
    expect(await ASK_OVER_HTTP.status(urlOf('n2'))).toBeUndefined();
    expect(target.isUp('n2')).toBe(true);
    await expect(target.apply({ kind: 'wipe', node: 'n2' })).rejects.toMatchObject({
      code: 'DRILL_FAILED',
    });
    await target.apply({ kind: 'resume', node: 'n2' });
    await target.apply({ kind: 'stop', node: 'n2' });
    expect(target.isUp('n2')).toBe(false);
    await target.apply({ kind: 'wipe', node: 'n2' });
    await target.apply({ kind: 'start', node: 'n2' });

    await untilAllReady();
  });

  test('breaks a disk: the node with a failed fsync ends, and comes back', async () => {
    await target.apply({ kind: 'fsync-error', node: 'n3', part: 'wal' });
    const load = new Load(target.nodes.map(({ url }) => url));
    await until('n3 has ended', () => !target.isUp('n3'));
    await load.more(50);
    await load.stop();
    await target.apply({ kind: 'start', node: 'n3' });

    await untilAllReady();
    await expectAllThere(cluster, load);
    expect(await target.output('n3')).toContain('EIO');
  });

  test('leaves nothing behind', async () => {
    const { dir } = target;
    expect(existsSync(dir)).toBe(true);

    await target.close();

    expect(existsSync(dir)).toBe(false);
    expect(cluster.ids.filter((id) => target.isUp(id))).toEqual([]);
  });
});
