/** What takes from a log what it holds: a cut at its end, and its replacement by a snapshot. Each runs alone. */
import assert from 'node:assert';
import { WalshipError } from '../errors.ts';
import type { DurableLog } from './durable-log.ts';
import type { GroupCommit } from './group-commit.ts';
import { SEGMENT_HEADER_BYTES } from './limits.ts';
import type { LogBase } from './log-base.ts';
import type { LogHistory } from './log-history.ts';
import type { CutReason, LogOptions, SavedTail } from './log-options.ts';
import { placeOf, walDirOf } from './open-log.ts';
import type { OpenedSegment } from './open-log.ts';
import type { Position } from './position.ts';
import { restartLog } from './restart-log.ts';
import { saveTail } from './save-tail.ts';
import type { SegmentWriter } from './segment-writer.ts';
import { dropSnapshotsAbove } from './snapshot-shelf.ts';
import { cutLog } from './truncate.ts';

/** What a log consists of. */
export interface LogParts {
  readonly options: LogOptions;
  readonly durable: DurableLog;
  readonly history: LogHistory;
  readonly commit: GroupCommit;
  readonly writer: SegmentWriter | undefined;
  /** Resolves when nothing is done to the files of sealed segments. */
  readonly settled: () => Promise<void>;
  /** Ends all writing for good; returns what is to be thrown. */
  readonly fail: (cause: unknown) => WalshipError;
}

/** Saves and cuts off everything behind `to`. @throws WalshipError CHAIN_MISMATCH, SAVED_FULL with nothing changed; DISK_FAILED. */
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
    // First: a snapshot that holds what is cut must not outlive the cut.
    await dropSnapshotsAbove(disk, dir, to.lsn);
    const cut = { ...placeOf(parts.options), walDir: walDirOf(dir) };
    const { segment, usedBytes } = await cutLog(cut, to, map.newestBase);
    await writer.replace(segment, usedBytes);
  } catch (error) {
    throw fail(error);
  }
  return saved;
}

/** Saves the whole log and begins another one behind the start of `base`. @throws WalshipError SAVED_FULL, DISK_FULL with nothing changed; DISK_FAILED. */
export async function restart(
  parts: LogParts,
  base: LogBase,
  by: string,
): Promise<{ readonly opened: OpenedSegment; readonly tail: SavedTail }> {
  const { durable, history, commit, writer, fail } = parts;
  await parts.settled();
  const fromLsn = durable.firstLsn;
  const toLsn = durable.end.lsn;
  let begun = false;
  try {
    await writer?.settle();
    const { segment, saved } = await restartLog(placeOf(parts.options), base, {
      why: `the snapshot of LSN ${base.start.lsn} took its place`,
      by,
      onSaved: () => {
        begun = true;
        durable.restart(base.start);
        history.restart(base);
        commit.continueFrom(base.start, 0);
      },
    });
    durable.map.addSegment(segment.path, segment.header);
    const opened = { segment, usedBytes: SEGMENT_HEADER_BYTES };
    return { opened, tail: { names: saved, fromLsn, toLsn } };
  } catch (error) {
    throw begun ? fail(error) : error;
  }
}
