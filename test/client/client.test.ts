/**
 * Goal: the client finds the leader, never writes twice, reads its own writes, and every call ends.
 * Method: the client as it is, against the server's side of the protocol as it is, on a simulated network; only the nodes behind are fake.
 */
import { describe, expect, test } from 'vitest';
import { Client } from '../../src/client/client.ts';
import { WalshipError } from '../../src/errors.ts';
import type { Link } from '../../src/ports/link.ts';
import type { StagedNode } from './stage.ts';
import { failureOf, onStage } from './stage.ts';

const noLeader = (leader?: StagedNode): WalshipError =>
  new WalshipError('NO_LEADER', 'this node does not lead', {
    outcome: 'rejected',
    details: { leader: leader?.address ?? null, leaderId: leader?.node.nodeId ?? null },
  });
const keysOf = ({ node }: StagedNode): string[] =>
  node.writes.map(({ ops }) => Buffer.from(ops[0]?.key ?? '').toString());

describe('finding the leader', () => {
  test('a write goes where the first node says, and the next one there at once', () =>
    onStage(3, async ({ nodes: [n1, n2, n3], client }) => {
      if (!n1 || !n2 || !n3) throw new Error('three nodes');
      n1.node.failure = noLeader(n3);
      const db = client();

      const { version, durableOn } = await db.put('a', '1');
      await db.put('b', '2');

      expect({ version, durableOn }).toEqual({ version: '3.1', durableOn: ['n1', 'n2'] });
      expect(keysOf(n1)).toEqual(['a']);
      expect(keysOf(n3)).toEqual(['a', 'b']);
      expect(n2.node.writes).toEqual([]);
    }));

  test('a node that refuses connections is passed over', () =>
    onStage(2, async ({ nodes: [n1, n2], client, kill }) => {
      if (!n1 || !n2) throw new Error('two nodes');
      kill(n1);

      await client().put('a', '1');

      expect(keysOf(n2)).toEqual(['a']);
    }));

  test('reads go to a node that is ready, and to another one only where none is left', () =>
    onStage(3, async ({ nodes, client, kill }) => {
      const [n1, n2, n3] = nodes;
      if (!n1 || !n2 || !n3) throw new Error('three nodes');
      for (const { node, address } of nodes) await client([address]).put('a', node.nodeId);
      const notReady = { code: 'CATCHING_UP', message: 'applied up to LSN 0' };
      n1.node.view = { notReady };
      n3.node.view = { notReady };
      const clients = Array.from({ length: 6 }, () => client());
      const read = async (db: Client): Promise<string> =>
        Buffer.from((await db.get('a'))?.value ?? '').toString();

      for (const db of clients) expect(await read(db)).toBe('n2');
      kill(n2);
      for (const db of clients) expect(['n1', 'n3']).toContain(await read(db));
    }));

  test('where nobody can be reached, a write is rejected in time', () =>
    onStage(2, async ({ nodes, client, kill, world }) => {
      for (const node of nodes) kill(node);
      const startMs = world.clock.nowMs();

      const error = await failureOf(client(undefined, 300).put('a', '1'));

      expect(error).toMatchObject({ code: 'PEER_UNREACHABLE', outcome: 'rejected' });
      expect(world.clock.nowMs() - startMs).toBeLessThan(400);
    }));

  test('a name that nobody here knows stays the reason, with what to do about it, however the last attempt ended', () =>
    onStage(1, async ({ nodes: [n1], world, network }) => {
      if (!n1) throw new Error('one node');
      n1.node.failure = new WalshipError('NO_LEADER', 'this node does not lead', {
        outcome: 'rejected',
        details: { leader: 'n2:7401', leaderId: 'n2' },
      });
      const process = world.process();
      const real = network.dialer('client', process);
      let dials = 0;
      const dial = (address: string): Promise<Link> => {
        if (address === n1.address) return real.dial(address);
        dials += 1;
        const cause = Object.assign(new Error('getaddrinfo ENOTFOUND n2'), { code: 'ENOTFOUND' });
        const message = 'n2:7401 could not be dialled: getaddrinfo ENOTFOUND n2';
        const failure = new WalshipError('PEER_UNREACHABLE', message, { cause });
        // The resolver answers at once the first time, and is slow from then on.
        return dials === 1 ? Promise.reject(failure) : new Promise(() => undefined);
      };
      const client = new Client({
        nodes: [n1.address],
        dialer: { dial },
        clock: process,
        entropy: world.entropy.fork('named'),
        timeoutMs: 3_000,
      });

      const error = await failureOf(client.put('a', '1'));

      expect(dials).toBeGreaterThan(1);
      expect(error).toMatchObject({
        code: 'PEER_UNREACHABLE',
        outcome: 'rejected',
        message: expect.stringContaining('getaddrinfo ENOTFOUND n2'),
        details: { hint: expect.stringContaining('n1=127.0.0.1:7401') },
      });
      await client.close();
    }));

  test('it waits for a leader for as long as the call may take', () =>
    onStage(2, async ({ nodes: [n1, n2], client, world }) => {
      if (!n1 || !n2) throw new Error('two nodes');
      n1.node.failure = noLeader();
      n2.node.failure = noLeader();
      const writing = client().put('a', '1');
      await world.pass(2_000);
      n2.node.failure = undefined;

      await expect(writing).resolves.toMatchObject({ version: '3.1' });
    }));

  test('a node of another cluster is passed over', () =>
    onStage(2, async ({ nodes: [n1, n2], client }) => {
      if (!n1 || !n2) throw new Error('two nodes');
      n2.node.view = { clusterId: 'f'.repeat(32) };
      const db = client();
      await db.put('a', '1');
      n1.node.failure = new WalshipError('NODE_CLOSED', 'bye', { outcome: 'rejected' });

      const error = await failureOf(db.put('b', '2', { timeoutMs: 300 }));

      expect(['NODE_CLOSED', 'WRONG_CLUSTER']).toContain(error.code);
      expect(n2.node.writes).toEqual([]);
    }));
});

