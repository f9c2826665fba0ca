/**
 * Cutting a log physically. What is cut has been saved before, and meta.json says since then, in `cut`, where the log shall end:
 * a process that dies anywhere in between finishes the cut at its next start, and never mistakes a half-cut log for a damaged one.
 */
import { WalshipError } from '../errors.ts';
import type { Disk, DiskFile } from '../ports/disk.ts';
import { MiB, SEGMENT_HEADER_BYTES } from './limits.ts';
import type { MetaStore } from './meta.ts';
import type { Position } from './position.ts';
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  fill,
  parseSegmentName,
  segmentName,
  stateBefore,
  TEMPORARY_SUFFIX,
} from './segment.ts';
import type { OpenSegment, SegmentHeader } from './segment.ts';
import { scanSegment } from './segment-scan.ts';

const COPY_BYTES = MiB;

export interface CutPlace {
  readonly disk: Disk;
  readonly walDir: string;
  /** The last segment is written anew with this size, unless it holds more. */
  readonly segmentBytes: number;
}

/** The segment in which the log goes on after the cut. */
export interface CutLog {
  readonly segment: OpenSegment;
  readonly usedBytes: number;
}

/**
 * Cuts the log at `to`, which lies in the segment with base LSN `newestSegment`; durable on resolve, and finished at the next start
 * where it is interrupted.
 */
export async function cutLog(
  place: CutPlace & { readonly meta: MetaStore },
  to: Position,
  newestSegment: number | null,
): Promise<CutLog> {
  await place.meta.update({ cut: to, newestSegment });
  const cut = await cutSegments(place, to);
  await place.meta.update({ cut: null });
  return cut;
}

/** Base LSN of the segment in which a log that is cut at `lsn` goes on. */
export function baseForCut(bases: readonly number[], lsn: number): number | undefined {
  return bases.findLast((base) => base <= lsn + 1);
}

/**
 * Removes the segments behind `to`, newest first, and writes the one that holds it anew, without what follows; durable
 * on resolve. Doing it again changes nothing.
 * @throws WalshipError WAL_CORRUPT where `to` is not the end of a batch there.
 */
export async function cutSegments(place: CutPlace, to: Position): Promise<CutLog> {
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
    const header = await readHeader(source, path);
    // Found before anything is removed: a cut that cannot be made changes nothing.
    const usedBytes = await endOf(source, { header, to, path });
    // Newest first, each durable before the next: what is left is always the beginning of a log.
    for (const base of bases.toReversed()) {
      if (base <= target) break;
      await disk.remove(`${walDir}/${segmentName(base)}`);
      await disk.syncDir(walDir);
    }
    return await rewrite(place, { source, path, header, usedBytes });
  } finally {
    await source.close();
  }
}

interface CutSegment {
  readonly source: DiskFile;
  readonly path: string;
  readonly header: SegmentHeader;
  readonly usedBytes: number;
}

/** Copies what is used of a segment into a new file of full size, and puts that in its place. */
async function rewrite(place: CutPlace, segment: CutSegment): Promise<CutLog> {
  const { disk, walDir, segmentBytes } = place;
  const { source, path, header, usedBytes } = segment;
  const temporary = `${path}${TEMPORARY_SUFFIX}`;
  const sizeBytes = Math.max(segmentBytes, usedBytes + 1);
  const file = await disk.open(temporary, 'create');
  try {
    await file.write(encodeSegmentHeader(header), 0);
    await copy(source, file, usedBytes);
    await fill(file, usedBytes, sizeBytes);
    await file.sync();
    await disk.rename(temporary, path);
    await disk.syncDir(walDir);
  } finally {
    await file.close();
  }
  // Opened under its last name, so that the descriptor and the name belong together.
  const reopened = await disk.open(path, 'write');
  return { segment: { path, file: reopened, header, sizeBytes }, usedBytes };
}

async function readHeader(file: DiskFile, path: string): Promise<SegmentHeader> {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const decoded = decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)));
  if (decoded.kind === 'header') return decoded.header;
  const reason = decoded.kind === 'newer' ? `format ${decoded.format}` : decoded.reason;
  throw new WalshipError('WAL_CORRUPT', `${path}: ${reason}`, { details: { segment: path } });
}

interface CutPoint {
  readonly header: SegmentHeader;
  readonly to: Position;
  readonly path: string;
}

/** Offset just past the batch that ends at `to`. */
async function endOf(file: DiskFile, { header, to, path }: CutPoint): Promise<number> {
  const state = stateBefore(header);
  let offset = SEGMENT_HEADER_BYTES;
  let found = state.lsn === to.lsn && state.chain === to.chain ? offset : undefined;
  await scanSegment({ file, sizeBytes: await file.size(), state }, (batch) => {
    offset += batch.end - batch.offset;
    if (batch.last.lsn === to.lsn && batch.last.chain === to.chain) found = offset;
  });
  if (found !== undefined) return found;
  throw new WalshipError('WAL_CORRUPT', `${path} has no batch that ends at LSN ${to.lsn}`, {
    details: { segment: path, lsn: to.lsn },
  });
}

async function copy(source: DiskFile, target: DiskFile, end: number): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, end));
  for (let offset = SEGMENT_HEADER_BYTES; offset < end;) {
    const count = await source.read(
      buffer.subarray(0, Math.min(buffer.length, end - offset)),
      offset,
    );
    if (count === 0) {
      throw new WalshipError('WAL_CORRUPT', `a segment of ${offset} bytes, expected ${end}`);
    }
    await target.write(buffer.subarray(0, count), offset);
    offset += count;
  }
}
