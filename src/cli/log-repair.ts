import { repair } from '../wal/tools/repair.ts';
import type { RepairOptions, RepairReport } from '../wal/tools/repair.ts';
import type { CommandIo } from './command-io.ts';
import { checkPath } from './log-path.ts';

/**
 * Runs `walship log repair DIR`: saves everything after the last good record and cuts it off. The node must not run.
 */
export async function logRepair(
  { disk, clock, entropy, dir }: Omit<RepairOptions, 'base'>,
  options: { readonly json: boolean },
  io: CommandIo,
): Promise<void> {
  const checked = await checkPath(dir, 'a directory');
  const lock = await disk.lock(`${checked}/LOCK`);
  try {
    const report = await repair({ disk, clock, entropy, dir: checked });
    io.out(options.json ? `${JSON.stringify(report)}\n` : formatRepair(report));
  } finally {
    await lock.release();
  }
}

/** Formats the report of a repair for display. */
export function formatRepair(report: RepairReport): string {
  const { dir, changed, gone, lastLsn, saved, warnings, state } = report;
  if (!changed) return `${dir}: nothing to repair, the log ends at lsn ${lastLsn}\n`;
  if (report.madeMeta !== undefined) {
    const { nodeId, promise } = report.madeMeta;
    return `${dir}: meta.json was created again from the log: node ${nodeId} is its only voter and has promised epoch ${promise.epoch}; no record is gone, the log ends at lsn ${lastLsn}\n`;
  }
  const lost =
    gone === undefined ? 'no lsn is gone' : `gone from this node: lsn ${gone.from} to ${gone.to}`;
  const lines = [
    `${dir}: cut after lsn ${lastLsn}, ${lost}`,
    ...saved.map((name) => `  saved/${name}`),
    ...warnings.map(({ code, message }) => `  ${code}: ${message}`),
    `  the node is ${state}`,
  ];
  return `${lines.join('\n')}\n`;
}
