/**
 * Runs one drill from its start to its recording: a cluster, clients, the steps of a scenario, healing, and a look at
 * the final states.
 */
import { WalshipError } from '../../errors.ts';
import type { Disk } from '../../ports/disk.ts';
import { SeededEntropy } from '../../ports/seeded-entropy.ts';
import type { AskNode } from '../target/ask-node.ts';
import { unequal, unsettled } from './convergence.ts';
import { WRITES_MIN } from '../recording/recording.ts';
import { finalStates, logDifferences, savedOf } from './finals.ts';
import { leftToHeal, scaledMs } from '../faults/left-to-heal.ts';
import { mayPurge } from '../scenario/needs.ts';
import type { FinalState, NodeSample, Recording, TimelineEvent } from '../recording/recording.ts';
import type { Scenario } from '../scenario/scenario.ts';
import { StepRunner } from './step-runner.ts';
import type { DrillTarget } from '../target/target.ts';
import { Timeline } from '../recording/timeline.ts';
import { unlessAborted } from './unless-aborted.ts';

/** Operations and observations of the clients. */
export type LoadRecord = Pick<
  Recording,
  'history' | 'setWrites' | 'transfers' | 'accounts' | 'accountReads' | 'watches' | 'readProbes'
>;

/** Clients of a drill, at work. */
export interface Load {
  /** Number of writes acknowledged so far. */
  readonly acknowledged: number;
  /** Number of writes rejected so far, by code. */
  readonly rejected: Readonly<Record<string, number>>;
  /** Starts nothing more; resolves once nothing is in flight, bounded. Watches continue. Idempotent. */
  stop(): Promise<void>;
  /** Gives up all calls and watches, and waits for nothing. Idempotent. */
  abandon(): void;
  /**
   * Waits until the watches have shown everything, bounded, except those at nodes that stay down, and ends them.
   * Idempotent.
   */
  finish(staysDown: readonly string[]): Promise<LoadRecord>;
}

/** Asks every node for its status, again and again. */
export interface Sampler {
  /** Stops sampling; resolves with the samples. Idempotent. */
  stop(): Promise<readonly NodeSample[]>;
}

export interface DrillParts {
  readonly target: DrillTarget;
  readonly disk: Disk;
  startLoad(request: LoadRequest): Promise<Load>;
  startSampler(request: Pick<LoadRequest, 'target' | 'nowMs'>): Sampler;
  readonly ask: AskNode;
  readonly clock: DrillClock;
}

export interface DrillClock {
  /** Returns the milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Returns milliseconds that only ever grow. */
  readonly monotonicMs: () => number;
  /** Resolves after `ms`; rejects with its reason when `signal` aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface LoadRequest {
  readonly target: DrillTarget;
  readonly ack: Scenario['ack'];
  readonly seed: number;
  /** Returns the time of the drill's clock in milliseconds. */
  readonly nowMs: () => number;
}

export interface DrillOptions {
  readonly seed: number;
  /** Length of all pauses of the scenario together; its own unless given. */
  readonly durationMs: number | undefined;
  readonly walship: string;
  readonly signal: AbortSignal;
  readonly onEvent: (event: TimelineEvent) => void;
  /** Called once clients are at work. */
  readonly onLoad: (load: Load, nowMs: () => number) => void;
}

/** Number of acknowledged writes before the first fault: a cluster that never worked cannot be broken. */
const WARM_UP_WRITES = 20;
const WARM_UP_MS_MAX = 30_000;
/** Milliseconds that the cluster may take to converge, under load and then without. */
const CONVERGE_MS_MAX = 90_000;
/** Milliseconds that clients continue after everything is healed, and the upper bound for that. */
const LOAD_AFTER_MS = 1_500;
const LOAD_AFTER_MS_MAX = 15_000;
/** Number of times that everything is read in the end, if the nodes are equal before but not during the reading. */
const FINALS_TRIES = 5;
const POLL_MS = 100;

/**
 * Runs a drill. The target is started here and left running in its final state: its creator closes it.
 * @throws WalshipError DRILL_FAILED where it could not be carried out; the reason of the signal where that aborts.
 */
export async function runDrill(
  scenario: Scenario,
  parts: DrillParts,
  options: DrillOptions,
): Promise<Recording> {
  return await new Drill(scenario, parts, options).run();
}

class Drill {
  readonly #scenario: Scenario;
  readonly #parts: DrillParts;
  readonly #options: DrillOptions;
  readonly #startedMs: number;
  readonly #timeline: Timeline;
  #load: Load | undefined;
  #sampler: Sampler | undefined;

  constructor(scenario: Scenario, parts: DrillParts, options: DrillOptions) {
    this.#scenario = scenario;
    this.#parts = parts;
    this.#options = options;
    this.#startedMs = parts.clock.monotonicMs();
    this.#timeline = new Timeline(this.#nowMs, options.onEvent);
  }

