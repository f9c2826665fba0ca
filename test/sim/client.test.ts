/**
 * Goal: under any fault, the client library tells the truth of every write, writes nothing twice, shows its own writes, and its
 * watches have neither gap nor repeat.
 * Method: clients, as they are, of whole simulated clusters; crashes, power cuts, partitions, and links of clients that break or go silent. The
 * committed log, which the simulation knows, is the judge.
 */
import { describe, expect, test } from 'vitest';
import { Client } from '../../src/client/client.ts';
import { isWalshipError } from '../../src/errors.ts';
import type { WalshipError } from '../../src/errors.ts';
import { Turns } from '../../src/ports/turns.ts';
import { BODIES_BYTES_MAX } from '../../src/server/limits.ts';
import { ByteBudget } from '../../src/server/byte-budget.ts';
import { ClientSessions } from '../../src/server/client-sessions.ts';
import { openSimNode } from '../../src/sim/open-node.ts';
import { SimCluster } from '../../src/sim/sim-cluster.ts';
import type { SimMachine } from '../../src/sim/sim-machine.ts';
import { SimNemesis } from '../../src/sim/sim-nemesis.ts';

const SEEDS = 40;
const SEEDS_PER_TEST = 10;
const FROM = 71_000;
const LIMIT_MS = 120_000;
const CALL_MS = 4_000;

/** Where clients reach a node; its peers use another address. */
const clientAddress = (nodeId: string): string => `${nodeId}:80`;

/** Serves clients of each node, in each of its lives. */
function serveClients(cluster: SimCluster): void {
  const served = new Set<object>();
  const look = ({ nodeId, node, process }: SimMachine): void => {
    if (node === undefined || process === undefined || served.has(node)) return;
    served.add(node);
    const address = clientAddress(nodeId);
    const delay = { read: () => ({ p99Ms: 0, maxMs: 0 }) };
    const answers = { wrote: () => undefined, failed: () => undefined };
    const shared = {
      bodies: new ByteBudget(BODIES_BYTES_MAX),
      delay,
      answers,
      watchers: 0,
      turns: new Turns(process),
    };
    const log = {
      error: (fields: object) => cluster.fail(new Error('a bug', { cause: fields })),
    };
    const sessions = new ClientSessions({ node, clock: process, shared, log });
    cluster.network.listen(address, process, (link) => sessions.accept(link));
    process.onDeath(() => cluster.network.died(address, 'kill'));
  };
  const tick = (): void => {
    for (const machine of cluster.machines) look(machine);
    cluster.world.clock.schedule(5, tick);
  };
  tick();
}

/** What one client did, and was told. */
interface Told {
  readonly acknowledged: Map<string, string>;
  readonly rejected: string[];
  readonly indeterminate: string[];
  /** Changes of the keys below `own/`, as `version value`. */
  readonly watched: string[];
}

class Worker {
  readonly told: Told = { acknowledged: new Map(), rejected: [], indeterminate: [], watched: [] };
  readonly name: string;
  readonly #db: Client;
  readonly #cluster: SimCluster;
  #running = true;
  #count = 0;

