/** Runs `walship drill SCENARIO`: one drill, its verdict, and the files written about it. */
import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { loadScenario } from '../drill/scenario/catalog.ts';
import { judge } from '../drill/judge/judge.ts';
import { cannot } from '../drill/scenario/needs.ts';
import type { Recording } from '../drill/recording/recording.ts';
import { toJson } from '../drill/judge/recording-json.ts';
import { renderReport } from '../drill/report/report.ts';
import { runDrill } from '../drill/run/runner.ts';
import type { Scenario } from '../drill/scenario/scenario.ts';
import type { Verdict } from '../drill/judge/verdict.ts';
import { WalshipError } from '../errors.ts';
import type { CommandIo } from './command-io.ts';
import { DrillLive } from './drill-live.ts';
import { drillParts, makeTarget } from './drill-parts.ts';
import { formatVerdict } from './drill-verdict.ts';
import { ownManifest } from './own-manifest.ts';

/** Flags of every drill. */
export interface SharedFlags {
  readonly target: 'local' | 'compose';
  readonly seed?: number;
  /** Length of the drill in milliseconds. */
  readonly duration?: number;
}

export interface DrillFlags extends SharedFlags {
  readonly json?: string;
  readonly report?: string;
  readonly expectLoss: boolean;
  readonly keep: boolean;
}

export interface DrillAllFlags extends SharedFlags {
  readonly out?: string;
}

export interface DrillContext {
  readonly io: CommandIo;
  /** Aborts when the user ends the drill; all that was started is ended then. */
  readonly signal: AbortSignal;
}

export interface Judged {
  readonly recording: Recording;
  readonly verdict: Verdict;
}

const SEED_END = 2 ** 32;

/**
 * Runs `walship drill SCENARIO`.
 * @throws WalshipError PROMISE_BROKEN where the verdict is red; CONFIG_INVALID, DRILL_FAILED, ABORTED where there is none.
 */
export async function drillOne(
  nameOrFile: string,
  flags: DrillFlags,
  context: DrillContext,
): Promise<void> {
  const { io } = context;
  const scenario = loadScenario(nameOrFile);
  checkLoss(scenario, flags.expectLoss);
  const seed = flags.seed ?? randomInt(SEED_END);
  io.out(`${scenario.name}: ${scenario.about}\n`);
  const judged = await runScenario(scenario, { ...flags, seed }, context);
  const { recording, verdict } = judged;
  io.out(`\n${formatVerdict(recording, verdict)}`);
  if (flags.json !== undefined) await writeFile(flags.json, toJson(recording, verdict));
  if (flags.report !== undefined) {
    await writeFile(flags.report, renderReport(recording, verdict));
    io.out(`  report: ${flags.report}\n`);
  }
  if (!verdict.passed) {
    throw new WalshipError('PROMISE_BROKEN', `${scenario.name}: ${verdict.summary}`, {
      details: { seed },
    });
  }
}

/** Checks that a scenario which loses writes was asked for as one. @throws WalshipError CONFIG_INVALID. */
function checkLoss({ name, loss }: Scenario, expected: boolean): void {
  if (loss !== 'none' && !expected) {
    const why = loss === 'local' ? 'acknowledged by the leader alone' : 'in a forced failover';
    throw new WalshipError(
      'CONFIG_INVALID',
      `${name} is meant to lose writes, ${why}: run it with --expect-loss; exactly the predicted writes must then be lost`,
    );
  }
  if (loss === 'none' && expected) {
    throw new WalshipError(
      'CONFIG_INVALID',
      `${name} must not lose anything: run it without --expect-loss`,
    );
  }
}

/** Runs and judges one scenario; its processes and files are gone afterwards. */
export async function runScenario(
  scenario: Scenario,
  flags: SharedFlags & { readonly seed: number; readonly keep: boolean },
  { io, signal }: DrillContext,
): Promise<Judged> {
  const target = makeTarget(flags);
  const lacking = cannot(scenario, target.can);
  if (lacking !== undefined) {
    throw new WalshipError('CONFIG_INVALID', `${scenario.name}: ${lacking}`);
  }
  const live = new DrillLive(io, () => target.nodes);
  try {
    const recording = await runDrill(scenario, drillParts(target), {
      seed: flags.seed,
      durationMs: flags.duration,
      walship: ownManifest().version,
      signal,
      onEvent: (event) => live.event(event),
      onLoad: (load, nowMs) => live.begin(load, nowMs),
    });
    return { recording, verdict: judge(recording) };
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new WalshipError('ABORTED', `${scenario.name} was interrupted`, { cause: error });
  } finally {
    await live.end();
    await target.close();
  }
}
