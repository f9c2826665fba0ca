/** Carries out the steps of a scenario, one after the other, every wait bounded. */
import type { NodeStatus } from '../../node/api/api.ts';
import type { SeededEntropy } from '../../ports/seeded-entropy.ts';
import type { AskNode } from '../target/ask-node.ts';
import { describeAction, isOperatorAction, nodesOf } from '../faults/actions.ts';
import type { Fault, OperatorAction } from '../faults/fault.ts';
import { FAULTS } from '../faults/table.ts';
import {
  NobodyNamed,
  StepNames,
  leaderAmong,
  resolveAction,
  resolveAwait,
} from '../scenario/names.ts';
import type { NodeNow } from '../scenario/names.ts';
import { asExpected, carryOut, isDone, isSettled, requestsOf } from './orders.ts';
import type { Answer } from './orders.ts';
import type { Await, Step } from '../scenario/scenario.ts';
import type { DrillTarget } from '../target/target.ts';
import type { Timeline } from '../recording/timeline.ts';
import type { AppliedFault } from '../faults/unreachable.ts';
import { describeAwait, missing } from './waiting.ts';
import type { Seen } from './waiting.ts';

const POLL_MS = 50;
/** Milliseconds between two attempts at an order that has to be done. */
const RETRY_MS = 200;
/** Milliseconds for which a name may mean no node: there is no leader for a moment after a failover. */
const NAMES_MS_MAX = 10_000;
const ORDER_MS_MAX = 15_000;

export interface StepContext {
  readonly target: DrillTarget;
  readonly timeline: Timeline;
  readonly entropy: SeededEntropy;
  /** Returns the time of the drill's clock in milliseconds. */
  readonly nowMs: () => number;
  readonly ask: AskNode;
  /** Resolves after `ms`, or rejects when `signal` aborts. */
  readonly pause: (ms: number) => Promise<void>;
  readonly acknowledged: () => number;
  /** Rejected writes by code. */
  readonly rejected: () => Readonly<Record<string, number>>;
  readonly signal: AbortSignal;
  /** Returns the length of a pause of the scenario in this drill. */
  readonly scaled: (afterMs: number) => number;
}

/** The cluster as a step begins, and what chance decides by in it. */
interface Moment {
  readonly before: Seen;
  readonly entropy: SeededEntropy;
}

export class StepRunner {
  readonly #context: StepContext;
  readonly #given = new Map<string, readonly string[]>();
  readonly #faults: AppliedFault[] = [];

  constructor(context: StepContext) {
    this.#context = context;
  }

  /** Faults applied to the cluster so far. */
  get faults(): readonly AppliedFault[] {
    return this.#faults;
  }

