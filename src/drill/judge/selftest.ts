/**
 * Test of the judge: a real cluster, the load of a drill, and one lie at a time, each of which has to turn its check
 * red.
 */
import type { AskNode } from '../target/ask-node.ts';
import { unequal } from '../run/convergence.ts';
import { describeAction } from '../faults/actions.ts';
import type { DrillClient } from '../load/drill-client.ts';
import { finalStates } from '../run/finals.ts';
import { judge } from './judge.ts';
import { LiveClient } from '../load/live-client.ts';
import { carryOut, requestsOf } from '../run/orders.ts';
import { PLANTS } from './plants.ts';
import type { Plant } from './plants.ts';
import type { Recording } from '../recording/recording.ts';
import type { DrillClock } from '../run/runner.ts';
import { startSampler } from '../load/sampler.ts';
import type { ClusterShape, DrillTarget } from '../target/target.ts';
import { Timeline } from '../recording/timeline.ts';
import { unlessAborted } from '../run/unless-aborted.ts';
import type { Check, Verdict } from './verdict.ts';
import { Workload } from '../load/workload.ts';

export interface SelftestOptions {
  /** Target, which is started here and left running: its creator closes it. */
  readonly target: DrillTarget;
  readonly ask: AskNode;
  readonly clock: DrillClock;
  readonly seed: number;
  readonly walship: string;
  readonly signal: AbortSignal;
  /** Called with each result when it comes in. */
  readonly onResult: (result: SelftestResult) => void;
}

/** Result of one planted fault. */
export interface SelftestResult {
  readonly name: string;
  readonly about: string;
  /** Check that had to turn red; undefined: none. */
  readonly expected: Check['code'] | undefined;
  /** True if it did; without an expected check: if none did. */
  readonly passed: boolean;
  /** Checks that turned red. */
  readonly red: readonly Check['code'][];
  /** Findings of the expected check, or any findings if nothing had been planted. */
  readonly message: string;
  readonly tookMs: number;
}

const SHAPE: ClusterShape = { nodes: 3, quorum: 2, failover: 'manual', options: {} };
/** Minimum length in milliseconds of each phase: before, during and after the pretended faults. */
const PHASE_MS = 500;
/** Number of acknowledged writes that a phase waits for, on a busy machine. */
const PHASE_WRITES = 40;
/** Longest extra time of that wait: where no write is acknowledged any longer, that is the planted fault. */
const PHASE_MORE_MS_MAX = 3_000;
const EQUAL_MS_MAX = 1_500;
const WATCHES_MS_MAX = 2_000;
const POLL_MS = 20;
const ORDER_MS_MAX = 5_000;

/**
 * Runs every plant in turn on one cluster.
 * @throws WalshipError DRILL_FAILED where it could not be carried out; the reason of the signal where that aborts.
 */
export async function runSelftest(options: SelftestOptions): Promise<readonly SelftestResult[]> {
  const { target, clock, onResult, signal } = options;
  await target.start(SHAPE, signal);
  const live = new LiveClient(target.nodes);
  const results: SelftestResult[] = [];
  try {
    for (const [index, plant] of PLANTS.entries()) {
      const startedMs = clock.monotonicMs();
      const client = plant.client?.(live) ?? live;
      const recording = await unlessAborted(
        new SelftestRun(plant, options, index).record(client),
        signal,
      );
      const result = resultOf(plant, judge(recording), clock.monotonicMs() - startedMs);
      results.push(result);
      onResult(result);
    }
  } finally {
    await live.close();
  }
  return results;
}

function resultOf(plant: Plant, { checks }: Verdict, tookMs: number): SelftestResult {
  const { name, about, expected } = plant;
  const red = checks.filter(({ passed }) => !passed);
  const found = expected === undefined ? red[0] : red.find(({ code }) => code === expected);
  return {
    name,
    about,
    expected,
    passed: expected === undefined ? red.length === 0 : found !== undefined,
    red: red.map(({ code }) => code),
    message: found?.message ?? (expected === undefined ? 'nothing was found' : 'was not noticed'),
    tookMs,
  };
}

/** A short run, under keys of its own. */
class SelftestRun {
  readonly #plant: Plant;
  readonly #options: SelftestOptions;
  readonly #ask: AskNode;
  readonly #prefix: string;
  readonly #seed: number;
  readonly #startedMs: number;
  readonly #timeline: Timeline;

