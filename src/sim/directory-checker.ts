/** Judges the file part of P8: once all is quiet, every file of a data directory has a known name, and is needed. */
import { dataFileKind } from '../wal/data-dir.ts';
import { SNAPSHOTS_KEPT } from '../wal/snapshot/snapshot-shelf.ts';
import { SimViolation } from './golden-log.ts';
import type { Platter } from './platters.ts';
import { DATA_DIR } from './sim-machine.ts';

/** Temporary files that a running node keeps: the next segment. */
const KEPT_TEMPORARY: ReadonlySet<string> = new Set(['wal/spare.tmp']);
/** Number of snapshots: the kept ones, and one that is being taken or sent. */
const SNAPSHOTS_MAX = SNAPSHOTS_KEPT + 1;

/** Checks a data directory. @throws SimViolation where a file is unknown or not needed. */
export function checkDirectory({ nodeId, disk }: Platter): void {
  const paths = disk.paths().map((path) => path.slice(DATA_DIR.length + 1));
  let snapshots = 0;
  let incoming = 0;
  for (const path of paths) {
    const kind = dataFileKind(path);
    if (kind === undefined) throw new SimViolation(`${nodeId} has ${path}, which no node makes`);
    if (kind === 'snapshot') snapshots += 1;
    if (kind === 'incoming-snapshot') incoming += 1;
    if (kind === 'temporary' && !KEPT_TEMPORARY.has(path) && !isBeingTaken(path, paths)) {
      throw new SimViolation(`${nodeId} has ${path} left, which nobody writes to`);
    }
    const other = kind === 'saved-segment' ? path.replace(/wal$/, 'json') : path;
    if (!paths.includes(other)) throw new SimViolation(`${nodeId} has ${path} without a note`);
  }
  if (incoming > 1) throw new SimViolation(`${nodeId} has ${incoming} snapshots on their way in`);
  if (snapshots > SNAPSHOTS_MAX) {
    throw new SimViolation(`${nodeId} has ${snapshots} snapshots, and ${SNAPSHOTS_MAX} are enough`);
  }
}

/** Returns true for the newest snapshot, which may be under way. */
function isBeingTaken(path: string, paths: readonly string[]): boolean {
  if (!path.startsWith('snapshots/')) return false;
  const names = paths.filter((name) => name.startsWith('snapshots/'));
  return names.toSorted().at(-1) === path;
}
