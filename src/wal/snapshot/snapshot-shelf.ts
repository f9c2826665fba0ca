/** The directory of snapshots as a whole: which of them stay. */
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

/** Snapshots that are kept: one to begin from, and one for the case that it turns out to be damaged. */
export const SNAPSHOTS_KEPT = 2;

/** What the last bytes of a snapshot say. */
export interface FooterGlance {
  readonly endLsn: number;
  /** 64 hexadecimal digits, not compared with anything. */
  readonly digest: string;
  /** Of the file. */
  readonly bytes: number;
}

/** The footer, without a look at the rest of the file; undefined where it is none. */
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

/** Where a snapshot begins, without a look at the rest of the file; undefined where that does not read. */
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

/** Removes snapshots that hold, or may hold, anything above `lsn`, because the log is being cut there; durable on resolve. */
export async function dropSnapshotsAbove(disk: Disk, dir: string, lsn: number): Promise<void> {
  const wrong: string[] = [];
  for (const { path, startLsn } of await listSnapshots(disk, dir)) {
    const footer = startLsn > lsn ? undefined : await glanceAtFooter(disk, path);
    if (footer === undefined || footer.endLsn > lsn) wrong.push(path);
  }
  await remove(disk, dir, wrong);
}

/** Removes snapshots that begin at `lsn` or above; durable on resolve. */
export async function dropSnapshotsFrom(disk: Disk, dir: string, lsn: number): Promise<void> {
  const all = await listSnapshots(disk, dir);
  const paths = all.filter(({ startLsn }) => startLsn >= lsn).map(({ path }) => path);
  await remove(disk, dir, paths);
}

/** How low a log can be cut that begins with `firstLsn`: a snapshot has to be left that it goes on from. `elseLsn` where there is none. */
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
      // One that does not read, or that was removed just now, is none to go on from.
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
