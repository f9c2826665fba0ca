import type { LogBase } from './log-base.ts';
import type { RecoveredLog } from './recover.ts';
import type { EpochEntry } from './position.ts';

/** Who led when, and what is known to be committed, as the records themselves say. */
export class LogHistory {
  #epochs: EpochEntry[];
  #knownCommitLsn: number;

  constructor({ epochs, knownCommitLsn }: Pick<RecoveredLog, 'epochs' | 'knownCommitLsn'>) {
    this.#epochs = [...epochs];
    this.#knownCommitLsn = knownCommitLsn;
  }

  /** Oldest first. */
  get epochs(): readonly EpochEntry[] {
    return this.#epochs;
  }

  get knownCommitLsn(): number {
    return this.#knownCommitLsn;
  }

  /** The epoch of the record at `lsn`; 0 before the first leadership. */
  epochAt(lsn: number): number {
    return this.#epochs.findLast((entry) => entry.firstLsn <= lsn)?.epoch ?? 0;
  }

  /** A leadership was written, or is about to be. */
  began(entry: EpochEntry): void {
    this.#epochs.push(entry);
  }

  /** A durable seal says that `lsn` is committed. */
  committed(lsn: number): void {
    this.#knownCommitLsn = Math.max(this.#knownCommitLsn, lsn);
  }

  /** A snapshot took the place of all that was held. */
  restart({ epochs, endLsn }: LogBase): void {
    this.#epochs = [...epochs];
    this.#knownCommitLsn = Math.max(this.#knownCommitLsn, endLsn);
  }

  /** The log was cut behind `lsn`. */
  truncate(lsn: number): void {
    this.#epochs = this.#epochs.filter((entry) => entry.firstLsn <= lsn);
    this.#knownCommitLsn = Math.min(this.#knownCommitLsn, lsn);
  }
}
