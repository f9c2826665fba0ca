/**
 * A whole cluster in one process, from one seed: nodes on simulated machines, clients, and faults. A run breaks
 * things for a while, checking the promises after every step; then it heals everything, and demands a leader within a
 * bound, and equal logs.
 */
import type { FollowerStatus } from '../node/api/api.ts';
import type { Failover } from '../node/api/trigger.ts';
import { Bystanders } from './bystanders.ts';
import { ClusterChecker } from './cluster-checker.ts';
import { hasRotInLog } from './disk-loss.ts';
import { SimViolation } from './golden-log.ts';
import { History } from '../check/history.ts';
import { judgeLinearizable } from '../check/linearizability.ts';
import { judgeLocalReads } from '../check/local-reads.ts';
import { Onlooker } from './onlooker.ts';
import { SimClient } from './sim-client.ts';
import type { SeededEntropy } from '../ports/seeded-entropy.ts';
import { SimMachine, type NodeFactory, type Retention } from './sim-machine.ts';
import { SimNemesis } from './sim-nemesis.ts';
import { retentionOf, SHAPES, traitsOf } from './sim-shapes.ts';
import { SimNetwork } from './sim-network.ts';
import { SimWorld } from './sim-world.ts';
import type { SimRunLimits } from './sim-world.ts';

export interface ClusterOptions {
  readonly seed: number;
  readonly voters: number;
  readonly quorum: number;
  readonly segmentBytes: number;
  /** Failover mode; `manual` unless given. */
  readonly failover?: Failover;
  readonly retention?: Retention | undefined;
  readonly open: NodeFactory;
}

const POLL_MS = 50;
/** Numbers of clients: those that stay with a leader, and those that do not. */
const CLIENTS = 3;
const RESTLESS_CLIENTS = 2;
const TRACE_MAX = 400;

/** Machines, network and checker of a cluster; the caller decides what happens to them. */
export class SimCluster {
  readonly world: SimWorld;
  readonly network: SimNetwork;
  /** Machines of the voters. */
  readonly machines: readonly SimMachine[];
  readonly checker: ClusterChecker;
  readonly quorum: number;
  readonly #newMachine: (nodeId: string, address?: string) => SimMachine;
  readonly #learners: SimMachine[] = [];
  #duplicates = 0;
  /** History of the clients' operations. */
  readonly history: History;
  readonly #trace: string[] = [];
  #violation: unknown;
  #failed: (violation: unknown) => void = () => undefined;

  constructor(options: ClusterOptions) {
    const { seed, voters, quorum, segmentBytes, failover = 'manual', open } = options;
    const { retention } = options;
    this.world = new SimWorld(seed);
    this.quorum = quorum;
    this.history = new History(() => this.world.clock.nowMs());
    this.network = new SimNetwork(this.world.clock, { seed });
    const peers = Array.from({ length: voters }, (_, index) => ({
      nodeId: `n${index + 1}`,
      address: `n${index + 1}`,
    }));
    const { world, network } = this;
    const newMachine = (nodeId: string, address = nodeId): SimMachine =>
      new SimMachine({
        world,
        network,
        nodeId,
        address,
        peers,
        quorum,
        segmentBytes,
        failover,
        retention,
        open,
        note: (text) => this.note(text),
      });
    this.#newMachine = newMachine;
    this.machines = peers.map(({ nodeId }) => newMachine(nodeId));
    this.checker = new ClusterChecker(this.machines, quorum);
    for (const machine of this.machines) {
      machine.disk.watch = (operation) => {
        this.#judge(() => this.checker.before(machine, operation));
      };
    }
    // A momentary violation is seen only in its moment.
    world.watch = (process) => {
      const machine = this.machines.find((one) => one.process === process);
      if (machine !== undefined) this.#judge(() => this.checker.look(machine));
    };
    network.watch = (from, message) => {
      const machine = this.machines.find(({ address }) => address === from);
      if (machine !== undefined) this.#judge(() => this.checker.sent(machine, message));
    };
  }

  /** Events of the run, latest last, with virtual milliseconds. */
  get trace(): readonly string[] {
    return this.#trace;
  }