  constructor(plant: Plant, options: SelftestOptions, index: number) {
    const { ask, target, clock, seed } = options;
    this.#plant = plant;
    this.#options = options;
    const liar = target.nodes.at(-1)?.url ?? '';
    this.#prefix = `run-${String(index).padStart(2, '0')}/`;
    const own: AskNode = {
      ...ask,
      entries: async (url) => onlyBelow(this.#prefix, await ask.entries(url)),
    };
    this.#ask = plant.ask?.(own, liar) ?? own;
    this.#seed = seed + index;
    this.#startedMs = clock.monotonicMs();
    this.#timeline = new Timeline(this.#nowMs, () => undefined);
  }

  readonly #nowMs = (): number => this.#options.clock.monotonicMs() - this.#startedMs;

  async record(client: DrillClient): Promise<Recording> {
    const { target, clock } = this.#options;
    const startedAt = clock.wallMs();
    const statuses = await Promise.all(target.nodes.map(({ url }) => this.#ask.status(url)));
    const load = new Workload({
      client,
      seed: this.#seed,
      ack: this.#plant.loss === 'local' ? 'local' : 'quorum',
      nowMs: this.#nowMs,
      prefix: this.#prefix,
      watchFrom: statuses.find((status) => status?.role === 'leader')?.applied ?? NOTHING,
    });
    await load.prepare();
    const sampler = startSampler({ target, nowMs: this.#nowMs }, this.#ask);
    load.start();
    await this.#phase(load);
    const faultsFromMs = this.#nowMs();
    await this.#order();
    await this.#phase(load);
    const healedMs = this.#nowMs();
    await this.#phase(load);
    await load.stop();
    const loadEndMs = this.#nowMs();
    const convergedMs = await this.#equal();
    await load.finish(WATCHES_MS_MAX);
    const finals = await finalStates(target, this.#ask);
    const samples = await sampler.stop();
    return {
      ...this.#head(startedAt),
      phases: { faultsFromMs, healedMs, loadEndMs, convergedMs, endMs: this.#nowMs() },
      timeline: this.#timeline.events,
      faults: (this.#plant.faults ?? []).map((fault) => ({
        fromMs: faultsFromMs,
        toMs: faultsFromMs,
        fault,
      })),
      samples,
      ...load.recorded,
      finals,
      logDifferences: [],
    };
  }

  async #phase(load: Workload): Promise<void> {
    const goal = load.acknowledged + PHASE_WRITES;
    const endMs = this.#nowMs() + PHASE_MS + PHASE_MORE_MS_MAX;
    await this.#pause(PHASE_MS);
    while (load.acknowledged < goal && this.#nowMs() < endMs) await this.#pause(POLL_MS);
  }

  #head(
    startedAt: number,
  ): Pick<
    Recording,
    'scenario' | 'target' | 'seed' | 'startedAt' | 'walship' | 'voters' | 'quorum' | 'staysDown'
  > {
    const { name, about, loss = 'none' } = this.#plant;
    const { target, walship } = this.#options;
    return {
      scenario: { name, about, loss, lossByChance: false, purges: false },
      target: target.kind,
      seed: this.#seed,
      startedAt,
      walship,
      voters: target.nodes.map(({ nodeId }) => nodeId),
      quorum: SHAPE.quorum,
      staysDown: [],
    };
  }

  async #order(): Promise<void> {
    const { order } = this.#plant;
    if (order === undefined) return;
    const [first] = this.#options.target.nodes;
    const leaderUrl = first?.url;
    const requests = requestsOf(order, { urlOf: () => leaderUrl ?? '', leaderUrl });
    const answer = await carryOut(
      requests,
      async (request) => await this.#ask.call({ ...request, timeoutMs: ORDER_MS_MAX }),
    );
    this.#timeline.note({
      kind: 'operator',
      text: describeAction(order),
      nodes: [],
      expected: order.expect,
      expectedReason: order.reason,
      answer,
    });
  }

  /** Resolves with the time when all nodes were equal; undefined: not in time. */
  async #equal(): Promise<number | undefined> {
    const endMs = this.#nowMs() + EQUAL_MS_MAX;
    const { nodes } = this.#options.target;
    for (;;) {
      const said = await Promise.all(
        nodes.map(async ({ nodeId, url }) => ({ nodeId, status: await this.#ask.status(url) })),
      );
      if (unequal(said).length === 0) return this.#nowMs();
      if (this.#nowMs() > endMs) return undefined;
      await this.#pause(POLL_MS);
    }
  }

  async #pause(ms: number): Promise<void> {
    await this.#options.clock.sleep(ms, this.#options.signal);
  }
}

const NOTHING = { epoch: 0, lsn: 0 };

function onlyBelow(
  prefix: string,
  entries: Awaited<ReturnType<AskNode['entries']>>,
): typeof entries {
  if (entries === undefined) return undefined;
  return new Map([...entries].filter(([key]) => key.startsWith(prefix)));
}