describe('writes that may have happened', () => {
  const hang = (staged: StagedNode): void => void (staged.node.gate = new Promise(() => undefined));

  test('a write whose connection broke after it was sent is not sent again', () =>
    onStage(2, async ({ nodes: [n1, n2], client, kill, world }) => {
      if (!n1 || !n2) throw new Error('two nodes');
      hang(n1);
      const writing = failureOf(client().put('a', '1'));
      await world.pass(100);
      kill(n1);

      expect(await writing).toMatchObject({ code: 'PEER_UNREACHABLE', outcome: 'indeterminate' });
      expect([n1.node.writes.length, n2.node.writes.length]).toEqual([1, 0]);
    }));

  test.for([
    ['ifAbsent', { ifAbsent: true }],
    ['ifMatch *', { ifMatch: '*' }],
  ] as const)('nor is one with %s, which can come true twice', ([, options]) =>
    onStage(2, async ({ nodes: [n1, n2], client, kill, world }) => {
      if (!n1 || !n2) throw new Error('two nodes');
      hang(n1);
      const writing = failureOf(client().put('a', '1', options));
      await world.pass(100);
      kill(n1);

      expect(await writing).toMatchObject({ outcome: 'indeterminate' });
      expect(n2.node.writes).toEqual([]);
    }),
  );

  test('one on an exact version is, and a failed condition leaves it indeterminate', () =>
    onStage(2, async ({ nodes: [n1, n2], client, kill, world }) => {
      if (!n1 || !n2) throw new Error('two nodes');
      const db = client();
      for (const { node } of [n1, n2]) {
        await node.write({ conditions: [], ops: [put('a')], ack: 'quorum', timeoutMs: 1 });
        node.writes.length = 0;
      }
      hang(n1);
      const again = db.put('a', '2', { ifMatch: '3.1' });
      await world.pass(100);
      kill(n1);
      const won = await again;

      expect(won.version).toBe('3.2');
      expect([n1.node.writes.length, n2.node.writes.length]).toEqual([1, 1]);
    }));

  test('one on an exact version that somebody changed meanwhile is indeterminate', () =>
    onStage(2, async ({ nodes: [n1, n2], client, kill, world }) => {
      if (!n1 || !n2) throw new Error('two nodes');
      hang(n1);
      const writing = failureOf(client().put('a', '2', { ifMatch: '3.1' }));
      await world.pass(100);
      kill(n1);

      expect(await writing).toMatchObject({ code: 'CONDITION_FAILED', outcome: 'indeterminate' });
    }));

  test('one whose version is known and committed is acknowledged', () =>
    onStage(1, async ({ nodes: [n1], client }) => {
      if (!n1) throw new Error('a node');
      const db = client();
      const { version } = await db.put('a', '1');
      n1.node.failure = new WalshipError('STALE_EPOCH', 'deposed; it may still commit', {
        outcome: 'indeterminate',
        details: { version },
      });
      n1.node.forgiving = true;

      expect(await db.put('a', '2')).toEqual({ version, durableOn: [] });
      expect(n1.node.writes).toHaveLength(2);
    }));

  test('one whose version was cut off is sent again', () =>
    onStage(1, async ({ nodes: [n1], client }) => {
      if (!n1) throw new Error('a node');
      const db = client();
      n1.node.failures.push(
        new WalshipError('STALE_EPOCH', 'deposed', {
          outcome: 'indeterminate',
          details: { version: '2.7' },
        }),
        new WalshipError('LSN_REPLACED', 'cut off'),
      );

      expect(await db.put('a', '2')).toMatchObject({ version: '3.1' });
      expect(n1.node.writes).toHaveLength(2);
    }));
});

