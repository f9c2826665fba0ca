import { WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import { diff } from '../wal/tools/diff.ts';
import type { DiffResult } from '../wal/tools/diff.ts';
import type { CommandIo } from './command-io.ts';
import { checkPath } from './log-path.ts';

export interface LogDiffTarget {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly dirs: readonly string[];
}

/**
 * Runs `walship log diff DIR DIR…`: compares logs batch by batch, as far as the shortest goes.
 * @throws WalshipError CHAIN_MISMATCH where they differ, WAL_CORRUPT where one of them is damaged, CONFIG_INVALID where nothing was compared.
 */
export async function logDiff(
  { disk, clock, dirs }: LogDiffTarget,
  options: { readonly json: boolean },
  io: CommandIo,
): Promise<void> {
  if (dirs.length < 2) throw new WalshipError('CONFIG_INVALID', 'a comparison needs two logs');
  const checked: string[] = [];
  for (const dir of dirs) checked.push(await checkPath(dir, 'a directory or a segment'));
  const result = await diff(disk, checked, clock);
  io.out(options.json ? `${JSON.stringify(result)}\n` : formatDiff(result));

  if (result.kind === 'different') {
    throw new WalshipError('CHAIN_MISMATCH', `the logs differ at lsn ${result.lsn}`);
  }
  const damaged = result.sides.find((side) => side.problem !== undefined);
  if (damaged !== undefined) {
    throw new WalshipError('WAL_CORRUPT', `${damaged.dir}: ${damaged.problem ?? ''}`);
  }
  if (result.toLsn < result.fromLsn) {
    throw new WalshipError('CONFIG_INVALID', 'nothing was compared: there is no lsn that all hold');
  }
}

/** Formats a comparison for display. */
export function formatDiff(result: DiffResult): string {
  const sides = result.sides.map(
    ({ dir, firstLsn, lastLsn, problem }) =>
      `  ${dir}: lsn ${firstLsn} to ${lastLsn}${problem === undefined ? '' : `, then: ${problem}`}`,
  );
  if (result.kind === 'equal') {
    return `equal from lsn ${result.fromLsn} to ${result.toLsn}\n${sides.join('\n')}\n`;
  }
  const batches = result.batches.map(
    ({ dir, epoch, fromLsn, toLsn }) => `  ${dir}: batch ${fromLsn} to ${toLsn} of epoch ${epoch}`,
  );
  return `different at lsn ${result.lsn}, equal up to ${result.equalToLsn}\n${batches.join('\n')}\n`;
}
