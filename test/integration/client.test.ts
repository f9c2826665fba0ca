/**
 * Goal: a program that uses the client library survives the loss of a leader: what was acknowledged is there, nothing that it wrote once
 * was written twice, and it reads its own writes on every node.
 * Method: real processes on loopback, writers and a watcher through the library, and the log itself, as a watch shows it, as the judge.
 */
import { afterEach, describe, expect, test } from 'vitest';
import { connect, isWalshipError } from '../../src/client/index.ts';
import type { Change, Client } from '../../src/client/index.ts';
import { TestCluster, runCommand, until } from './cluster.ts';

const WRITERS = 8;
const CALL_MS = 20_000;

const clusters: TestCluster[] = [];
const clients: Client[] = [];
afterEach(async () => {
  await Promise.all(clients.splice(0).map(async (client) => await client.close()));
  await Promise.all(clusters.splice(0).map(async (cluster) => await cluster.dispose()));
});

async function started(): Promise<TestCluster> {
  const cluster = await TestCluster.create();
  clusters.push(cluster);
  await cluster.startAll();
  return cluster;
}

async function clientOf(cluster: TestCluster, ids = cluster.ids): Promise<Client> {
  const nodes = ids.map((id) => `127.0.0.1:${cluster.port(id)}`);
  const client = await connect({ nodes, timeoutMs: CALL_MS });
  clients.push(client);
  return client;
}

async function promote(cluster: TestCluster, id: string): Promise<void> {
  await until(`${id} leads`, async () => {
    return (await runCommand('promote', '--url', cluster.url(id))).code === 0;
  });
}

/** Writers of values that nobody else writes, each once, and of one counter that all of them count up. */
class Writers {
  readonly acknowledged = new Map<string, string>();
  /** Of the counter: acknowledged, and of unknown outcome. */
  readonly counted = { acknowledged: 0, unsure: 0 };
  readonly rejected: string[] = [];
  readonly indeterminate: string[] = [];
  readonly #running: readonly Promise<void>[];
  #next = 0;
  #stopped = false;

  constructor(db: Client) {
    this.#running = Array.from({ length: WRITERS }, async (_, index) => {
      while (!this.#stopped) await (index === 0 ? this.#count(db) : this.#write(db));
    });
  }

  async more(count: number): Promise<void> {
    const goal = this.acknowledged.size + count;
    await until(`${count} more writes`, () => this.acknowledged.size >= goal);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #write(db: Client): Promise<void> {
    const value = `value ${(this.#next += 1)}`;
    const key = `load/${this.#next}`;
    try {
      await db.put(key, value);
      this.acknowledged.set(key, value);
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      (error.outcome === 'rejected' ? this.rejected : this.indeterminate).push(value);
    }
  }

  async #count(db: Client): Promise<void> {
    const found = await db.get('counter', { read: 'linearizable' });
    const value = String(Number(found?.value.toString() ?? 0) + 1);
    try {
      await db.put(
        'counter',
        value,
        found === undefined ? { ifAbsent: true } : { ifMatch: found.version },
      );
      this.counted.acknowledged += 1;
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      if (error.outcome !== 'rejected') this.counted.unsure += 1;
    }
  }
}

/** Every change from the beginning of the log up to a version, as one node shows it. */
async function historyOf(db: Client, version: string): Promise<Change[]> {
  const changes: Change[] = [];
  for await (const change of db.watch({ after: '0.0' })) {
    changes.push(change);
    if (change.version === version) break;
  }
  return changes;
}

function expectNothingTwice(changes: readonly Change[]): void {
  const values = changes
    .filter(({ key }) => key.toString().startsWith('load/'))
    .map(({ value }) => value.toString());
  expect(new Set(values).size).toBe(values.length);
}

describe('a program that uses the client', () => {
  test('keeps writing while its leader is killed and another is promoted', async () => {
    const cluster = await started();
    const db = await clientOf(cluster);
    const watcher = await clientOf(cluster, ['n1', 'n2', 'n3']);
    const abort = new AbortController();
    const watched: Change[] = [];
    const watching = (async () => {
      for await (const change of watcher.watch({ after: '0.0', signal: abort.signal })) {
        watched.push(change);
      }
    })();
    const writers = new Writers(db);

    await writers.more(200);
    await cluster.kill('n1');
    await promote(cluster, 'n2');
    await writers.more(200);
    cluster.start('n1');
    await cluster.untilReady();
    await writers.more(100);
    await writers.stop();
    const end = (await db.put('end', '.')).version;
    await until('the watcher has seen it all', () => watched.at(-1)?.version === end);
    abort.abort();
    await watching;

    expect(writers.rejected).toEqual([]);
    // At most what was in flight when the leader died.
    expect(writers.indeterminate.length).toBeLessThan(WRITERS);
    for (const id of cluster.ids) {
      const reader = await clientOf(cluster, [id]);
      await reader.wait(end, 'applied');
      const found = new Map<string, string>();
      for await (const { key, value } of reader.scan({ prefix: 'load/' })) {
        found.set(key.toString(), value.toString());
      }
      for (const [key, value] of writers.acknowledged) expect(found.get(key)).toBe(value);
      const changes = await historyOf(reader, end);
      expectNothingTwice(changes);
      // It was at a node that died, and went on at others.
      expect(watched).toEqual(changes);
      const counter = Number((await reader.get('counter'))?.value.toString());
      const { acknowledged, unsure } = writers.counted;
      expect(counter).toBeGreaterThanOrEqual(acknowledged);
      expect(counter).toBeLessThanOrEqual(acknowledged + unsure);
    }
  });

  test('is not held up by a leader that is stopped and not dead', async () => {
    const cluster = await started();
    const db = await clientOf(cluster);
    const writers = new Writers(db);

    await writers.more(100);
    cluster.signal('n1', 'SIGSTOP');
    await promote(cluster, 'n3');
    await writers.more(100);
    cluster.signal('n1', 'SIGCONT');
    await writers.more(100);
    await writers.stop();
    const end = (await db.put('end', '.')).version;

    expect(writers.rejected).toEqual([]);
    for (const id of cluster.ids) {
      const reader = await clientOf(cluster, [id]);
      await reader.wait(end, 'applied');
      const changes = await historyOf(reader, end);
      expectNothingTwice(changes);
      const written = new Set(changes.map(({ value }) => value.toString()));
      for (const value of writers.acknowledged.values()) expect(written).toContain(value);
    }
  });

  test('reads its own writes on a follower', async () => {
    const cluster = await started();
    const db = await clientOf(cluster, ['n3']);

    for (let count = 1; count <= 200; count += 1) {
      await db.put('own', String(count));
      expect((await db.get('own'))?.value.toString()).toBe(String(count));
    }
    await expect(db.status()).resolves.toMatchObject({ nodeId: 'n3', role: 'follower' });
  });
});