  constructor(name: string, cluster: SimCluster) {
    const { world, network } = cluster;
    const process = world.process();
    const dialer = network.dialer(name, process);
    this.name = name;
    this.#cluster = cluster;
    this.#db = new Client({
      nodes: cluster.machines.map(({ nodeId }) => clientAddress(nodeId)),
      dialer: { dial: (address) => dialer.dial(address) },
      clock: process,
      entropy: world.entropy.fork(name),
      timeoutMs: CALL_MS,
    });
  }

  async run(): Promise<void> {
    const entropy = this.#cluster.world.entropy.fork(`${this.name} chooses`);
    while (this.#running) {
      await this.#cluster.world.pass(entropy.between(1, 60));
      const dice = entropy.fraction();
      if (dice < 0.5) await this.#write();
      else if (dice < 0.8) await this.#count1();
      else await this.#readOwn(entropy.chance(0.5) ? 'local' : 'linearizable');
    }
  }

  async watch(signal: AbortSignal): Promise<void> {
    const options = { after: '0.0', prefix: 'own/', signal, timeoutMs: LIMIT_MS };
    for await (const { version, value } of this.#db.watch(options)) {
      this.told.watched.push(`${version} ${value.toString()}`);
    }
  }

  stop(): void {
    this.#running = false;
  }

  async close(): Promise<void> {
    await this.#db.close();
  }

  /** Overwrites its own key, without a condition; each value is written once. */
  async #write(): Promise<void> {
    const value = `${this.name} ${(this.#count += 1)}`;
    try {
      const { version } = await this.#db.put(`own/${this.name}`, value);
      this.told.acknowledged.set(value, version);
    } catch (error) {
      this.#failed(value, error);
    }
  }

  /** Counts up, on the exact version that it read. */
  async #count1(): Promise<void> {
    try {
      const found = await this.#db.get('counter', { read: 'local' });
      if (found === undefined) return;
      const value = `${Number(found.value.toString().split(' ')[0]) + 1} ${this.name} ${(this.#count += 1)}`;
      try {
        const { version } = await this.#db.put('counter', value, { ifMatch: found.version });
        this.told.acknowledged.set(value, version);
      } catch (error) {
        this.#failed(value, error);
      }
    } catch (error) {
      if (!isWalshipError(error)) throw error;
    }
  }

  /** Its newest acknowledged write, or one that it sent later. */
  async #readOwn(read: 'local' | 'linearizable'): Promise<void> {
    const own = [...this.told.acknowledged.keys()].filter((value) => value.startsWith(this.name));
    const least = Number(own.at(-1)?.split(' ')[1] ?? 0);
    try {
      const found = await this.#db.get(`own/${this.name}`, { read });
      const shown = Number(found?.value.toString().split(' ')[1] ?? 0);
      if (shown < least) throw new Error(`${this.name} wrote ${least} and was shown ${shown}`);
    } catch (error) {
      if (!isWalshipError(error)) throw error;
    }
  }

  #failed(value: string, error: unknown): void {
    if (!isWalshipError(error)) throw error;
    if (error.outcome === undefined) {
      throw new Error('a write without an outcome', { cause: error });
    }
    this.#note(value, error);
    this.told[error.outcome].push(value);
  }

  #note(value: string, { code, outcome, message }: WalshipError): void {
    this.#cluster.note(`"${value}" is ${String(outcome)}: ${code} ${message}`);
  }
}

/** Links of clients break, or nothing gets through for a while. */
async function troubleClients(cluster: SimCluster, workers: readonly Worker[], on: () => boolean) {
  const { world, network, machines } = cluster;
  const entropy = world.entropy.fork('client trouble');
  while (on()) {
    await world.pass(entropy.between(100, 1_500));
    const { name } = entropy.pick(workers);
    const address = clientAddress(entropy.pick(machines).nodeId);
    const trouble = entropy.pick(['break', 'break', 'deaf', 'mute'] as const);
    if (trouble === 'break') network.breakLinks(name, address);
    if (trouble === 'deaf') network.cut(address, name);
    if (trouble === 'mute') network.cut(name, address);
    if (entropy.chance(0.3)) network.heal();
  }
}

async function runClients(seed: number): Promise<Map<string, number>> {
  const cluster = new SimCluster({
    seed,
    voters: 3,
    quorum: 2,
    segmentBytes: 64 * 1024,
    failover: 'auto',
    open: openSimNode,
  });
  const { world, network, machines, checker, quorum } = cluster;
  const workers = ['c1', 'c2', 'c3'].map((name) => new Worker(name, cluster));
  const entropy = world.entropy.fork('nemesis');
  const note = (text: string): void => cluster.note(text);
  const nemesis = new SimNemesis({
    world,
    network,
    machines,
    checker,
    quorum,
    entropy,
    note,
    duplicate: (machine, withCopy) => cluster.duplicate(machine, withCopy),
  });
  const fail = (error: unknown): void => cluster.fail(error);
  await cluster.run(async () => {
    for (const machine of machines) machine.start();
    serveClients(cluster);
    await cluster.until('birth', LIMIT_MS, () => cluster.isSettled);
    await seedCounter(machines);
    const abort = new AbortController();
    let troubled = true;
    const ends = workers.map((worker) => worker.run().catch(fail));
    const watches = workers.map((worker) => worker.watch(abort.signal).catch(fail));
    nemesis.run().catch(fail);
    nemesis.restart().catch(fail);
    const trouble = troubleClients(cluster, workers, () => troubled).catch(fail);
    await world.pass(8_000);

    troubled = false;
    nemesis.stop();
    nemesis.healAll();
    await trouble;
    network.heal();
    await cluster.until('an end', LIMIT_MS, () => {
      for (const machine of machines) machine.start();
      const shown = workers.every(({ told }) => told.watched.length >= ownWrites(cluster).length);
      return cluster.isSettled && shown && allAcknowledged(workers) > 0;
    });
    for (const worker of workers) worker.stop();
    await Promise.all(ends);
    await cluster.until('equal logs', LIMIT_MS, () => cluster.isSettled);
    await world.pass(500);
    checker.finish();
    abort.abort();
    await Promise.all(watches);
    for (const worker of workers) await worker.close();
    judge(cluster, workers);
  });
  return countsOf(workers);
}

