import type { Clock } from '../ports/clock.ts';
import type { LogMap, Place } from './read/log-map.ts';
import type { CutReason, SavedTail } from './log-options.ts';
import { saveSegment } from './files/saved.ts';
import type { SavedPlace } from './files/saved.ts';
import { headerAfter } from './format/segment.ts';

export interface TailToSave {
  readonly map: LogMap;
  /** Place after which everything is saved. */
  readonly from: Place;
  readonly reason: CutReason;
  readonly clock: Clock;
}

/**
 * Copies all records after a place to saved/, one entry per segment; durable on resolve.
 * @throws WalshipError SAVED_FULL, DISK_FULL, DISK_FAILED; the log is unchanged then.
 */
export async function saveTail(place: SavedPlace, tail: TailToSave): Promise<SavedTail> {
  const { map, from, reason, clock } = tail;
  const end = map.end.position;
  const whenMs = clock.wallMs();
  const names: string[] = [];
  const pieces = map.piecesAfter(from);
  for (const [index, piece] of pieces.entries()) {
    const { header, position, ...range } = piece;
    const source = { ...range, header: headerAfter(header.clusterId, position, header.salt) };
    const last = pieces[index + 1]?.position ?? end;
    const entry = await saveSegment(place, source, {
      ...reason,
      whenMs,
      from: { epoch: position.epoch, lsn: position.lsn + 1 },
      to: { epoch: last.epoch, lsn: last.lsn },
      records: last.lsn - position.lsn,
    });
    names.push(entry.name);
  }
  return { names, fromLsn: from.position.lsn + 1, toLsn: end.lsn };
}
