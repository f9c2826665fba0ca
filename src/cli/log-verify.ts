import { WalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import { lostMetaHint } from '../wal/files/lost-meta.ts';
import { orphaned, verify } from '../wal/tools/verify.ts';
import type { VerifyReport } from '../wal/tools/verify.ts';
import type { CommandIo } from './command-io.ts';
import { checkPath } from './log-path.ts';

/**
 * Runs `walship log verify DIR`: reads everything, and prints the damage and the reaction of a start to it; changes nothing.
 * @throws WalshipError WAL_CORRUPT if anything is damaged; the report has been printed by then.
 */
export async function logVerify(
  { disk, clock, dir }: { readonly disk: Disk; readonly clock: Clock; readonly dir: string },
  options: { readonly json: boolean },
  io: CommandIo,
): Promise<void> {
  const report = await verify(disk, await checkPath(dir, 'a directory'), { clock });
  io.out(options.json ? `${JSON.stringify(report)}\n` : formatVerify(report));
  if (report.ok) return;
  const problem = report.problem ?? report.metaProblem ?? report.title;
  const hint = report.metaProblem === undefined ? DECISIONS[report.decision] : metaHint(report);
  throw new WalshipError('WAL_CORRUPT', problem, { details: { hint } });
}

/**
 * Returns the hint for a damaged meta.json, in whatever state the log is: without it nobody knows the promise of the
 * node.
 */
function metaHint(report: VerifyReport): string {
  if (report.metaNewer) return 'a start refuses: use the newer walship';
  return `a start refuses: ${lostMetaHint(orphaned(report))}`;
}

/** Reactions of a start to each result, and further steps. */
const DECISIONS = {
  open: 'a start opens it as it is',
  cut: 'a start cuts the log here: the rest was never acknowledged',
  'save-cut': 'a start saves the rest, cuts it off and continues',
  'save-cut-suspect':
    'a start saves the rest, cuts it off and takes part again once it has caught up with the others',
  refuse:
    'a start refuses: walship log repair keeps a copy and cuts here, --on-damage cut does so at the start',
} as const satisfies Record<VerifyReport['decision'], string>;

/** Number of leaderships that are displayed. */
const LEADERSHIPS_MAX = 20;

/** Formats a report for display. */
export function formatVerify(report: VerifyReport): string {
  const { dir, segments, batches, records, bytes, firstLsn, last, gone } = report;
  const held = records === 0 ? 'no records' : `lsn ${firstLsn} to ${last.lsn}`;
  const lines = [
    `${dir}: ${headlineOf(report)}`,
    `  ${segments.length} segments, ${batches} batches, ${records} records, ${bytes} bytes: ${held}`,
    `  epoch ${last.epoch}, chain ${last.chain.toString(16).padStart(8, '0')}, known to be committed: lsn ${report.knownCommitLsn}`,
    `  cluster ${report.clusterId ?? 'none'}, node ${report.meta.nodeId}, ${report.meta.state}`,
    ...leadershipsOf(report),
  ];
  if (report.writing) {
    lines.push(`  a node is writing to this log: it was checked up to its end at that time`);
  }
  if (report.row !== 'end') {
    lines.push(`  segment ${report.segment}, offset ${report.offset}: ${report.means}`);
    if (gone !== undefined) lines.push(`  a cut takes away: ${gone}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Formats the newest leaderships; there may be very many. */
function leadershipsOf({ epochs }: VerifyReport): readonly string[] {
  const before = epochs.length - LEADERSHIPS_MAX;
  const lines = epochs.slice(-LEADERSHIPS_MAX).map(({ epoch, firstLsn, leader }) => {
    if (epoch === null) return `  from lsn ${firstLsn}: the leader is no longer known`;
    return `  epoch ${epoch} from lsn ${firstLsn}, led by ${leader ?? 'somebody, from earlier on'}`;
  });
  return before > 0 ? [`  ${before} earlier leaderships`, ...lines] : lines;
}

const VERDICTS = {
  end: 'ok',
  torn: 'torn',
  short: 'cut short',
  damage: 'damaged',
  foreign: 'foreign',
} as const satisfies Record<VerifyReport['row'], string>;

/** Returns a headline for the log, and for a damaged meta.json. */
function headlineOf({ ok, row, metaProblem }: VerifyReport): string {
  if (ok || metaProblem === undefined) return VERDICTS[row];
  return row === 'end' ? metaProblem : `${VERDICTS[row]}; ${metaProblem}`;
}