describe('reading', () => {
  test('carries the newest version that the client wrote or read, to any node', () =>
    onStage(2, async ({ nodes: [n1, n2], client, kill }) => {
      if (!n1 || !n2) throw new Error('two nodes');
      const db = client();
      const { version } = await db.put('a', '1');
      await db.get('a');
      kill(n1);
      await db.get('a');

      expect(version).toBe('3.1');
      expect(n1.node.reads.at(-1)?.minVersion).toEqual({ epoch: 3, lsn: 1 });
      expect(n2.node.reads.at(-1)?.minVersion).toEqual({ epoch: 3, lsn: 1 });
      expect(db.seen).toBe('3.1');
    }));

  test('says once that a local write was cut off', () =>
    onStage(1, async ({ nodes: [n1], client }) => {
      if (!n1) throw new Error('a node');
      const db = client();
      await db.put('a', '1', { ack: 'local' });
      n1.node.failures.push(new WalshipError('LSN_REPLACED', 'cut off'));

      expect(await failureOf(db.get('a'))).toMatchObject({ code: 'LSN_REPLACED' });
      expect((await db.get('a'))?.value.toString()).toBe('1');
      expect(n1.node.reads.at(-1)?.minVersion).toBeUndefined();
    }));

  test('leaves a node that has fallen silent', () =>
    onStage(2, async ({ nodes: [n1, n2], client, network }) => {
      if (!n1 || !n2) throw new Error('two nodes');
      const db = client();
      await db.get('a');
      network.partition(['client'], [n1.address]);

      expect(await db.get('a')).toBeUndefined();
      expect(n2.node.reads).toHaveLength(1);
    }));

  test('a scan goes on where the last page ended', () =>
    onStage(1, async ({ client }) => {
      const db = client();
      const keys = Array.from(
        { length: 1_203 },
        (_, index) => `k${String(index).padStart(4, '0')}`,
      );
      await db.txn({ ops: keys.map((key) => ({ op: 'put', key, value: key })) });

      const found: string[] = [];
      for await (const { key } of db.scan({ prefix: 'k', limit: 1_201 })) {
        found.push(key.toString());
      }

      expect(found).toEqual(keys.slice(0, 1_201));
    }));
});

describe('watching', () => {
  test('goes on at another node without gap or repeat', () =>
    onStage(2, async ({ nodes: [n1, n2], client, kill, world }) => {
      if (!n1 || !n2) throw new Error('two nodes');
      for (const { node } of [n1, n2]) {
        for (const key of ['a', 'b', 'c', 'd', 'e']) await writeTo(node, key);
      }
      const abort = new AbortController();
      const seen: string[] = [];
      for await (const change of client().watch({ after: '0.0', signal: abort.signal })) {
        seen.push(`${change.key.toString()}@${change.version}`);
        if (seen.length === 2) {
          kill(n1);
          await world.pass(50);
        }
        if (seen.length === 5) {
          await writeTo(n2.node, 'f');
        }
        if (seen.length === 6) abort.abort();
      }

      expect(seen).toEqual(['a@3.1', 'b@3.2', 'c@3.3', 'd@3.4', 'e@3.5', 'f@3.6']);
    }));

  test('a watcher that looks at nothing costs a bounded number of changes', () =>
    onStage(1, async ({ nodes: [n1], client, world }) => {
      if (!n1) throw new Error('a node');
      const value = Buffer.alloc(64 * 1024);
      const ops = Array.from({ length: 200 }, () => ({ op: 'put' as const, key: 'k', value }));
      const db = client();
      await db.txn({ ops });
      const changes = db.watch({ after: '0.0' });

      await changes.next();
      await world.pass(1_000);
      expect(n1.node.eventsTaken).toBeLessThan(40);

      for (let count = 1; count < 200; count += 1) await changes.next();
      expect(n1.node.eventsTaken).toBe(200);
      await changes.return();
    }));

  test('ends with what cannot pass', () =>
    onStage(2, async ({ nodes, client }) => {
      for (const { node } of nodes) node.failure = new WalshipError('PURGED', 'too old');

      const failed = await failureOf(client().watch({ after: '1.1' }).next());

      expect(failed.code).toBe('PURGED');
    }));

  test('looks for a node only for so long', () =>
    onStage(2, async ({ nodes, client, kill }) => {
      for (const node of nodes) kill(node);

      const failed = await failureOf(client().watch({ timeoutMs: 500 }).next());

      expect(failed.code).toBe('PEER_UNREACHABLE');
    }));
});

