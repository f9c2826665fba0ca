/** Runs `walship drill all`: every scenario in turn, and a table of the results. */
import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { loadScenario, scenarioNames } from '../drill/scenario/catalog.ts';
import { cannot } from '../drill/scenario/needs.ts';
import { toJson } from '../drill/judge/recording-json.ts';
import { renderReport } from '../drill/report/report.ts';
import type { Scenario } from '../drill/scenario/scenario.ts';
import { WalshipError, isWalshipError } from '../errors.ts';
import type { CommandIo } from './command-io.ts';
import { runScenario } from './drill.ts';
import type { DrillAllFlags, DrillContext, Judged } from './drill.ts';
import { makeTarget } from './drill-parts.ts';
import { formatRows, formatVerdict } from './drill-verdict.ts';
import type { DrillRow } from './drill-verdict.ts';

const SEED_END = 2 ** 32;

/**
 * Runs all scenarios. @throws WalshipError PROMISE_BROKEN if a verdict is red, DRILL_FAILED if a drill could not be
 * carried out.
 */
export async function drillAll(flags: DrillAllFlags, context: DrillContext): Promise<void> {
  const { io } = context;
  const seed = flags.seed ?? randomInt(SEED_END);
  if (flags.out !== undefined) await mkdir(flags.out, { recursive: true });
  const rows: DrillRow[] = [];
  for (const name of scenarioNames()) {
    const row = await runOne(loadScenario(name), { ...flags, seed }, context);
    rows.push(row);
    io.out(`${row.result.padEnd(7)}  ${name}${row.note === '' ? '' : `: ${row.note}`}\n`);
  }
  io.out(`\n${formatRows(rows)}`);
  const red = rows.filter(({ result }) => result === 'RED').map(({ name }) => name);
  if (red.length > 0) throw new WalshipError('PROMISE_BROKEN', `red: ${red.join(', ')}`);
  const failed = rows.filter(({ result }) => result === 'failed').map(({ name }) => name);
  if (failed.length > 0) throw new WalshipError('DRILL_FAILED', `no verdict: ${failed.join(', ')}`);
}

async function runOne(
  scenario: Scenario,
  flags: DrillAllFlags & { readonly seed: number },
  context: DrillContext,
): Promise<DrillRow> {
  const { name } = scenario;
  const row = { name, tookMs: undefined, verdict: undefined };
  const lacking = cannot(scenario, makeTarget({ ...flags, keep: false }).can);
  if (lacking !== undefined) return { ...row, result: 'skipped', note: lacking };
  // The events of a drill are printed only if something goes wrong.
  const quiet = new QuietIo(context.io);
  const started = performance.now();
  try {
    const judged = await runScenario(
      scenario,
      { ...flags, keep: false },
      { ...context, io: quiet },
    );
    const { recording, verdict } = judged;
    if (flags.out !== undefined) await writeAll(flags.out, name, judged);
    const tookMs = performance.now() - started;
    if (verdict.passed) return { name, tookMs, verdict, result: 'green', note: '' };
    context.io.out(`${quiet.text}\n${formatVerdict(recording, verdict)}\n`);
    return { name, tookMs, verdict, result: 'RED', note: verdict.summary };
  } catch (error) {
    if (!isWalshipError(error) || error.code === 'ABORTED') throw error;
    context.io.out(quiet.text);
    return { ...row, result: 'failed', note: error.message };
  }
}

async function writeAll(dir: string, name: string, { recording, verdict }: Judged): Promise<void> {
  await writeFile(path.join(dir, `${name}.json`), toJson(recording, verdict));
  await writeFile(path.join(dir, `${name}.html`), renderReport(recording, verdict));
}

/** Keeps the printed text. */
class QuietIo implements CommandIo {
  readonly terminal = false;
  readonly #io: CommandIo;
  text = '';

  constructor(io: CommandIo) {
    this.#io = io;
  }

  out(text: string | Uint8Array): void {
    this.text += typeof text === 'string' ? text : Buffer.from(text).toString('utf8');
  }

  err(text: string): void {
    this.#io.err(text);
  }

  async input(): Promise<Buffer> {
    return await this.#io.input();
  }
}
