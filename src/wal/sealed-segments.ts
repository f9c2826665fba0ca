import { isUnwritable } from '../ports/disk-errors.ts';
import { isWalshipError, type WalshipError } from '../errors.ts';
import type { Exclusive } from './exclusive.ts';
import type { SealedSegment } from './read/log-map.ts';
import type { LogParts } from './log-surgery.ts';
import { walDirOf } from './open-log.ts';
import { samePosition } from './format/position.ts';
import { pathsOf, removeSegments } from './recovery/restart-log.ts';
import { parseSegmentName } from './format/segment.ts';
import { saveSegment } from './files/saved.ts';
import type { RefetchedSegment, ScrubDamage } from './scrub.ts';

/** Result of the replacement of a damaged segment. */
export interface Replaced {
  /** Name in saved/ of the damaged segment; null if it could not be read, or if saved/ is full. */
  readonly saved: string | null;
}

/**
 * Segments that are no longer written to: they are purged from the oldest on, and a damaged one is replaced by its original content. One
 * operation runs at a time, and none during a cut of the log.
 */
export class SealedSegments {
  readonly #parts: () => LogParts;
  readonly #exclusive: Exclusive;
  /** Current work on files; never rejects, since a failure ends the log. */
  #work: Promise<void> = Promise.resolve();
  /** True while segments on disk may be older than the log. */
  #isUnpurged = false;

  constructor(parts: () => LogParts, exclusive: Exclusive) {
    this.#parts = parts;
    this.#exclusive = exclusive;
  }

  /** Oldest sealed segment with a base LSN above `baseLsn`. */
  after(baseLsn: number): SealedSegment | undefined {
    return this.#parts().durable.map.sealedAfter(baseLsn);
  }

  /** Sealed segment in the file at `path`. */
  at(path: string): SealedSegment | undefined {
    let segment = this.after(0);
    while (segment !== undefined && segment.path !== path) {
      segment = this.after(segment.header.baseLsn);
    }
    return segment;
  }

  /** True if the failed read was in a sealed segment, which will be repaired in the background and can then be read again. */
  isRepairable({ code, details }: WalshipError): boolean {
    const path = code === 'WAL_CORRUPT' ? details['segment'] : undefined;
    return typeof path === 'string' && this.at(path) !== undefined;
  }

  /** True if the segment is still part of the log, unchanged. */
  holds(segment: SealedSegment): boolean {
    const held = this.after(segment.header.baseLsn - 1);
    return (
      held !== undefined &&
      held.path === segment.path &&
      held.end === segment.end &&
      held.header.chain === segment.header.chain &&
      samePosition(held.last, segment.last)
    );
  }

  /** Calls `listener` with the path of a segment in which a read of the log found damage. */
  onDamage(listener: (path: string) => void): void {
    this.#parts().durable.onDamage = listener;
  }

  /**
   * Removes whole segments without records above `lsn`, never the newest, and none before the name of the newest is durable; durable on
   * resolve. Without a descriptor, the next purge removes the rest. @throws WalshipError DISK_FAILED.
   */
  purge(lsn: number): Promise<void> {
    const { options, durable, writer, fail } = this.#parts();
    if (writer?.isNamePending === true) return Promise.resolve();
    if (durable.purge(lsn).length > 0) this.#isUnpurged = true;
    return this.#next(async () => {
      if (!this.#isUnpurged) return;
      const walDir = walDirOf(options.dir);
      try {
        // A segment that is being trimmed is not removed before that is done.
        await writer?.settle();
        // By the names on disk, since an earlier purge may have left some.
        const names = await options.disk.list(walDir);
        const start = durable.map.start.lsn;
        const purged = names.filter((name) => (parseSegmentName(name) ?? Infinity) <= start);
        await removeSegments(options.disk, walDir, pathsOf(walDir, purged));
        this.#isUnpurged = false;
      } catch (error) {
        if (!isWalshipError(error, 'NO_DESCRIPTORS')) throw fail(error);
      }
    });
  }

  /**
   * Saves the damaged segment and replaces it by the durable file with its original content; durable on resolve.
   * Undefined if the segment was purged or cut in the meantime; then the file is removed.
   * @throws WalshipError DISK_FULL with nothing changed; DISK_FAILED.
   */
  async replace(damage: ScrubDamage, file: RefetchedSegment): Promise<Replaced | undefined> {
    // Checked again in this turn: work that begins later waits for this replacement.
    while (this.#exclusive.busy) await this.#exclusive.until(() => !this.#exclusive.busy);
    return this.#next(() => replaceSegment(this, this.#parts(), { damage, file }));
  }

  /** Resolves when no work on the files of sealed segments is in progress. */
  settled(): Promise<void> {
    return this.#work;
  }

  #next<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#work.then(work);
    this.#work = done.then(
      () => undefined,
      () => undefined,
    );
    return done;
  }
}

async function replaceSegment(
  sealed: SealedSegments,
  { options, durable, writer, fail }: LogParts,
  { damage, file }: { readonly damage: ScrubDamage; readonly file: RefetchedSegment },
): Promise<Replaced | undefined> {
  const { disk, dir } = options;
  const { segment } = damage;
  const { temporary, header, usedBytes } = file;
  try {
    await writer?.settle();
    if (!sealed.holds(segment)) {
      await disk.remove(temporary);
      return undefined;
    }
    const saved = damage.readable ? await save(options, damage) : null;
    await durable.during(async () => {
      await disk.rename(temporary, segment.path);
      durable.map.rewritten(segment.path, header, usedBytes);
      await disk.syncDir(walDirOf(dir)).catch(ignoreLackOfDescriptors);
    });
    return { saved };
  } catch (error) {
    if (!isUnwritable(error)) throw fail(error);
    await disk.remove(temporary);
    throw error;
  }
}

/** If a power cut brings the damaged segment back, the next scrub repairs it again. */
function ignoreLackOfDescriptors(error: unknown): void {
  if (!isWalshipError(error, 'NO_DESCRIPTORS')) throw error;
}

/** Saves the damaged segment; null if saved/ is full, which loses nothing, since the replacement is proven to have the original content. */
async function save(
  { disk, dir, clock }: LogParts['options'],
  { segment, reason, offset, fromLsn, toLsn }: ScrubDamage,
): Promise<string | null> {
  try {
    const { name } = await saveSegment(
      { disk, dir },
      { path: segment.path, start: 0, end: segment.end },
      {
        why: `${segment.path} at offset ${offset}: ${reason}; it was replaced by what it had held`,
        whenMs: clock.wallMs(),
        from: { epoch: segment.header.epoch, lsn: fromLsn },
        to: { epoch: segment.last.epoch, lsn: toLsn },
        by: 'scrub',
      },
    );
    return name;
  } catch (error) {
    if (isWalshipError(error, 'SAVED_FULL')) return null;
    throw error;
  }
}
