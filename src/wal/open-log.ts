import type { OpenedSegment, OpenSegment } from './format/segment.ts';
import { createSegment, headerAfter, stateBefore } from './format/segment.ts';
import assert from 'node:assert';
import { isWalshipError } from '../errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disk } from '../ports/disk.ts';
import type { Entropy } from '../ports/entropy.ts';
import { FIRST_SEGMENT_BYTES_MAX, SEGMENT_BYTES_DEFAULT } from './format/limits.ts';
import { LogMap } from './read/log-map.ts';
import type { LogIdentity, LogOptions } from './log-options.ts';
import type { MetaStore } from './files/meta.ts';
import type { Position } from './format/position.ts';
import { recover } from './recovery/recover.ts';
import type { RecoveredLog, RecoverOptions } from './recovery/recover.ts';
import { Salt } from './format/salt.ts';
import { firstChain } from './format/seal.ts';
import { SegmentWriter } from './write/segment-writer.ts';
import type { SegmentWriterOptions } from './write/segment-writer.ts';
import { cutSegments } from './truncate.ts';
import type { CutPlace } from './truncate.ts';

export const walDirOf = (dir: string): string => `${dir}/wal`;

/** A recovered log, and the segments to continue with. */
export interface OpenedLog {
  readonly recovered: RecoveredLog;
  readonly map: LogMap;
  /** Segment to continue writing in; undefined in a blank log. */
  readonly current: OpenedSegment | undefined;
  /** Segments that have a successor and are not trimmed yet. */
  readonly untrimmed: readonly OpenedSegment[];
}

/** Finishes an interrupted cut, recovers the log, and maps it. Everything is durable on resolve. */
export async function openLog(options: LogOptions): Promise<OpenedLog> {
  const { disk, clock, entropy, dir, meta, voters, base, replay } = options;
  const segmentBytes = options.segmentBytes ?? SEGMENT_BYTES_DEFAULT;
  const walDir = walDirOf(dir);
  const { cut } = meta.current;
  if (cut !== null) await finishCut({ disk, entropy, walDir, segmentBytes }, cut);
  const blank = { epoch: 0, lsn: 0, chain: 0 };
  let map = new LogMap(blank);
  const recoverOptions: RecoverOptions = {
    disk,
    clock,
    entropy,
    dir,
    meta,
    voters,
    segmentBytes,
    onDamage: options.onDamage ?? 'refuse',
    base,
    mapped: ({ bytes, last, place }) => map.addBatch(bytes.length, last, place),
    restarted: () => {
      map = new LogMap(blank);
    },
    ...(replay === undefined ? {} : { replay }),
  };
  const recovered = await recover(recoverOptions);
  if (cut !== null) await meta.update({ cut: null });
  const { segments } = recovered;
  const [oldest] = segments;
  if (oldest !== undefined) map.beginAt(stateBefore(oldest.header));
  assert(map.end.position.lsn === recovered.state.lsn, 'every batch was replayed');
  map.addSegments(segments);
  const untrimmed: OpenedSegment[] = [];
  let current: OpenedSegment | undefined;
  for (const segment of segments) {
    const { path, header, sizeBytes, usedBytes, number } = segment;
    const live = segment === segments.at(-1);
    if (!live && sizeBytes === usedBytes) continue;
    const file = await disk.open(path, 'write');
    const opened = { segment: { path, file, header, sizeBytes }, usedBytes, number };
    if (live) current = opened;
    else untrimmed.push(opened);
  }
  return { recovered, map, current, untrimmed };
}

/** Finishes an interrupted cut. If the log is damaged below the cut, leaves it to recovery. */
async function finishCut(place: CutPlace, cut: Position): Promise<void> {
  try {
    const { segment } = await cutSegments(place, cut);
    await segment.file.close();
  } catch (error) {
    const damaged =
      isWalshipError(error, 'WAL_CORRUPT') || isWalshipError(error, 'SEGMENT_MISSING');
    if (!damaged) throw error;
  }
}

/** Directory of a log, with the ports and values for its files. */
export interface LogPlace {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dir: string;
  readonly meta: MetaStore;
  readonly segmentBytes: number;
}

export function placeOf(options: LogOptions): LogPlace {
  const { disk, clock, entropy, dir, meta, segmentBytes = SEGMENT_BYTES_DEFAULT } = options;
  return { disk, clock, entropy, dir, meta, segmentBytes };
}

/** Returns a writer that continues in an opened segment. */
export function writerFor(
  options: LogOptions,
  opened: OpenedSegment,
  hooks: Pick<SegmentWriterOptions, 'onSegment' | 'onFailed'>,
): SegmentWriter {
  const { clusterId } = opened.segment.header;
  const writerOptions = { ...placeOf(options), walDir: walDirOf(options.dir), clusterId, ...hooks };
  return new SegmentWriter(writerOptions, opened);
}

/** Position before the first record of a log. */
export function startOf(identity: LogIdentity): Position {
  return { epoch: 0, lsn: 0, chain: firstChain(Buffer.from(identity.clusterId, 'hex')) };
}

/**
 * Creates the first segment of a blank log; durable on resolve.
 * @throws WalshipError DISK_FULL, after which no segment is left, DISK_FAILED.
 */
export async function beginLog(log: LogPlace, identity: LogIdentity): Promise<OpenSegment> {
  const { disk, entropy, dir, meta, segmentBytes } = log;
  const walDir = walDirOf(dir);
  // Written first: a log without meta.json is refused at the next start.
  await meta.update(identity);
  await disk.makeDir(walDir);
  const header = headerAfter(identity.clusterId, startOf(identity), Salt.random(entropy));
  const sizeBytes = Math.min(segmentBytes, FIRST_SEGMENT_BYTES_MAX);
  const segment = await createSegment(disk, walDir, { header, sizeBytes });
  await meta.update({ newestSegment: header.baseLsn });
  return segment;
}