describe('ending', () => {
  test('a signal ends a write that was sent as indeterminate', () =>
    onStage(1, async ({ nodes: [n1], client, world }) => {
      if (!n1) throw new Error('a node');
      n1.node.gate = new Promise(() => undefined);
      const abort = new AbortController();
      const writing = failureOf(client().put('a', '1', { signal: abort.signal }));
      await world.pass(100);
      abort.abort();

      expect(await writing).toMatchObject({ code: 'ABORTED', outcome: 'indeterminate' });
    }));

  test('and one that was not as rejected', () =>
    onStage(1, async ({ nodes: [n1], client, kill, world }) => {
      if (!n1) throw new Error('a node');
      kill(n1);
      const abort = new AbortController();
      const writing = failureOf(client().put('a', '1', { signal: abort.signal }));
      await world.pass(100);
      abort.abort();

      expect(await writing).toMatchObject({ code: 'ABORTED', outcome: 'rejected' });
    }));

  test('closing the client ends its calls', () =>
    onStage(1, async ({ nodes: [n1], client, world }) => {
      if (!n1) throw new Error('a node');
      n1.node.gate = new Promise(() => undefined);
      const db = client();
      const writing = failureOf(db.put('a', '1'));
      await world.pass(100);
      await db.close();

      expect(await writing).toMatchObject({ outcome: 'indeterminate' });
      expect(await failureOf(db.put('a', '1'))).toMatchObject({
        code: 'ABORTED',
        outcome: 'rejected',
      });
    }));

  test('a write that no node answers is indeterminate, soon after its time', () =>
    onStage(1, async ({ nodes: [n1], client, world }) => {
      if (!n1) throw new Error('a node');
      n1.node.gate = new Promise(() => undefined);
      const startMs = world.clock.nowMs();

      const error = await failureOf(client().put('a', '1', { timeoutMs: 500 }));

      expect(error).toMatchObject({ code: 'COMMIT_TIMEOUT', outcome: 'indeterminate' });
      expect(world.clock.nowMs() - startMs).toBeLessThan(1_700);
    }));

  test('what no node would take is refused before it is sent', () =>
    onStage(1, async ({ nodes: [n1], client }) => {
      const db = client();
      const value = Buffer.alloc(16 * 1024 * 1024 + 1);

      expect(await failureOf(db.put('a', value))).toMatchObject({
        code: 'VALUE_TOO_LARGE',
        outcome: 'rejected',
      });
      await expect(async () => await db.put('', 'x')).rejects.toMatchObject({
        code: 'KEY_INVALID',
      });
      await expect(async () => await db.get('a', { minVersion: 'x' })).rejects.toMatchObject({
        code: 'REQUEST_INVALID',
      });
      expect(n1?.node.writes).toEqual([]);
    }));

  test('more requests than a node takes at once wait for their turn', () =>
    onStage(1, async ({ client }) => {
      const db = client();
      const writes = Array.from({ length: 6_000 }, (_, index) => db.put(`k${index}`, 'v'));

      expect(await Promise.all(writes)).toHaveLength(6_000);
    }));
});

function put(key: string) {
  return { op: 'put' as const, key: Buffer.from(key), value: Buffer.from('v') };
}

async function writeTo(node: StagedNode['node'], key: string): Promise<void> {
  await node.write({ conditions: [], ops: [put(key)], ack: 'quorum', timeoutMs: 1 });
}
