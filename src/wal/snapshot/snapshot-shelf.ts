/** Management of the snapshot directory: which snapshots are kept. */
import { isWalshipError } from '../../errors.ts';
import type { Disk } from '../../ports/disk.ts';
import { decodeRecord, OP, RecordView } from '../format/record.ts';
import type { Position } from '../format/position.ts';
import {
  decodeSnapshotHeader,
  DIGEST_BYTES,
  FOOTER_BYTES,
  FOOTER_VALUE_BYTES,
  SNAPSHOT_HEADER_BYTES,
  snapshotDirOf,
} from './snapshot-format.ts';
import { listSnapshots } from './snapshot-reader.ts';

/** Number of snapshots that are kept: the newest, and one in case the newest is damaged. */
export const SNAPSHOTS_KEPT = 2;

/** Content of a snapshot's footer, unverified. */
export interface FooterGlance {
  readonly endLsn: number;
  /** Digest as 64 hexadecimal digits, not verified. */
  readonly digest: string;
  /** Size of the file. */
  readonly bytes: number;
}

/** Reads only the footer of a snapshot; undefined if it is invalid. */
export async function glanceAtFooter(disk: Disk, path: string): Promise<FooterGlance | undefined> {
  const file = await disk.open(path, 'read');
  try {
    const bytes = await file.size();
    if (bytes < FOOTER_BYTES) return undefined;
    const footer = Buffer.alloc(FOOTER_BYTES);
    await file.read(footer, bytes - FOOTER_BYTES);
    const view = new RecordView();
    if (decodeRecord(footer, 0, view) !== undefined || view.opByte !== OP.SEAL) return undefined;
    if (view.keyBytes !== 0 || view.valueBytes !== FOOTER_VALUE_BYTES) return undefined;
    const digest = footer.toString('hex', FOOTER_BYTES - 4 - DIGEST_BYTES, FOOTER_BYTES - 4);
    return { endLsn: view.lsn, digest, bytes };
  } finally {
    await file.close();
  }
}

/** Reads only the start position of a snapshot; undefined if its header is invalid. */
export async function glanceAtStart(disk: Disk, path: string): Promise<Position | undefined> {
  const file = await disk.open(path, 'read');
  try {
    const header = Buffer.alloc(SNAPSHOT_HEADER_BYTES);
    const fixed = decodeSnapshotHeader(header.subarray(0, await file.read(header, 0)));
    return typeof fixed === 'string' ? undefined : fixed.start;
  } finally {
    await file.close();
  }
}

/** Removes snapshots that may include records above `lsn`, where the log is being cut; durable on resolve. */
export async function dropSnapshotsAbove(disk: Disk, dir: string, lsn: number): Promise<void> {
  const wrong: string[] = [];
  for (const { path, startLsn } of await listSnapshots(disk, dir)) {
    const footer = startLsn > lsn ? undefined : await glanceAtFooter(disk, path);
    if (footer === undefined || footer.endLsn > lsn) wrong.push(path);
  }
  await remove(disk, dir, wrong);
}

/** Removes snapshots that start at `lsn` or above; durable on resolve. */
export async function dropSnapshotsFrom(disk: Disk, dir: string, lsn: number): Promise<void> {
  const all = await listSnapshots(disk, dir);
  const paths = all.filter(({ startLsn }) => startLsn >= lsn).map(({ path }) => path);
  await remove(disk, dir, paths);
}

/** Lowest LSN to which a log that begins with `firstLsn` can be cut: a snapshot must remain that the log continues. `elseLsn` if there is none. */
export async function lowestCut(
  disk: Disk,
  dir: string,
  { firstLsn, elseLsn }: { readonly firstLsn: number; readonly elseLsn: number },
): Promise<number> {
  if (firstLsn <= 1) return 0;
  let lowest = Infinity;
  for (const { path, startLsn } of await listSnapshots(disk, dir)) {
    if (startLsn + 1 < firstLsn) continue;
    const footer = await glanceAtFooter(disk, path).catch((error: unknown) => {
      // A snapshot that is unreadable or has just been removed cannot be continued.
      if (!isWalshipError(error)) throw error;
      return undefined;
    });
    lowest = Math.min(lowest, footer?.endLsn ?? Infinity);
  }
  return lowest === Infinity ? elseLsn : lowest;
}

/** Removes a snapshot; durable on resolve. */
export async function dropSnapshot(disk: Disk, dir: string, path: string): Promise<void> {
  await remove(disk, dir, [path]);
}

/** Removes every snapshot but these; durable on resolve. */
export async function keepSnapshots(
  disk: Disk,
  dir: string,
  paths: readonly string[],
): Promise<void> {
  const all = await listSnapshots(disk, dir);
  const others = all.map(({ path }) => path).filter((path) => !paths.includes(path));
  await remove(disk, dir, others);
}

async function remove(disk: Disk, dir: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) await disk.remove(path);
  if (paths.length > 0) await disk.syncDir(snapshotDirOf(dir));
}