async function seedCounter(machines: readonly SimMachine[]): Promise<void> {
  const leader = machines.find(({ node }) => node?.status().role === 'leader')?.node;
  const op = { op: 'put' as const, key: Buffer.from('counter'), value: Buffer.from('0') };
  await leader?.write({ conditions: [], ops: [op], ack: 'quorum', timeoutMs: CALL_MS });
}

function allAcknowledged(workers: readonly Worker[]): number {
  return workers.reduce((sum, { told }) => sum + told.acknowledged.size, 0);
}

function ownWrites({ checker }: SimCluster): string[] {
  return checker.golden.records
    .filter(({ key }) => key.startsWith('own/'))
    .map(({ epoch, lsn, value }) => `${epoch}.${lsn} ${String(value)}`);
}

function judge(cluster: SimCluster, workers: readonly Worker[]): void {
  const { records } = cluster.checker.golden;
  const versions = new Map<string, string[]>();
  let count = 0;
  for (const { key, value, epoch, lsn } of records) {
    const text = String(value);
    versions.set(text, [...(versions.get(text) ?? []), `${epoch}.${lsn}`]);
    if (key !== 'counter') continue;
    if (Number(text.split(' ')[0]) !== count) {
      throw new Error(`the counter goes from ${count} to "${text}"`);
    }
    count += 1;
  }
  const own = ownWrites(cluster);
  for (const { name, told } of workers) {
    for (const [value, version] of told.acknowledged) {
      expect({ value, at: versions.get(value) }).toEqual({ value, at: [version] });
    }
    for (const value of told.rejected) {
      expect({ name, rejected: value, at: versions.get(value) }).toEqual({
        name,
        rejected: value,
        at: undefined,
      });
    }
    for (const value of told.indeterminate) {
      expect(
        versions.get(value)?.length ?? 0,
        `${name}: "${value}" was written twice`,
      ).toBeLessThan(2);
    }
    // It may have ended before it was shown the last ones.
    expect(told.watched).toEqual(own.slice(0, told.watched.length));
    expect(told.watched.length).toBeGreaterThan(0);
  }
}

function countsOf(workers: readonly Worker[]): Map<string, number> {
  const sum = (of: (told: Told) => number): number =>
    workers.reduce((total, { told }) => total + of(told), 0);
  return new Map([
    ['acknowledged', sum(({ acknowledged }) => acknowledged.size)],
    ['rejected', sum(({ rejected }) => rejected.length)],
    ['indeterminate', sum(({ indeterminate }) => indeterminate.length)],
  ]);
}

const ranges = Array.from({ length: SEEDS / SEEDS_PER_TEST }, (_, index) => ({
  from: FROM + index * SEEDS_PER_TEST,
}));

describe('clients of a cluster under faults are told the truth', () => {
  test.for(ranges)('ten seeds from $from', async ({ from }) => {
    for (let seed = from; seed < from + SEEDS_PER_TEST; seed += 1) await runClients(seed);
  });

  test('and every outcome comes up', async () => {
    const totals = new Map<string, number>();
    for (let seed = FROM; seed < FROM + 5; seed += 1) {
      for (const [name, count] of await runClients(seed)) {
        totals.set(name, (totals.get(name) ?? 0) + count);
      }
    }

    for (const name of ['acknowledged', 'rejected', 'indeterminate']) {
      expect(totals.get(name), name).toBeGreaterThan(0);
    }
  });
});
