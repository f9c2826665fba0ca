/**
 * Replacement of a log, or of its beginning, by a snapshot that includes its records. Records that the snapshot is not proven to
 * include go to saved/ first; the rest is removed. While a whole log is being replaced, `newestSegment` of meta.json is null and
 * `replacedBy` names the snapshot: everything that must be saved is in saved/ then, and the next start finishes an interrupted
 * replacement.
 */
import { readingOver } from '../files/unreadable.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { Entropy } from '../../ports/entropy.ts';
import { SEGMENT_HEADER_BYTES } from '../format/limits.ts';
import type { LogBase } from '../format/log-base.ts';
import type { Meta, MetaStore } from '../files/meta.ts';
import { Salt } from '../format/salt.ts';
import { saveSegment } from '../files/saved.ts';
import type { SealPlace } from '../format/seal-place.ts';
import { snapshotDirOf, snapshotName } from '../snapshot/snapshot-format.ts';
import { keepSnapshots } from '../snapshot/snapshot-shelf.ts';
import {
  createSegment,
  headerAfter,
  parseSegmentName,
  segmentName,
  TEMPORARY_SUFFIX,
} from '../format/segment.ts';
import type { OpenSegment } from '../format/segment.ts';
import { pieceBytes, readSegmentHeader } from '../format/segment-copy.ts';
import { scanTail, wholeTail } from '../format/segment-scan.ts';

export interface RestartPlace {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  /** The data directory. */
  readonly dir: string;
  readonly meta: MetaStore;
  readonly segmentBytes: number;
}

/** Reason for which a log, or a part of it, goes to saved/. */
export interface SaveReason {
  /** Reason in one sentence. */
  readonly why: string;
  /** Author of the decision. */
  readonly by: string;
}

export interface RestartHooks {
  /** Changes to meta.json in the step that makes the replacement irreversible. */
  readonly patch?: Partial<Omit<Meta, 'format'>>;
  /** Called when meta.json records that the log is being replaced. */
  readonly onBegun?: () => void;
}

/** Sentence in saved/ for records that `base` replaced and may not include. */
export function replacedWhy(base: LogBase): string {
  return `the snapshot of LSN ${base.start.lsn} took its place, and is not known to hold it`;
}

/**
 * Removes the whole log and all other snapshots, and begins a new log after the start of `base`, whose snapshot must be durable
 * already; durable on resolve. The caller has saved the records that `base` may not include.
 * @throws WalshipError DISK_FULL, DISK_FAILED.
 */
export async function restartLog(
  place: RestartPlace,
  base: LogBase,
  { patch, onBegun }: RestartHooks = {},
): Promise<OpenSegment> {
  const { disk, entropy, dir, meta, segmentBytes } = place;
  const walDir = `${dir}/wal`;
  await disk.makeDir(walDir);
  const names = await disk.list(walDir);
  const segments = names.filter((name) => parseSegmentName(name) !== undefined);
  await meta.update({ ...patch, newestSegment: null, replacedBy: base.start.lsn });
  onBegun?.();
  // Other snapshots go before the log: one with a higher LSN would be taken for the base of the new log.
  await keepSnapshots(disk, dir, [`${snapshotDirOf(dir)}/${snapshotName(base.start.lsn)}`]);
  await removeSegments(disk, walDir, pathsOf(walDir, segments));
  const header = headerAfter(base.clusterId, base.start, Salt.random(entropy));
  const segment = await createSegment(disk, walDir, { header, sizeBytes: segmentBytes });
  await meta.update({ newestSegment: header.baseLsn, replacedBy: null });
  return segment;
}

/** Saves and removes the given segments at the beginning of a log; durable on resolve. Returns their names in saved/. */
export async function dropSegments(
  place: RestartPlace,
  names: readonly string[],
  why: string,
): Promise<readonly string[]> {
  const walDir = `${place.dir}/wal`;
  const saved = await saveSegments(place, names, { why, by: 'recovery' });
  await removeSegments(place.disk, walDir, pathsOf(walDir, names));
  return saved;
}

/** Makes a new segment from the part of a damaged one after the start of `base`; durable on resolve. */
export async function keepRest(
  { disk, dir, meta }: Pick<RestartPlace, 'disk' | 'dir' | 'meta'>,
  base: LogBase,
  rest: SealPlace & { readonly name: string },
): Promise<void> {
  const walDir = `${dir}/wal`;
  const { name, salt, offset, left } = rest;
  const header = headerAfter(base.clusterId, base.start, salt);
  const path = `${walDir}/${segmentName(header.baseLsn)}`;
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  const file = await readingOver(disk).open(`${walDir}/${name}`, 'read');
  try {
    const target = await disk.open(temporary, 'create');
    try {
      const end = await file.size();
      let at = 0;
      for await (const bytes of pieceBytes({ file, header, start: offset, left, end })) {
        await target.write(bytes, at);
        at += bytes.length;
      }
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await file.close();
  }
  await disk.rename(temporary, path);
  await disk.syncDir(walDir);
  // Otherwise a log that ends in the damaged segment would seem to lack a newer one, or to have one too many.
  if ((meta.current.newestSegment ?? 0) < header.baseLsn) {
    await meta.update({ newestSegment: header.baseLsn });
  }
}

/** Copies whole segments to saved/, without their fill; durable on resolve. Returns their names there. @throws WalshipError SAVED_FULL, DISK_FULL. */
export async function saveSegments(
  { disk, dir, clock }: Pick<RestartPlace, 'disk' | 'dir' | 'clock'>,
  names: readonly string[],
  reason: SaveReason,
): Promise<readonly string[]> {
  const saved: string[] = [];
  for (const name of names) {
    const path = `${dir}/wal/${name}`;
    const found = await extentOf(disk, path);
    if (found === undefined) continue;
    const entry = await saveSegment(
      { disk, dir },
      { path, start: 0, end: found.end },
      {
        ...reason,
        whenMs: clock.wallMs(),
        from: { epoch: found.epoch, lsn: parseSegmentName(name) ?? 0 },
        to: found.to,
      },
    );
    saved.push(entry.name);
  }
  return saved;
}

/** End of the written part of a segment, and its versions; undefined if only a header was written. */
async function extentOf(
  disk: Disk,
  path: string,
): Promise<
  { end: number; epoch: number; to: { epoch: number; lsn: number } | 'unknown' } | undefined
> {
  const file = await readingOver(disk).open(path, 'read');
  try {
    const sizeBytes = await file.size();
    const decoded = await readSegmentHeader(file);
    const tail = await scanTail(file, wholeTail(decoded, sizeBytes));
    const isEmpty = decoded.kind === 'header' && tail.writtenEnd <= SEGMENT_HEADER_BYTES;
    if (isEmpty) return undefined;
    const epoch = decoded.kind === 'header' ? decoded.header.epoch : 0;
    return { end: tail.writtenEnd, epoch, to: tail.highest ?? 'unknown' };
  } finally {
    await file.close();
  }
}

/** Returns the paths of files in the directory of the segments. */
export function pathsOf(walDir: string, names: readonly string[]): readonly string[] {
  return names.map((name) => `${walDir}/${name}`);
}

/** Removes segments, oldest first, each removal durable before the next: the remaining log never has a gap. */
export async function removeSegments(
  disk: Disk,
  walDir: string,
  paths: readonly string[],
): Promise<void> {
  for (const path of paths) {
    await disk.remove(path);
    await disk.syncDir(walDir);
  }
}