  note(text: string): void {
    this.#trace.push(`${this.world.clock.nowMs().toFixed(1).padStart(9)} ${text}`);
    if (this.#trace.length > TRACE_MAX) this.#trace.shift();
  }

  /** Ends the run with this failure. */
  fail(violation: unknown): void {
    this.#violation ??= violation;
    this.#failed(violation);
  }

  /** Runs `main` under the checker. @throws Error with seed, violation and trace. */
  async run<T>(main: () => Promise<T>, limits: SimRunLimits = {}): Promise<T> {
    const { world } = this;
    const violated = new Promise<never>((_, reject) => {
      this.#failed = (violation) => {
        reject(violation instanceof Error ? violation : new Error(String(violation)));
      };
    });
    try {
      return await world.run(Promise.race([main(), violated]), limits);
    } catch (cause) {
      const trace = this.#trace.slice(-60).join('\n');
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${message}\n${trace}\n${this.describe()}`, { cause });
    }
  }

  /** Creates a machine for a node that is no voter; the checker ignores it. */
  learner(nodeId: string): SimMachine {
    const machine = this.#newMachine(nodeId);
    this.#learners.push(machine);
    return machine;
  }

  /**
   * Creates another machine for a second node of the same id, with a copy of its disk or an empty one. The checker
   * ignores it.
   */
  duplicate({ nodeId, disk }: SimMachine, withCopy: boolean): SimMachine {
    this.#duplicates += 1;
    const machine = this.#newMachine(nodeId, `${nodeId}-copy-${this.#duplicates}`);
    if (withCopy) machine.disk.restore(disk.backup());
    return machine;
  }

  machine(nodeId: string): SimMachine {
    const found = [...this.machines, ...this.#learners].find(
      (machine) => machine.nodeId === nodeId,
    );
    if (found === undefined) throw new RangeError(`no machine ${nodeId}`);
    return found;
  }

  /** Describes the nodes, one line each. */
  describe(): string {
    return this.machines
      .map(({ nodeId, node, failure }) => {
        const status = node?.status();
        if (status === undefined) return `${nodeId} is down: ${String(failure)}`;
        const { role, state, epoch, durable, committedLsn, applied, promise } = status;
        return (
          `${nodeId} ${role} ${state} epoch ${epoch} durable ${durable.epoch}.${durable.lsn} committed ${committedLsn} ` +
          `applied ${applied.epoch}.${applied.lsn} promise ${promise.epoch} ` +
          `${status.notReady?.code ?? 'ready'}: ${status.notReady?.message ?? ''} ${status.commitWaits?.code ?? ''}` +
          status.followers.map(describeFollower).join('')
        );
      })
      .join('\n');
  }

  /** True if every node is durable, committed and applied at one position, under one leader, and no log is rotten. */
  get isSettled(): boolean {
    const all = this.machines.map(({ node }) => node?.status());
    const leader = all.find((status) => status?.role === 'leader');
    if (leader === undefined || this.machines.some(({ disk }) => hasRotInLog(disk))) return false;
    const { lsn, chain } = leader.durable;
    return all.every(
      (status) =>
        status?.durable.lsn === lsn &&
        status.durable.chain === chain &&
        status.committedLsn === lsn &&
        status.applied.lsn === lsn &&
        status.state === 'intact',
    );
  }

  /** Waits until `condition` holds. @throws Error naming `what` after `limitMs`. */
  async until(what: string, limitMs: number, condition: () => boolean): Promise<void> {
    const { world } = this;
    const endMs = world.clock.nowMs() + limitMs;
    while (!condition()) {
      if (world.clock.nowMs() > endMs) throw new Error(`${what} did not come within ${limitMs} ms`);
      await world.pass(POLL_MS);
    }
  }

  #judge(look: () => void): void {
    if (this.#violation !== undefined) return;
    try {
      look();
    } catch (violation) {
      this.fail(violation);
    }
  }
}

function describeFollower(follower: FollowerStatus): string {
  const { nodeId, connected, state, durableLsn, reason } = follower;
  const how = connected ? `connected ${state} durable ${durableLsn}` : 'not connected';
  return `\n   ${nodeId} ${how} ${reason?.code ?? ''} ${reason?.message ?? ''}`;
}

/** Operator who watches the cluster: promotes a node where none leads. */
export class SimOperator {
  readonly #cluster: SimCluster;
  readonly #entropy: SeededEntropy;
  #running = true;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#entropy = cluster.world.entropy.fork('operator');
  }

  stop(): void {
    this.#running = false;
  }

  async run(): Promise<void> {
    const { world, machines } = this.#cluster;
    let stuckMs = 0;
    let committedLsn = 0;
    while (this.#running) {
      const waitMs = this.#entropy.between(300, 1_200);
      await world.pass(waitMs);
      const leads = machines.some(({ node }) => node?.status().role === 'leader');
      const moved = this.#cluster.checker.golden.end > committedLsn;
      committedLsn = this.#cluster.checker.golden.end;
      stuckMs = moved ? 0 : stuckMs + waitMs;
      const patienceMs = leads ? 10_000 : 2_000;
      const up = machines.filter(({ node }) => node !== undefined);
      if (stuckMs < patienceMs || up.length === 0) continue;
      stuckMs = 0;
      const { nodeId, node } = this.#entropy.pick(up);
      this.#cluster.note(`the operator promotes ${nodeId}`);
      node?.promote().then(
        ({ epoch }) => this.#cluster.note(`${nodeId} leads epoch ${epoch}`),
        (error: unknown) => this.#cluster.note(`${nodeId} cannot lead: ${String(error)}`),
      );
    }
  }
}

export interface RunSummary {
  readonly seed: number;
  readonly voters: number;
  readonly quorum: number;
  readonly failover: Failover;
  readonly events: number;
  readonly virtualMs: number;
  readonly records: number;
  readonly counts: ClusterChecker['counts'];
  /** Digest that is equal for equal runs. */
  readonly digest: string;
  readonly trace: readonly string[];
}

const LEADER_LIMIT_MS = 60_000;
const SETTLE_LIMIT_MS = 120_000;

/** Runs one seed; every choice in the run is drawn from it. */
export async function runSeed(seed: number, open: NodeFactory): Promise<RunSummary> {
  const shapes = new SimWorld(seed).entropy.fork('shape');
  const [voters, quorum] = shapes.pick(SHAPES);
  const segmentBytes = shapes.pick([4, 16, 64]) * 1024;
  const forMs = shapes.between(2_000, 8_000);
  const failover = shapes.pick<Failover>(['manual', 'auto']);
  const shape = { voters, quorum, segmentBytes, failover, retention: retentionOf(seed) };
  const cluster = new SimCluster({ seed, ...shape, open });
  await cluster.run(() => live(cluster, { forMs, failover }));
  const { world, checker } = cluster;
  return {
    seed,
    voters,
    quorum,
    failover,
    events: world.events,
    virtualMs: world.clock.nowMs(),
    records: checker.golden.end,
    counts: checker.counts,
    digest: `${world.events} ${world.clock.nowMs()} ${checker.golden.end}`,
    trace: cluster.trace,
  };
}

async function live(
  cluster: SimCluster,
  { forMs, failover }: { readonly forMs: number; readonly failover: Failover },
): Promise<void> {
  const { world, network, machines, checker, quorum } = cluster;
  const nemesis = new SimNemesis({
    world,
    network,
    machines,
    checker,
    quorum,
    entropy: world.entropy.fork('nemesis'),
    duplicate: (machine, withCopy) => cluster.duplicate(machine, withCopy),
    note: (text) => cluster.note(text),
  });
  const operator = new SimOperator(cluster);
  const clients = Array.from(
    { length: CLIENTS + RESTLESS_CLIENTS },
    (_, index) =>
      new SimClient({
        name: `c${index + 1}`,
        restless: index >= CLIENTS,
        world,
        machines,
        checker,
        history: cluster.history,
        entropy: world.entropy.fork(`client ${index + 1}`),
        onViolation: (violation) => cluster.fail(violation),
      }),
  );
  const onFailure = (error: unknown): void => cluster.fail(error);
  const bystanders = new Bystanders(cluster, traitsOf(world.seed));
  for (const machine of machines) machine.start();
  // With an automatic trigger there is no operator to help.
  if (failover === 'manual') operator.run().catch(onFailure);
  await cluster.until('the birth of the cluster', LEADER_LIMIT_MS, () => checker.golden.end > 0);
  for (const client of clients) client.run().catch(onFailure);
  bystanders.run(onFailure);
  nemesis.run().catch(onFailure);
  nemesis.restart().catch(onFailure);
  nemesis.breakDisks().catch(onFailure);
  const onlooker = new Onlooker({ world, machines, checker, onViolation: onFailure });
  onlooker.run().catch(onFailure);
  await world.pass(forMs);

  nemesis.stop();
  bystanders.stop();
  cluster.note('--- from here on nothing breaks any more');
  nemesis.healAll();
  const [before, healedMs] = [checker.golden.end, world.clock.nowMs()];
  await cluster.until('a commit', LEADER_LIMIT_MS, () => {
    // A node whose disk failed just before is started once more.
    nemesis.startAll();
    return checker.golden.end > before;
  });
  cluster.note(`commits again after ${(world.clock.nowMs() - healedMs).toFixed(0)} ms`);
  for (const client of clients) client.stop();
  await cluster.until('equal logs', SETTLE_LIMIT_MS, () => {
    nemesis.startAll();
    return cluster.isSettled && bystanders.isSettled(machines[0]?.node?.status().durable);
  });
  operator.stop();
  await world.pass(1_000);
  onlooker.stop();
  checker.finish();
  judgeHistory(cluster.history);
}

/**
 * Judges the history of the clients. @throws SimViolation where it cannot be explained, or could not be judged within
 * the bound.
 */
export function judgeHistory(history: History): void {
  const judged = judgeLinearizable(history);
  if (judged.kind === 'violation') throw new SimViolation(`${judged.code}: ${judged.message}`);
  if (judged.kind === 'unknown') throw new SimViolation(judged.message);
  const broken = judgeLocalReads(history);
  if (broken !== undefined) throw new SimViolation(`${broken.code}: ${broken.message}`);
}
