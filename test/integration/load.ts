/** Writes without an end, and a memory of what was acknowledged. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { loadWrite } from '../../src/cli/load-write.ts';
import { connect } from '../../src/client/index.ts';
import type { Client } from '../../src/client/index.ts';
import { comparePositions, parseVersion } from '../../src/wal/format/position.ts';
import type { Version } from '../../src/wal/format/position.ts';
import type { TestCluster } from './cluster.ts';
import { until } from './cluster.ts';

const WRITERS = 8;
const RETRY_MS = 10;

export class Load {
  readonly #client: Promise<Client>;
  readonly #acknowledged = new Map<string, string>();
  readonly #writers: readonly Promise<void>[];
  readonly errors = new Map<string, number>();
  #newest: Version = { epoch: 0, lsn: 0 };
  #next = 0;
  #stopped = false;

  constructor(urls: readonly string[], writers = WRITERS) {
    this.#client = connect({ nodes: urls, timeoutMs: 3_000 });
    this.#writers = Array.from({ length: writers }, async () => await this.#write());
  }

  get acknowledged(): ReadonlyMap<string, string> {
    return this.#acknowledged;
  }

  get newest(): Version {
    return this.#newest;
  }

  /** Resolves when `count` more writes than now are acknowledged. */
  async more(count: number): Promise<void> {
    const goal = this.#acknowledged.size + count;
    await until(
      `${count} more writes are acknowledged`,
      () => this.#acknowledged.size >= goal,
      () => `${this.#acknowledged.size} of ${goal}, errors ${JSON.stringify([...this.errors])}`,
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
    await (await this.#client).close();
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      // Each write its own key: what was acknowledged is never overwritten by what was not.
      const number = this.#next++;
      const key = `load/${String(number).padStart(8, '0')}`;
      const value = `value ${number} `.repeat(5);
      const write = { value: Buffer.from(value), ack: 'quorum' } as const;
      const { code, version } = await loadWrite(await this.#client, Buffer.from(key), write);
      if (code === 'OK') {
        this.#acknowledged.set(key, value);
        const at = parseVersion(version ?? '');
        if (at !== undefined && comparePositions(at, this.#newest) > 0) this.#newest = at;
      } else {
        this.errors.set(code, (this.errors.get(code) ?? 0) + 1);
        await sleep(RETRY_MS);
      }
    }
  }
}

/** Reads everything from each node, once it has applied the newest acknowledged write. */
export async function expectAllThere(
  cluster: Pick<TestCluster, 'ids' | 'url'>,
  load: Load,
): Promise<void> {
  const { epoch, lsn } = load.newest;
  for (const id of cluster.ids) {
    const waited = await fetch(
      `${cluster.url(id)}/v1/wait?version=${epoch}.${lsn}&level=applied&timeoutMs=20000`,
    );
    expect(waited.status, `${id} has ${epoch}.${lsn}: ${await waited.text()}`).toBe(200);

    const found = await readAll(cluster.url(id));
    const missing = [...load.acknowledged].filter(([key, value]) => found.get(key) !== value);
    expect(missing, `acknowledged and not on ${id}`).toEqual([]);
  }
}

async function readAll(url: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  let after = '';
  for (;;) {
    const response = await fetch(`${url}/v1/kv?prefix=load/&limit=500${after}`);
    expect(response.status).toBe(200);
    const page = (await response.json()) as {
      entries: { key: string; value64: string }[];
      more: boolean;
    };
    for (const { key, value64 } of page.entries) {
      found.set(key, Buffer.from(value64, 'base64').toString('utf8'));
    }
    const last = page.entries.at(-1);
    if (!page.more || last === undefined) return found;
    after = `&after=${encodeURIComponent(last.key)}`;
  }
}
