/**
 * Goal: what a drill does to a cluster of real processes really happens, and nothing is left of it afterwards.
 * Method: one cluster, one fault after the other, and what the nodes say.
 */
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ASK_OVER_HTTP } from '../../src/drill/ask-node.ts';
import { LocalTarget } from '../../src/drill/local-target.ts';
import { PROGRAM, until } from './cluster.ts';
import { expectAllThere, Load } from './load.ts';

const target = new LocalTarget({ program: PROGRAM, seed: 1 });
beforeAll(async () => {
  const options = { segmentBytes: 65_536, initialLeader: 'n1' };
  await target.start({ nodes: 3, quorum: 2, failover: 'auto', options });
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
    let old = '';
    await until('somebody leads', async () => {
      for (const id of cluster.ids) if (await leads(id)) old = id;
      return old !== '';
    });

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
    expect(await target.output('n3')).toContain('EIO, as the drill wants it');
  });

  test('leaves nothing behind', async () => {
    const { dir } = target;
    expect(existsSync(dir)).toBe(true);

    await target.close();

    expect(existsSync(dir)).toBe(false);
    expect(cluster.ids.filter((id) => target.isUp(id))).toEqual([]);
  });
});
