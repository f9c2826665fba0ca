/** Runs `walship drill selftest`: checks that the judge finds planted faults. */
import { randomInt } from 'node:crypto';
import { runSelftest } from '../drill/judge/selftest.ts';
import type { SelftestResult } from '../drill/judge/selftest.ts';
import { WalshipError } from '../errors.ts';
import type { DrillContext } from './drill.ts';
import { drillParts, makeTarget } from './drill-parts.ts';
import { ownManifest } from './own-manifest.ts';
import { textTable } from './text-table.ts';

const SEED_END = 2 ** 32;
const NAME_COLUMNS = 22;

/**
 * Runs the self-test. @throws WalshipError DRILL_FAILED if a planted fault was not found, or a fault was found that
 * was not planted.
 */
export async function drillSelftest(
  flags: { readonly seed?: number },
  { io, signal }: DrillContext,
): Promise<void> {
  const seed = flags.seed ?? randomInt(SEED_END);
  const target = makeTarget({ target: 'local', seed, keep: false });
  const { ask, clock } = drillParts(target);
  try {
    const results = await runSelftest({
      target,
      ask,
      clock,
      seed,
      walship: ownManifest().version,
      signal,
      onResult: ({ name, passed }) => {
        if (io.terminal) io.out(`${passed ? 'ok ' : 'RED'}  ${name.padEnd(NAME_COLUMNS)}\n`);
      },
    });
    io.out(`${formatResults(results)}\n`);
    const wrong = results.filter(({ passed }) => !passed).map(({ name }) => name);
    if (wrong.length === 0) return;
    const hint = 'do not trust any verdict of a drill until this is fixed';
    throw new WalshipError('DRILL_FAILED', `the judge is wrong about ${wrong.join(', ')}`, {
      details: { hint, seed },
    });
  } finally {
    await target.close();
  }
}

/** Formats the results of the planted faults as a table. */
export function formatResults(results: readonly SelftestResult[]): string {
  const rows = results.map(({ name, about, expected, passed, red }) => [
    passed ? 'ok' : 'WRONG',
    name,
    expected ?? 'nothing',
    red.length === 0 ? 'nothing' : red.join(', '),
    about,
  ]);
  return textTable(['', 'PLANTED', 'MUST TURN RED', 'TURNED RED', 'WHAT'], rows);
}
