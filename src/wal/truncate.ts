/**
 * Physical cut of a log. The tail has been saved before, and `cut` in meta.json records the new end of the log during the cut:
 * the next start finishes an interrupted cut, and never mistakes a half-cut log for a damaged one.
 */
import { WalshipError } from '../errors.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';
import type { Entropy } from '../ports/entropy.ts';
import { BLOCK_BYTES, SEGMENT_HEADER_BYTES } from './format/limits.ts';
import type { MetaStore } from './files/meta.ts';
import type { Position } from './format/position.ts';
import { Salt } from './format/salt.ts';
import {
  fill,
  parseSegmentName,
  segmentName,
  stateBefore,
  TEMPORARY_SUFFIX,
} from './format/segment.ts';
import type { OpenedSegment } from './format/segment.ts';
import { copySegment, readSegmentHeader } from './format/segment-copy.ts';
import type { CopySource, SegmentCopy } from './format/segment-copy.ts';
import { scanSegment } from './format/segment-scan.ts';

export interface CutPlace {
  readonly disk: Disk;
  readonly entropy: Entropy;
  readonly walDir: string;
  /** Size of the rewritten last segment, unless it holds more. */
  readonly segmentBytes: number;
}

/**
 * Cuts the log at `to`, which is in the segment with base LSN `newestSegment`; durable on resolve. The next start finishes an
 * interrupted cut.
 */
export async function cutLog(
  place: CutPlace & { readonly meta: MetaStore },
  to: Position,
  newestSegment: number | null,
): Promise<OpenedSegment> {
  await place.meta.update({ cut: to, newestSegment });
  const cut = await cutSegments(place, to);
  await place.meta.update({ cut: null });
  return cut;
}

/** Base LSN of the segment in which a log that is cut at `lsn` continues. */
export function baseForCut(bases: readonly number[], lsn: number): number | undefined {
  return bases.findLast((base) => base <= lsn + 1);
}

/**
 * Removes the segments after `to`, newest first, and rewrites the segment that holds it, without the records after it; durable
 * on resolve. Idempotent.
 * @throws WalshipError WAL_CORRUPT if `to` is not the end of a batch there.
 */
export async function cutSegments(place: CutPlace, to: Position): Promise<OpenedSegment> {
  const { disk, walDir } = place;
  const bases: number[] = [];
  for (const name of await disk.list(walDir)) {
    const base = parseSegmentName(name);
    if (base !== undefined) bases.push(base);
  }
  const target = baseForCut(bases, to.lsn);
  if (target === undefined) {
    throw new WalshipError('SEGMENT_MISSING', `no segment in ${walDir} reaches LSN ${to.lsn}`, {
      details: { walDir, lsn: to.lsn },
    });
  }
  const path = `${walDir}/${segmentName(target)}`;
  const source = await disk.open(path, 'read');
  try {
    // Checked before anything is removed: an impossible cut changes nothing.
    const usedBytes = await endOf(source, { to, path });
    // Newest first, each removal durable before the next: the remaining segments are always the beginning of a log.
    for (const base of bases.toReversed()) {
      if (base <= target) break;
      await disk.remove(`${walDir}/${segmentName(base)}`);
      await disk.syncDir(walDir);
    }
    return await rewrite(place, { file: source, path, usedBytes });
  } finally {
    await source.close();
  }
}

/** Copies the used part of a segment into a new file of full size, which replaces it. */
async function rewrite(place: CutPlace, source: CopySource): Promise<OpenedSegment> {
  const { disk, entropy, walDir, segmentBytes } = place;
  const { path, usedBytes } = source;
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  const sizeBytes = Math.max(segmentBytes, usedBytes + 1);
  const file = await disk.open(temporary, 'create');
  let copy: SegmentCopy;
  try {
    copy = await copySegment(source, file, Salt.random(entropy));
    await fill(file, Math.max(usedBytes, BLOCK_BYTES), sizeBytes);
    await file.sync();
    await disk.rename(temporary, path);
    await disk.syncDir(walDir);
  } finally {
    await file.close();
  }
  // Reopened under its final name, so that the descriptor and the name belong together.
  const reopened = await disk.open(path, 'write');
  const { header, number } = copy;
  return { segment: { path, file: reopened, header, sizeBytes }, usedBytes, number };
}

/** Offset just past the batch that ends at `to`. */
async function endOf(
  file: DiskFile,
  { to, path }: { readonly to: Position; readonly path: string },
): Promise<number> {
  const decoded = await readSegmentHeader(file);
  if (decoded.kind !== 'header') {
    const reason = decoded.kind === 'newer' ? `format ${decoded.format}` : decoded.reason;
    throw new WalshipError('WAL_CORRUPT', `${path}: ${reason}`, { details: { segment: path } });
  }
  const { header } = decoded;
  const state = stateBefore(header);
  let found = state.lsn === to.lsn && state.chain === to.chain ? SEGMENT_HEADER_BYTES : undefined;
  await scanSegment(
    { file, sizeBytes: await file.size(), header },
    ({ last }, _bytes, { offset }) => {
      if (last.lsn === to.lsn && last.chain === to.chain) found = offset;
    },
  );
  if (found !== undefined) return found;
  throw new WalshipError('WAL_CORRUPT', `${path} has no batch that ends at LSN ${to.lsn}`, {
    details: { segment: path, lsn: to.lsn },
  });
}