  /** Returns the present meaning of names of the scenario, without roles that no node has. */
  meaningOf(names: readonly string[]): readonly string[] {
    const ids = this.#context.target.nodes.map(({ nodeId }) => nodeId);
    return names.flatMap((name) => this.#given.get(name) ?? ids.filter((id) => id === name));
  }

  /**
   * Carries out `steps`; false where one of them did not come to what it should have, and the rest was left out.
   * @throws WalshipError DRILL_FAILED where a fault could not be brought about; the reason of the signal where that aborts.
   */
  async run(steps: readonly Step[]): Promise<boolean> {
    const { pause, scaled, timeline } = this.#context;
    for (const [index, step] of steps.entries()) {
      await pause(scaled(step.afterMs));
      if (await this.#step(step, index)) continue;
      const left = steps.length - index - 1;
      if (left > 0) {
        timeline.note({ kind: 'drill', text: `${left} more steps are left out`, nodes: [] });
      }
      return false;
    }
    return true;
  }

  /** Applies one fault, and notes it. */
  async apply(fault: Fault): Promise<void> {
    const { target, timeline, signal, nowMs } = this.#context;
    signal.throwIfAborted();
    // A node that is down needs no killing, and one that runs no start.
    if (fault.kind === 'start' && target.isUp(fault.node)) return;
    if ((fault.kind === 'kill' || fault.kind === 'stop') && !target.isUp(fault.node)) return;
    const fromMs = nowMs();
    const index = this.#faults.push({ fromMs, toMs: Infinity, fault }) - 1;
    const heals = FAULTS[fault.kind].heals !== undefined;
    const kind = heals ? ('heal' as const) : ('fault' as const);
    const nodes = nodesOf(fault);
    timeline.note({ kind, text: describeAction(fault), nodes });
    const damage = await target.apply(fault);
    this.#faults[index] = { fromMs, toMs: nowMs(), fault };
    if (damage !== undefined) timeline.note({ kind, text: damage, nodes });
  }

  /** The cluster as it is now. @param outputs whether what the nodes print is wanted too. */
  async look(outputs = false): Promise<Seen> {
    const { target, acknowledged, rejected, ask } = this.#context;
    const nodes = await Promise.all(
      target.nodes.map(async ({ nodeId, url }) => {
        const up = target.isUp(nodeId);
        const status = up ? await ask.status(url) : undefined;
        return { nodeId, up, status, output: outputs ? await target.output(nodeId) : '' };
      }),
    );
    return { nodes, acknowledged: acknowledged(), rejected: rejected() };
  }

  async #step(step: Step, index: number): Promise<boolean> {
    const before = await this.look();
    const entropy = this.#context.entropy.fork(`step ${index}`);
    const done = await this.#actions(step, { before, entropy });
    if (!done || step.await === undefined) return done;
    return await this.#await(step.await, { before, withinMs: step.withinMs });
  }

  async #actions(step: Step, moment: Moment): Promise<boolean> {
    const [first] = step.actions;
    if (first === undefined) return true;
    const resolved = await this.#resolve(step, moment);
    if (resolved === undefined) return false;
    const [mainOrders = []] = resolved;
    if (step.as !== undefined) {
      this.#given.set(step.as, [...new Set(mainOrders.flatMap(subjectsOf))]);
    }
    const orders = resolved.flat();
    if (step.atOnce) {
      const results = await Promise.all(orders.map(async (order) => await this.#do(order, step)));
      return results.every(Boolean);
    }
    for (const order of orders) {
      if (!(await this.#do(order, step))) return false;
    }
    return true;
  }

  /** The actions of a step as orders, once all of its names mean somebody; undefined where one never does. */
  async #resolve(
    { actions }: Step,
    { before, entropy }: Moment,
  ): Promise<readonly (readonly (Fault | OperatorAction)[])[] | undefined> {
    return await this.#named({ before, entropy: entropy.fork('names') }, (names) =>
      actions.map((action) => resolveAction(action, names)),
    );
  }

  /**
   * Returns the result of `meaning` once all names mean a node; undefined, which is noted, if one does not for too
   * long.
   */
  async #named<T>(
    { before, entropy }: Moment,
    meaning: (names: StepNames) => T,
  ): Promise<T | undefined> {
    const { nowMs, timeline } = this.#context;
    const startedMs = nowMs();
    for (let seen = before; ; seen = await this.look()) {
      const nodes = seen.nodes.map(nodeNow);
      try {
        return meaning(new StepNames({ nodes, given: this.#given }, entropy.fork('names')));
      } catch (error) {
        if (!(error instanceof NobodyNamed)) throw error;
        if (nowMs() - startedMs > NAMES_MS_MAX) {
          const text = `${error.message}, and has not been for ${NAMES_MS_MAX / 1_000} s`;
          const answer = { ok: false, code: 'NOBODY', text, body: null };
          timeline.note({ kind: 'drill', text, nodes: [], expected: 'done', answer });
          return undefined;
        }
      }
      await this.#context.pause(POLL_MS);
    }
  }

  async #do(order: Fault | OperatorAction, step: Step): Promise<boolean> {
    if (isOperatorAction(order)) return await this.#order(order, step.withinMs);
    await this.apply(order);
    return true;
  }

  /** Asks once; again and again where it has to be done until it is, and where it has to be refused until somebody refuses it for the reason that is named. */
  async #order(order: OperatorAction, withinMs: number): Promise<boolean> {
    const { timeline, nowMs } = this.#context;
    const atMs = nowMs();
    let attempts = 0;
    let answer: Answer;
    for (;;) {
      attempts += 1;
      answer = await this.#ask(order);
      if (isSettled(order, answer) || nowMs() - atMs > withinMs) break;
      await this.#context.pause(RETRY_MS);
      if (await this.#isDone(order)) {
        answer = {
          ...answer,
          ok: true,
          text: `it is so by now, though the answer was: ${answer.text}`,
        };
        break;
      }
    }
    const times = attempts > 1 ? `, asked ${attempts} times` : '';
    timeline.note({
      atMs,
      kind: 'operator',
      text: `${describeAction(order)}${times}`,
      nodes: nodesOf(order),
      expected: order.expect,
      expectedReason: order.reason,
      answer,
    });
    return asExpected(order, answer);
  }

  async #ask(order: OperatorAction): Promise<Answer> {
    const { target, signal, ask } = this.#context;
    signal.throwIfAborted();
    const urlOf = (nodeId: string): string =>
      target.nodes.find((node) => node.nodeId === nodeId)?.url ?? '';
    const leader =
      order.kind === 'switchover'
        ? leaderAmong((await this.look()).nodes.map(nodeNow))?.nodeId
        : undefined;
    const leaderUrl = leader === undefined ? undefined : urlOf(leader);
    const ownMs = order.kind === 'switchover' ? order.timeoutMs : 0;
    const timeoutMs = ownMs + ORDER_MS_MAX;
    const requests = requestsOf(order, { urlOf, leaderUrl });
    return await carryOut(requests, async (request) => await ask.call({ ...request, timeoutMs }));
  }

  async #isDone(order: OperatorAction): Promise<boolean> {
    const statuses = (await this.look()).nodes.flatMap(({ status }): readonly NodeStatus[] =>
      status === undefined ? [] : [status],
    );
    return isDone(order, statuses);
  }

