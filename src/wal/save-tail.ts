import type { Clock } from '../ports/clock.ts';
import type { LogMap, Place } from './log-map.ts';
import type { SavedTail } from './log-options.ts';
import { saveSegment } from './saved.ts';
import type { SavedPlace } from './saved.ts';
import { headerAfter } from './segment.ts';

export interface TailToSave {
  readonly map: LogMap;
  /** Everything behind it is saved. */
  readonly from: Place;
  readonly why: string;
  readonly clock: Clock;
}

/**
 * Copies everything behind a place to saved/, one entry per segment; durable on resolve.
 * @throws WalshipError SAVED_FULL, DISK_FULL, DISK_FAILED; nothing of the log has changed then.
 */
export async function saveTail(place: SavedPlace, tail: TailToSave): Promise<SavedTail> {
  const { map, from, why, clock } = tail;
  const { epoch, lsn } = from.position;
  const to = map.end.position;
  const note = {
    why,
    whenMs: clock.wallMs(),
    from: { epoch, lsn: lsn + 1 },
    to: { epoch: to.epoch, lsn: to.lsn },
    by: 'leader',
  };
  const names: string[] = [];
  for (const { path, header, start, end, position } of map.piecesAfter(from)) {
    const source = { path, start, end, header: headerAfter(header.clusterId, position) };
    const entry = await saveSegment(place, source, note);
    names.push(entry.name);
  }
  return { names, fromLsn: lsn + 1, toLsn: to.lsn };
}