  readonly #nowMs = (): number => this.#parts.clock.monotonicMs() - this.#startedMs;

  readonly #pause = async (ms: number): Promise<void> => {
    await this.#parts.clock.sleep(ms, this.#options.signal);
  };

  async run(): Promise<Recording> {
    const startedAt = this.#parts.clock.wallMs();
    this.#note(`starts ${this.#scenario.cluster.nodes} nodes`);
    const { signal } = this.#options;
    await this.#parts.target.start(this.#scenario.cluster, signal);
    try {
      return await unlessAborted(this.#underLoad(startedAt), signal);
    } finally {
      // An aborted drill waits for no answer and no watch: the nodes are about to be killed.
      if (signal.aborted) this.#load?.abandon();
      else await this.#endLoad();
      await this.#sampler?.stop();
    }
  }

  async #endLoad(): Promise<void> {
    await this.#load?.stop();
    // The watches end too, without waiting for changes that they have not shown.
    await this.#load?.finish(this.#parts.target.nodes.map(({ nodeId }) => nodeId));
  }

  async #underLoad(startedAt: number): Promise<Recording> {
    const { target } = this.#parts;
    const { seed, signal } = this.#options;
    this.#sampler = this.#parts.startSampler({ target, nowMs: this.#nowMs });
    const load = await this.#parts.startLoad({
      target,
      ack: this.#scenario.ack,
      seed,
      nowMs: this.#nowMs,
    });
    this.#load = load;
    if (signal.aborted) load.abandon();
    signal.throwIfAborted();
    this.#options.onLoad(load, this.#nowMs);
    await this.#warmUp(load);

    const steps = this.#stepRunner(load);
    const faultsFromMs = this.#nowMs();
    await steps.run(this.#scenario.steps);
    const healedMs = await this.#heal(steps);
    const down = new Set(steps.meaningOf(this.#scenario.staysDown));
    await this.#converge(steps, {
      down,
      wrong: unsettled,
      what: 'the nodes are one cluster again',
    });
    await this.#loadAfter(load);

    await load.stop();
    const loadEndMs = this.#nowMs();
    this.#note('the clients have stopped');
    const beforeWatches = await this.#equal(steps, down);
    const loadRecord = await load.finish([...down]);
    this.#note('the watches have ended');
    const { finals, convergedMs } = await this.#finals(steps, { down, convergedMs: beforeWatches });
    const samples = await this.#sampler.stop();
    const logs = await this.#logs(finals, down);
    return {
      ...this.#head(startedAt, [...down]),
      phases: { faultsFromMs, healedMs, loadEndMs, convergedMs, endMs: this.#nowMs() },
      timeline: this.#timeline.events,
      faults: steps.faults,
      samples,
      ...loadRecord,
      ...logs,
    };
  }

  #head(
    startedAt: number,
    staysDown: readonly string[],
  ): Pick<
    Recording,
    'scenario' | 'target' | 'seed' | 'startedAt' | 'walship' | 'voters' | 'quorum' | 'staysDown'
  > {
    const { name, about, loss, lossByChance, cluster } = this.#scenario;
    const purges = mayPurge(this.#scenario);
    const { target } = this.#parts;
    return {
      scenario: { name, about, loss, lossByChance, purges },
      target: target.kind,
      seed: this.#options.seed,
      startedAt,
      walship: this.#options.walship,
      voters: target.nodes.map(({ nodeId }) => nodeId),
      quorum: cluster.quorum,
      staysDown,
    };
  }

  #stepRunner(load: Load): StepRunner {
    const { seed, signal, durationMs } = this.#options;
    return new StepRunner({
      target: this.#parts.target,
      timeline: this.#timeline,
      entropy: new SeededEntropy(seed).fork('drill'),
      nowMs: this.#nowMs,
      ask: this.#parts.ask,
      pause: this.#pause,
      acknowledged: () => load.acknowledged,
      rejected: () => load.rejected,
      signal,
      scaled: (afterMs) => scaledMs(afterMs, { ownMs: this.#scenario.durationMs, durationMs }),
    });
  }

  /** Heals everything that the steps left broken; resolves with the time at which that was done. */
  async #heal(steps: StepRunner): Promise<number> {
    const left = leftToHeal(steps.faults.map(({ fault }) => fault));
    const { network, disks, paused, crowded, starved } = left;
    if (network) await steps.apply({ kind: 'heal-network' });
    // A paused node receives no order.
    for (const node of paused) await steps.apply({ kind: 'resume', node });
    for (const node of crowded) await steps.apply({ kind: 'clients-leave', node });
    for (const node of starved) await steps.apply({ kind: 'heal-descriptors', node });
    for (const node of disks) await steps.apply({ kind: 'heal-disk', node });
    const down = new Set(steps.meaningOf(this.#scenario.staysDown));
    for (const { nodeId } of this.#parts.target.nodes) {
      if (!down.has(nodeId)) await steps.apply({ kind: 'start', node: nodeId });
    }
    this.#note('everything is healed');
    return this.#nowMs();
  }

  /** Waits until `wrong` returns nothing; resolves with false if that took too long, which the recording then notes. */
  async #converge(
    steps: StepRunner,
    {
      down,
      wrong,
      what,
    }: {
      readonly down: ReadonlySet<string>;
      readonly wrong: typeof unequal;
      readonly what: string;
    },
  ): Promise<boolean> {
    const startedMs = this.#nowMs();
    for (;;) {
      const { nodes } = await steps.look();
      const left = wrong(nodes.filter(({ nodeId }) => !down.has(nodeId)));
      const tookMs = Math.round(this.#nowMs() - startedMs);
      if (left.length === 0) {
        this.#note(`${what}, after ${tookMs} ms`);
        return true;
      }
      if (tookMs > CONVERGE_MS_MAX) {
        const text = `${left.join('; ')}, after ${tookMs} ms`;
        this.#timeline.note({
          kind: 'drill',
          text: `waits until ${what}`,
          nodes: [],
          expected: 'done',
          answer: { ok: false, code: 'WAIT_TIMEOUT', text, body: null },
        });
        return false;
      }
      await this.#pause(POLL_MS);
    }
  }

  /** Resolves with the time when all nodes hold the same; undefined: that took too long. */
  async #equal(steps: StepRunner, down: ReadonlySet<string>): Promise<number | undefined> {
    const what = 'all nodes hold the same';
    return (await this.#converge(steps, { down, wrong: unequal, what }))
      ? this.#nowMs()
      : undefined;
  }

  /**
   * Reads the final state of every node at one moment at which all are equal. They were equal before, but with
   * automatic failover the lead may change in between, which puts a record into every log, one after the other: nodes
   * asked in the middle of that are asked again, within a bound.
   */
  async #finals(
    steps: StepRunner,
    {
      down,
      convergedMs,
    }: { readonly down: ReadonlySet<string>; readonly convergedMs: number | undefined },
  ): Promise<{ readonly finals: readonly FinalState[]; readonly convergedMs: number | undefined }> {
    const { target, ask } = this.#parts;
    let equalMs = convergedMs;
    for (let attempt = 1; ; attempt += 1) {
      const finals = await finalStates(target, ask);
      const left = unequal(finals.filter(({ nodeId }) => !down.has(nodeId)));
      // Nodes that were never equal are not asked again.
      const settled = equalMs === undefined || left.length === 0 || attempt === FINALS_TRIES;
      if (settled) return { finals, convergedMs: equalMs };
      this.#note(`looks at all nodes again, since ${left.join('; ')}`);
      equalMs = await this.#equal(steps, down);
    }
  }

  /** Stops the nodes, and reads what they leave on their disks. */
  async #logs(
    finals: readonly FinalState[],
    down: ReadonlySet<string>,
  ): Promise<Pick<Recording, 'finals' | 'logDifferences'>> {
    const { target, disk } = this.#parts;
    const dirs: { nodeId: string; dir: string; durableLsn: number | undefined }[] = [];
    const withSaved: FinalState[] = [];
    for (const { nodeId } of finals) {
      if (target.isUp(nodeId)) await target.apply({ kind: 'stop', node: nodeId });
    }
    for (const final of finals) {
      const { nodeId, status } = final;
      const durableLsn = status?.durable.lsn;
      const dir = await target.dataDir(nodeId);
      if (dir !== undefined && !down.has(nodeId)) dirs.push({ nodeId, dir, durableLsn });
      withSaved.push({ ...final, saved: await savedOf(disk, dir) });
    }
    return { finals: withSaved, logDifferences: await logDifferences(disk, dirs) };
  }

  /** Continues the load for a while, and until enough of it was acknowledged to be meaningful, within bounds. */
  async #loadAfter(load: Load): Promise<void> {
    const startedMs = this.#nowMs();
    const before = load.acknowledged;
    await this.#pause(LOAD_AFTER_MS);
    while (load.acknowledged - before < 2 * WRITES_MIN) {
      if (this.#nowMs() - startedMs > LOAD_AFTER_MS_MAX) return;
      await this.#pause(POLL_MS);
    }
  }

  async #warmUp(load: Load): Promise<void> {
    const startedMs = this.#nowMs();
    while (load.acknowledged < WARM_UP_WRITES) {
      if (this.#nowMs() - startedMs > WARM_UP_MS_MAX) {
        const count = `${load.acknowledged} of ${WARM_UP_WRITES} writes`;
        const message = `the cluster acknowledged ${count} within ${WARM_UP_MS_MAX} ms, before any fault`;
        throw new WalshipError('DRILL_FAILED', message);
      }
      await this.#pause(POLL_MS);
    }
  }

  #note(text: string): void {
    this.#timeline.note({ kind: 'drill', text, nodes: [] });
  }
}