  async #await(
    wanted: Await,
    { before, withinMs }: { readonly before: Seen; readonly withinMs: number },
  ): Promise<boolean> {
    const { timeline, nowMs, entropy } = this.#context;
    const atMs = nowMs();
    const moment = { before, entropy: entropy.fork('await') };
    const resolved = await this.#named(moment, (names) => resolveAwait(wanted, names));
    if (resolved === undefined) return false;
    for (;;) {
      const lacks = missing(resolved, before, await this.look(wanted.kind === 'refused'));
      const tookMs = nowMs() - atMs;
      const late = tookMs > withinMs;
      if (lacks === undefined || late) {
        const ok = lacks === undefined;
        timeline.note({
          atMs,
          kind: 'drill',
          text: `waits ${describeAwait(resolved)}`,
          nodes: 'node' in resolved ? resolved.node : [],
          expected: 'done',
          answer: {
            ok,
            code: ok ? undefined : 'WAIT_TIMEOUT',
            text: `${ok ? 'after' : `${lacks}, after`} ${Math.round(tookMs)} ms`,
            body: null,
          },
        });
        return ok;
      }
      await this.#context.pause(POLL_MS);
    }
  }
}

function nodeNow({ nodeId, up, status }: Seen['nodes'][number]): NodeNow {
  return {
    nodeId,
    up,
    leads: status?.role === 'leader',
    epoch: status?.epoch ?? 0,
    durable: status?.durable,
  };
}

/** The nodes that a name is given to: for a link, the node where it begins. */
function subjectsOf(order: Fault | OperatorAction): readonly string[] {
  return 'from' in order ? [order.from] : nodesOf(order);
}
