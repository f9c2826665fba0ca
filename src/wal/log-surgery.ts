/** Operations that remove records from a log: the cut of its tail, and its replacement by a snapshot. Each runs alone. */
import assert from 'node:assert';
import { isWalshipError, WalshipError } from '../errors.ts';
import type { DurableLog } from './read/durable-log.ts';
import type { GroupCommit } from './write/group-commit.ts';
import type { LogBase } from './format/log-base.ts';
import type { LogHistory } from './log-history.ts';
import type { Place } from './read/log-map.ts';
import type { CutReason, LogOptions, SavedTail } from './log-options.ts';
import { placeOf, walDirOf } from './open-log.ts';
import type { Position } from './format/position.ts';
import { replacedWhy, restartLog } from './recovery/restart-log.ts';
import { saveTail } from './save-tail.ts';
import { emptySegment } from './format/segment.ts';
import type { OpenedSegment } from './format/segment.ts';
import type { SegmentWriter } from './write/segment-writer.ts';
import { dropSnapshotsAbove } from './snapshot/snapshot-shelf.ts';
import { replacing, supersededLsn } from './format/superseded.ts';
import { cutLog } from './truncate.ts';

/** Parts of a log that these operations change. */
export interface LogParts {
  readonly options: LogOptions;
  readonly durable: DurableLog;
  readonly history: LogHistory;
  readonly commit: GroupCommit;
  readonly writer: SegmentWriter | undefined;
  /** Resolves when no work on the files of sealed segments is in progress. */
  readonly settled: () => Promise<void>;
  /** Ends all writing for good; returns the error to throw. */
  readonly fail: (cause: unknown) => WalshipError;
}

/** Saves and cuts off all records after `to`. @throws WalshipError CHAIN_MISMATCH, SAVED_FULL with nothing changed; DISK_FAILED. */
export async function cutTail(
  parts: LogParts,
  to: Position,
  reason: CutReason,
): Promise<SavedTail> {
  const { durable, history, commit, writer, fail } = parts;
  const { disk, clock, dir } = parts.options;
  assert(writer !== undefined, 'a blank log has nothing to cut');
  await parts.settled();
  const place = await durable.placeAt(to.lsn);
  if (place?.position.chain !== to.chain || place.position.epoch !== to.epoch) {
    throw new WalshipError('CHAIN_MISMATCH', `this log has no batch that ends at LSN ${to.lsn}`, {
      details: { lsn: to.lsn, chain: to.chain },
    });
  }
  const { map } = durable;
  const saved = await saveTail({ disk, dir }, { map, from: place, reason, clock });
  try {
    await writer.settle();
    durable.truncate(place);
    history.truncate(to.lsn);
    commit.continueFrom(to, 0);
    // Done first: a snapshot with records that are cut must not outlive the cut.
    await dropSnapshotsAbove(disk, dir, to.lsn);
    const cut = { ...placeOf(parts.options), walDir: walDirOf(dir) };
    await durable.during(async () => {
      const opened = await cutLog(cut, to, map.newestBase);
      map.rewroteNewest(opened.segment.header);
      await writer.replace(opened);
    });
  } catch (error) {
    throw fail(error);
  }
  return saved;
}

/**
 * Begins a new log after the start of `base`; first saves the records that `base` is not proven to include.
 * @throws WalshipError SAVED_FULL, DISK_FULL with nothing changed; DISK_FAILED.
 */
export async function replaceBehind(
  parts: LogParts,
  base: LogBase,
  reason: Omit<CutReason, 'why'>,
): Promise<{ readonly opened: OpenedSegment; readonly tail: SavedTail }> {
  const { durable, history, commit, writer, fail, options } = parts;
  await parts.settled();
  let begun = false;
  try {
    await writer?.settle();
    const tail = await saveTail(options, {
      map: durable.map,
      from: await unprovenFrom(parts, base, reason.committedLsn),
      reason: { ...reason, why: replacedWhy(base) },
      clock: options.clock,
    });
    const segment = await restartLog(placeOf(options), base, {
      onBegun: () => {
        begun = true;
        durable.restart(base.start);
        history.restart(base);
        commit.continueFrom(base.start, 0);
      },
    });
    durable.map.addSegment(segment.path, segment.header);
    return { opened: emptySegment(segment), tail };
  } catch (error) {
    throw begun ? fail(error) : error;
  }
}

/** End of the last batch that `base` is proven to include, or a place shortly before it. */
async function unprovenFrom(
  { durable, history, options }: LogParts,
  base: LogBase,
  committedLsn: number,
): Promise<Place> {
  const { discarding } = options.meta.current;
  const historyId = discarding ? undefined : history.newest?.historyId;
  const log = { historyId, lastLsn: durable.end.lsn, committedLsn };
  const lsn = supersededLsn(log, replacing(base));
  try {
    return (await durable.placeAt(lsn)) ?? durable.map.placeBefore(lsn);
  } catch (error) {
    // Damaged there: saves a little more.
    if (!isWalshipError(error, 'WAL_CORRUPT')) throw error;
    return durable.map.placeBefore(lsn);
  }
}
