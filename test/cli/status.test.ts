import { afterEach, describe, expect, test } from 'vitest';
import { readStatus } from '../../src/cli/cluster-status.ts';
import { status } from '../../src/cli/status.ts';
import { textTable } from '../../src/cli/text-table.ts';
import type { NodeStatus } from '../../src/node/api/api.ts';
import { FakeServer } from './fake-server.ts';
import { Terminal } from './terminal.ts';

const servers: FakeServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map(async (server) => await server.close()));
});

function statusOf(
  nodeId: string,
  voters: NodeStatus['voters'],
  more: Partial<NodeStatus>,
): NodeStatus {
  const place = { epoch: 3, lsn: 42, chain: 7 };
  return {
    nodeId,
    clusterId: 'c'.repeat(32),
    historyId: 'd'.repeat(32),
    role: 'follower',
    state: 'intact',
    epoch: 3,
    leader: null,
    voters,
    quorum: 2,
    failover: 'manual',
    received: place,
    durable: place,
    committedLsn: 41,
    applied: { epoch: 3, lsn: 40 },
    promise: { epoch: 3, candidate: 'n1' },
    keys: 5,
    uncommittedBytes: 0,
    leadership: null,
    followers: [],
    log: { firstLsn: 1, bytes: 0, snapshotLsn: 0, holds: [] },
    notReady: null,
    commitWaits: null,
    why: [],
    mayNotLead: null,
    warnings: [],
    contract: ['an acknowledged write is on 2 of 3 disks', 'a lost leader can be replaced'],
    uptimeMs: 1,
    counters: {},
    ...more,
  };
}

describe('status', () => {
  test('shows every voter that any node names, and why something waits', async () => {
    const voters: { nodeId: string; address: string }[] = [];
    const reason = { code: 'PEER_UNREACHABLE', message: 'n3 has not been heard of for 9 s' };
    const follower = {
      nodeId: 'n3',
      voter: true,
      connected: false,
      state: 'intact',
      receivedLsn: 12,
      durableLsn: 12,
      appliedLsn: 11,
      lagLsns: 30,
      lagBytes: 900,
      lagMs: 8_999.9796229999993,
      reason,
    } as const;
    const leader = await FakeServer.start(() => ({
      json: statusOf('n1', voters, { role: 'leader', followers: [follower] }),
    }));
    const second = await FakeServer.start(() => ({
      json: statusOf('n2', voters, {
        failover: 'auto',
        why: [{ code: 'NO_LEADER', message: 'catching up' }],
        mayNotLead: { code: 'LEADER_LIVES', message: 'this node may not lead: n1 leads' },
      }),
    }));
    const gone = await FakeServer.start(() => ({}));
    await gone.close();
    servers.push(leader, second);
    for (const [index, { url }] of [leader, second, gone].entries()) {
      voters.push({ nodeId: `n${index + 1}`, address: url.slice('http://'.length) });
    }
    const io = new Terminal();

    await status({ url: [second.url], json: false, timeoutMs: 5_000 }, io);

    const lines = io.stdout.split('\n');
    expect(lines[0]).toMatch(
      /^node +address +role +state +epoch +received +durable +committed +applied/,
    );
    expect(lines[1]).toMatch(/^n1 +127\S+ +leader +intact +3 +42 +42 +41 +40 +0 +0 +5 +manual$/);
    expect(lines[2]).toMatch(/^n2 +127\S+ +follower .* auto$/);
    expect(lines[3]).toMatch(/^n3 +127\S+ +unreachable .* 12 .* 11 +900 +9000/);
    expect(io.stdout).toContain('an acknowledged write is on 2 of 3 disks');
    expect(io.stdout).toContain('n2: NO_LEADER: catching up');
    // That it does not lead while another one does is as it should be.
    expect(io.stdout).not.toContain('LEADER_LIVES');
    expect(io.stdout).toMatch(/n3: 127\S+ did not answer \(ECONNREFUSED\)/);
    expect(io.stdout).toContain('n3, says the leader: PEER_UNREACHABLE: n3 has not been heard of');
  });

  test('asks a node that answers for one that only the other nodes reach', async () => {
    const voters: { nodeId: string; address: string }[] = [];
    const inside = statusOf('n2', voters, {});
    const unreached = { nodeId: 'n3', reachable: false, reason: null, status: null };
    const leader = await FakeServer.start(({ path }) =>
      path === '/v1/cluster'
        ? { json: { nodes: [{ nodeId: 'n2', reachable: true, status: inside }, unreached] } }
        : { json: statusOf('n1', voters, { role: 'leader' }) },
    );
    const gone = [await FakeServer.start(() => ({})), await FakeServer.start(() => ({}))];
    await Promise.all(gone.map(async (server) => await server.close()));
    servers.push(leader);
    for (const [index, { url }] of [leader, ...gone].entries()) {
      voters.push({ nodeId: `n${index + 1}`, address: url.slice('http://'.length) });
    }
    const io = new Terminal();

    await status({ url: [leader.url], json: false, timeoutMs: 5_000 }, io);

    const lines = io.stdout.split('\n');
    expect(lines[2]).toMatch(/^n2 +127\S+ \(through n1\) +follower +intact +3 +42 +42/);
    expect(io.stdout).not.toMatch(/^n2: /m);
    expect(lines[3]).toMatch(/^n3 +127\S+ +unreachable/);
    expect(io.stdout).toMatch(/^n3: 127\S+ did not answer/m);
  });

  test('shows no figures of a voter that a new leader has not heard of, and forecasts in readable units', async () => {
    const voters: { nodeId: string; address: string }[] = [];
    const unheard = {
      nodeId: 'n2',
      voter: true,
      connected: false,
      state: 'intact',
      receivedLsn: 0,
      durableLsn: 0,
      appliedLsn: 0,
      lagLsns: 0,
      lagBytes: 0,
      lagMs: 0,
      retention: { bytesLeft: 1_572_864, secondsLeft: 75_302 },
      reason: null,
    } as const;
    const leader = await FakeServer.start(() => ({
      json: statusOf('n1', voters, { role: 'leader', followers: [unheard] }),
    }));
    servers.push(leader);
    voters.push({ nodeId: 'n2', address: '127.0.0.1:1' });
    const io = new Terminal();

    await status({ url: [leader.url], json: false, timeoutMs: 5_000 }, io);

    expect(io.stdout).toMatch(/^n2 +127.0.0.1:1 +unreachable( +\?){10}$/m);
    expect(io.stdout).toContain(
      'n2, says the leader: it needs a full copy once 1.5 MiB more of log are written, in about 21 h',
    );
  });

  test('fails where nobody answers', async () => {
    const gone = await FakeServer.start(() => ({}));
    await gone.close();

    await expect(
      status({ url: [gone.url], json: true, timeoutMs: 5_000 }, new Terminal()),
    ).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  test('an answer that is no status is said to be none', () => {
    expect(() => readStatus({ hello: 'world' })).toThrow('not the status of a walship node');
  });
});

test('what is unknown in a column of numbers stands on the right, as they do', () => {
  expect(
    textTable(
      ['name', 'lsn'],
      [
        ['n1', '?'],
        ['n2', 5],
      ],
    ),
  ).toBe(['name  lsn', 'n1      ?', 'n2      5'].join('\n'));
});

test('a table has columns as wide as their widest cell and numbers on the right', () => {
  expect(
    textTable(
      ['name', 'lsn'],
      [
        ['n1', 5],
        ['a-long-name', 12_345],
      ],
    ),
  ).toBe(['name           lsn', 'n1               5', 'a-long-name  12345'].join('\n'));
});
