/**
 * Goal: what a drill does to the containers of compose.yml really happens, and nothing is left of it afterwards.
 * Method: one cluster as it is shipped, one fault after the other, and what the nodes and docker say; waits poll, with a deadline.
 */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ASK_OVER_HTTP } from '../../src/drill/target/ask-node.ts';
import { ComposeTarget } from '../../src/drill/target/compose-target.ts';
import { IMAGE } from '../../src/drill/target/compose-shape.ts';
import { command, findCompose } from '../../src/drill/target/docker.ts';
import type { GroupFault } from '../../src/drill/faults/table.ts';
import { VolumeFiles } from '../../src/drill/target/volume-files.ts';
import type { NodeStatus } from '../../src/node/api/api.ts';

const IDS = ['n1', 'n2', 'n3'] as const;
const DEADLINE_MS = 90_000;
// In CI the absence of docker is a failure, never a reason to look away.
const isSkipped = findCompose() === undefined && process.env['CI'] !== 'true';

describe.skipIf(isSkipped)('a compose target', () => {
  let target!: ComposeTarget;
  const urlOf = (id: string): string => target.nodes.find(({ nodeId }) => nodeId === id)?.url ?? '';
  const statusOf = async (id: string): Promise<NodeStatus | undefined> =>
    await ASK_OVER_HTTP.status(urlOf(id));
  const leaderAmong = async (ids: readonly string[]): Promise<string> => {
    let leader: string | undefined;
    await until('somebody leads', async () => {
      const statuses = await Promise.all(ids.map(statusOf));
      leader = ids.find((_, index) => statuses[index]?.role === 'leader');
      return leader !== undefined;
    });
    return leader ?? '';
  };
  const allReady = async (): Promise<void> => {
    for (const id of IDS) {
      await until(`${id} is ready`, async () => (await statusOf(id))?.notReady === null);
    }
  };
  const put = async (key: string): Promise<void> => {
    await until(`${key} is written`, async () => {
      const url = `${urlOf(await leaderAmong(IDS))}/v1/kv/${key}`;
      return (await fetch(url, { method: 'PUT', body: key })).status === 200;
    });
  };
  const everywhere = async (key: string): Promise<void> => {
    for (const id of IDS) {
      await until(`${key} on ${id}`, async () => {
        const response = await fetch(`${urlOf(id)}/v1/kv/${key}`).catch(() => undefined);
        return response?.ok === true && (await response.text()) === key;
      });
    }
  };
  const followerOf = (leader: string): string => IDS.find((id) => id !== leader) ?? '';
  const isConnected = async (leader: string, follower: string): Promise<boolean> =>
    (await statusOf(leader))?.followers.some(
      (each) => each.nodeId === follower && each.connected,
    ) === true;

  beforeAll(async () => {
    await command(['bash', 'test/compose/base-image.sh']);
    target = new ComposeTarget({ seed: 1, build: true });
    const options = { segmentBytes: 65_536 };
    await target.start(
      { nodes: 3, quorum: 2, failover: 'auto', options },
      new AbortController().signal,
    );
  });

  afterAll(async () => await target?.close());

  test('can break processes, disks and files anywhere, and the network as root', () => {
    const wanted = [
      'kill',
      'power-cut',
      'fsync-error',
      'wipe',
      'cut',
      'partition',
      'loss',
    ] as const;

    expect(wanted.filter((kind) => !target.can.has(kind))).toEqual([]);
  });

  test('kills a node, which stays down until the drill starts it', async () => {
    await put('first');
    const killed = await leaderAmong(IDS);

    await target.apply({ kind: 'kill', node: killed });

    expect(target.isUp(killed)).toBe(false);
    await put('second');
    expect(target.isUp(killed)).toBe(false);
    await target.apply({ kind: 'start', node: killed });
    await allReady();
    await everywhere('second');
  });

  test('pauses a node, and lets it go on', async () => {
    const paused = followerOf(await leaderAmong(IDS));

    await target.apply({ kind: 'pause', node: paused });
    expect(await statusOf(paused)).toBeUndefined();
    expect(target.isUp(paused)).toBe(true);
    await target.apply({ kind: 'resume', node: paused });

    await allReady();
  });

  test('takes the power of all nodes, and nothing that was acknowledged is lost', async () => {
    await put('third');

    await target.apply({ kind: 'power-cut', nodes: IDS });
    expect(IDS.filter((id) => target.isUp(id))).toEqual([]);
    for (const node of IDS) await target.apply({ kind: 'start', node });

    await allReady();
    await everywhere('third');
  });

  test('isolates a leader from the others but not from clients, until the network is healed', async () => {
    const old = await leaderAmong(IDS);
    const others = IDS.filter((id) => id !== old);

    await target.apply({ kind: 'isolate', node: old });
    await leaderAmong(others);
    await until('the old one notices', async () => {
      return (await statusOf(old))?.notReady?.code === 'NO_LEADER';
    });
    await target.apply({ kind: 'heal-network' });

    await allReady();
    await put('fourth');
    await everywhere('fourth');
  });

  test('cuts one way, and keeps to that over a restart of who is cut off', async () => {
    const leader = await leaderAmong(IDS);
    const follower = followerOf(leader);

    await target.apply({ kind: 'cut', from: follower, to: leader });
    await until('it is gone', async () => !(await isConnected(leader, follower)));
    await target.apply({ kind: 'kill', node: follower });
    await target.apply({ kind: 'start', node: follower });
    await until('it is up', async () => (await statusOf(follower)) !== undefined);
    expect(await isConnected(leader, follower)).toBe(false);
    await target.apply({ kind: 'heal-network' });

    await allReady();
  });

  test.for([
    { kind: 'loss', share: 0.1 },
    { kind: 'bandwidth', bytesPerSecond: 20_000 },
    { kind: 'delay', ms: 100, jitterMs: 20 },
    { kind: 'reset' },
  ] as const)(
    'goes on over a network with $kind, or says that this host cannot do it',
    async (more) => {
      const from = await leaderAmong(IDS);

      for (const to of IDS.filter((id) => id !== from)) {
        const applied = target.apply({ ...more, from, to } satisfies GroupFault<'network'>);
        if (target.can.has(more.kind)) await applied;
        else await expect(applied).rejects.toMatchObject({ code: 'DRILL_FAILED' });
      }
      await put(`over ${more.kind}`);
      await target.apply({ kind: 'heal-network' });

      await everywhere(`over ${more.kind}`);
      await allReady();
    },
  );

  test('breaks a disk: the node ends, and nobody starts it again but the drill', async () => {
    const leader = await leaderAmong(IDS);
    const node = followerOf(leader);

    await target.apply({ kind: 'fsync-error', node, part: 'wal' });
    await put('fifth');
    await until('it has ended', () => !target.isUp(node));
    expect(await target.output(node)).toContain('EIO');
    await target.apply({ kind: 'start', node });

    await allReady();
    await everywhere('fifth');
  });

  test('wipes and damages the files of a node that is down, and of no other', async () => {
    const node = followerOf(await leaderAmong(IDS));
    await expect(target.apply({ kind: 'wipe', node })).rejects.toMatchObject({
      code: 'DRILL_FAILED',
    });
    await target.apply({ kind: 'stop', node });
    expect(await readdir(await target.dataDir(node))).toContain('meta.json');

    expect(await target.apply({ kind: 'wipe', node })).toContain('wal');
    await target.apply({ kind: 'start', node });

    await allReady();
    await everywhere('first');
  });

  test('reaches files through a container where the host cannot', async () => {
    const node = followerOf(await leaderAmong(IDS));
    const { project } = target;
    const workDir = `/tmp/${project}-files`;
    const files = new VolumeFiles({
      volume: `${project}_${node}`,
      image: IMAGE,
      workDir,
      onHost: false,
    });
    await target.apply({ kind: 'stop', node });

    try {
      expect(await files.damage({ kind: 'back-up', node }, 1)).toMatch(/^copied are \d+ segments/);
      expect(await files.damage({ kind: 'wipe', node }, 1)).toContain('meta.json');
      await files.damage({ kind: 'restore', node, keepMeta: false }, 1);
      const copy = await files.dir(target.containerId(node));
      expect(await readdir(copy)).toContain('meta.json');
    } finally {
      await files.remove();
      await command(['rm', '-rf', workDir]);
    }
    await target.apply({ kind: 'start', node });

    await allReady();
  });

  test('leaves nothing behind', async () => {
    const dir = await target.dataDir('n1');

    await target.close();

    const filter = ['--filter', `label=com.docker.compose.project=${target.project}`];
    expect(await command(['docker', 'ps', '--all', '--quiet', ...filter])).toBe('');
    expect(
      await command(['docker', 'volume', 'ls', '--quiet', '--filter', `name=${target.project}`]),
    ).toBe('');
    expect(await command(['docker', 'network', 'ls', '--quiet', ...filter])).toBe('');
    expect(existsSync(dir)).toBe(false);
  });
});

/** Polls until `holds`; a refused connection is an answer like any other. */
async function until(what: string, holds: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${DEADLINE_MS} ms: ${what}`);
    await sleep(50);
  }
}
