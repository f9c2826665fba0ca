/** Reader of a data directory, or of a single segment, from outside: locks nothing and changes nothing. */
import { isWalshipError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { BLANK_META, type Meta, META_NAME, readMetaFile } from '../files/meta.ts';
import type { BatchInfo, LogState } from '../format/scan.ts';
import { parseSegmentName, type SegmentHeader } from '../format/segment.ts';
import { readSegmentHeader } from '../format/segment-copy.ts';
import {
  scanTail,
  scanWindows,
  STOPPED_EARLY,
  type SegmentEnd,
  type SegmentSource,
} from '../format/segment-scan.ts';
import { headerStop } from '../recovery/stop.ts';
import { hasMoved } from './moving-end.ts';

export interface FoundMeta {
  /** Content of meta.json; a blank one if the file is absent or unreadable. */
  readonly meta: Meta;
  /** Reason for a blank one. */
  readonly problem: string | undefined;
  /** True if a newer walship wrote the file. */
  readonly newer: boolean;
}

/** Reads meta.json of a data directory, if possible. */
export async function readMeta(disk: Disk, dir: string): Promise<FoundMeta> {
  try {
    const meta = await readMetaFile(disk, dir);
    return meta === undefined
      ? { meta: BLANK_META, problem: `${dir}/${META_NAME} is absent`, newer: false }
      : { meta, problem: undefined, newer: false };
  } catch (error) {
    if (!isWalshipError(error, 'WAL_CORRUPT') && !isWalshipError(error, 'UNSUPPORTED_VERSION')) {
      throw error;
    }
    const newer = error.code === 'UNSUPPORTED_VERSION';
    return { meta: BLANK_META, problem: error.message, newer };
  }
}

/** Lists the paths of the segments at `path` (a data directory, a directory of segments, or one segment), oldest first. */
export async function segmentPaths(disk: Disk, path: string): Promise<readonly string[]> {
  if (path.endsWith('.wal')) return [path];
  for (const dir of [`${path}/wal`, path]) {
    const names = (await disk.list(dir)).filter((name) => parseSegmentName(name) !== undefined);
    if (names.length > 0) return names.map((name) => `${dir}/${name}`);
  }
  return [];
}

export type LogEvent =
  | {
      readonly kind: 'segment';
      readonly segment: string;
      readonly header: SegmentHeader;
      readonly sizeBytes: number;
    }
  /** A verified batch. `bytes` are valid until the next event is requested; `offset` is its start in the segment. */
  | {
      readonly kind: 'batch';
      readonly segment: string;
      readonly offset: number;
      readonly batch: BatchInfo;
      readonly bytes: Buffer;
    }
  /** The last event. `problem` is the fault at which the log stops; undefined at a normal end. */
  | {
      readonly kind: 'end';
      readonly segment: string;
      readonly offset: number;
      readonly problem: string | undefined;
    };

export interface ReadLogOptions {
  /** Clock for the pauses between repeated reads of a bad place. */
  readonly clock?: Clock | undefined;
  /** Starts with the segment that holds the record after this LSN. */
  readonly afterLsn?: number;
}

/**
 * Reads verified batches, oldest first, up to the end or to the first fault; memory is bounded. A node may be writing to
 * the log: it is read up to its end at that moment.
 */
export async function* readLog(
  disk: Disk,
  path: string,
  { clock, afterLsn = 0 }: ReadLogOptions = {},
): AsyncGenerator<LogEvent, void, undefined> {
  let state: LogState | undefined;
  let clusterId: string | undefined;
  let end: LogEvent = { kind: 'end', segment: path, offset: 0, problem: undefined };
  for (const segmentPath of pathsFrom(await segmentPaths(disk, path), afterLsn)) {
    const name = nameOf(segmentPath);
    const file = await disk.open(segmentPath, 'read');
    try {
      const sizeBytes = await file.size();
      const decoded = await readSegmentHeader(file);
      // The name of a saved segment is not just its base LSN.
      const named = parseSegmentName(name) === undefined && decoded.kind === 'header';
      const stop = named
        ? undefined
        : headerStop(decoded, { name, clusterId, state, neededFromLsn: Number.MAX_SAFE_INTEGER });
      if (stop !== undefined || decoded.kind !== 'header') {
        yield { kind: 'end', segment: name, offset: 0, problem: stop?.reason ?? 'no header' };
        return;
      }
      const { header } = decoded;
      ({ clusterId } = header);
      yield { kind: 'segment', segment: name, header, sizeBytes };
      const found = yield* readSegment(name, { file, sizeBytes, header });
      const { offset, last, lastEnd } = found;
      const seen = await problemOf(found, { file, sizeBytes, header });
      const walDir = segmentPath.slice(0, -name.length - 1);
      const place = { walDir, segment: name, last };
      const moved = seen !== undefined && (await hasMoved(disk, place, clock));
      const problem = moved ? undefined : seen;
      state = last;
      end = {
        kind: 'end',
        segment: name,
        offset: problem === undefined ? lastEnd : offset,
        problem,
      };
      if (seen !== undefined) break;
    } finally {
      await file.close();
    }
  }
  yield end;
}

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Drops the segments without records after `lsn`. */
function pathsFrom(paths: readonly string[], lsn: number): readonly string[] {
  const first = paths.findLastIndex((path) => (parseSegmentName(nameOf(path)) ?? 0) <= lsn + 1);
  return paths.slice(Math.max(0, first));
}

/** Returns the fault after the last good seal; undefined if the file ends there or only fill follows. */
async function problemOf(
  { lastEnd, last, kind, offset, reason, number }: SegmentEnd,
  { file, sizeBytes, header }: SegmentSource,
): Promise<string | undefined> {
  if (lastEnd === sizeBytes) return undefined;
  if (kind !== 'fill') return reason;
  const { salt } = header;
  const from = { start: offset, end: sizeBytes, salt, number, firstLsn: last.lsn + 1, lastEnd };
  const tail = await scanTail(file, { ...from, write: undefined });
  return tail.writtenEnd === lastEnd ? undefined : 'fill, and written bytes behind it';
}

async function* readSegment(
  segment: string,
  source: SegmentSource,
): AsyncGenerator<LogEvent, SegmentEnd, undefined> {
  const found: (LogEvent & { readonly kind: 'batch' })[] = [];
  const windows = scanWindows(source, (batch, window, place) => {
    const bytes = window.subarray(batch.offset, batch.end);
    found.push({ kind: 'batch', segment, offset: place.offset - bytes.length, batch, bytes });
  });
  let end: SegmentEnd | undefined;
  try {
    while (end === undefined) {
      const step = await windows.next();
      if (step.done === true) end = step.value;
      yield* found.splice(0);
    }
    return end;
  } finally {
    // A reader that stops early must not leave a pending read: `return` waits for it.
    if (end === undefined) await windows.return(STOPPED_EARLY);
  }
}
