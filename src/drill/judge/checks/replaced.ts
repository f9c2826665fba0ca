import { formatVersion } from '../../../wal/format/position.ts';
import type { Version } from '../../../wal/format/position.ts';
import type { Evidence } from './evidence.ts';

/**
 * Which versions are not in the log that goes on, as far as that shows: epochs only grow along a log, so where it holds a record of a later
 * epoch at an LSN, it holds none of an earlier epoch there or behind. What a leadership said of its beginning counts only where
 * something of it is there in the end: one that committed nothing may itself have been replaced.
 */
export class Replaced {
  /** By epoch that is in the log that goes on: an LSN at which it had begun. */
  readonly #begunLsn = new Map<number, number>();

  constructor({ survivors, recording }: Pick<Evidence, 'survivors' | 'recording'>) {
    for (const { entries } of survivors) {
      // Before the first write of an epoch stands the record with which its leadership began.
      for (const { version } of entries.values()) this.#note(version.epoch, version.lsn - 1);
    }
    for (const { status } of [...recording.samples, ...recording.finals]) {
      const report = status?.leadership;
      if (report === null || report === undefined || !this.#begunLsn.has(report.epoch)) continue;
      this.#note(report.epoch, report.after.lsn + 1);
    }
  }

  /** What says that `version` is not in the log that goes on, in words; undefined: nothing does. */
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
