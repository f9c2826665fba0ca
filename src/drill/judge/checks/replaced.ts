import { formatVersion } from '../../../wal/format/position.ts';
import type { Version } from '../../../wal/format/position.ts';
import type { Evidence } from './evidence.ts';

/**
 * Finds versions that are not in the surviving log, from the visible part of it: epochs only grow along a log, so a
 * log with a record of a later epoch at an LSN holds none of an earlier epoch there or after it. A leadership's
 * report of its beginning counts only if any of its records is there in the end: a leadership that committed nothing
 * may itself have been replaced.
 */
export class Replaced {
  /** LSN at which an epoch of the surviving log had begun, by epoch. */
  readonly #begunLsn = new Map<number, number>();

  constructor({ survivors, recording }: Pick<Evidence, 'survivors' | 'recording'>) {
    for (const { entries } of survivors) {
      // The record with which a leadership began precedes the first write of its epoch.
      for (const { version } of entries.values()) this.#note(version.epoch, version.lsn - 1);
    }
    for (const { status } of [...recording.samples, ...recording.finals]) {
      const report = status?.leadership;
      if (report === null || report === undefined || !this.#begunLsn.has(report.epoch)) continue;
      this.#note(report.epoch, report.after.lsn + 1);
    }
  }

  /** Returns the reason why `version` is not in the surviving log, in words; undefined if there is none. */
  why(version: Version): string | undefined {
    for (const [epoch, lsn] of this.#begunLsn) {
      if (epoch <= version.epoch || lsn > version.lsn) continue;
      const from = formatVersion({ epoch, lsn });
      return `the log that goes on has epoch ${epoch} from ${from} on at the latest`;
    }
    return undefined;
  }

  #note(epoch: number, lsn: number): void {
    this.#begunLsn.set(epoch, Math.min(lsn, this.#begunLsn.get(epoch) ?? Infinity));
  }
}
