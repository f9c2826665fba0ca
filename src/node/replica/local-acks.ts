import type { LocalAcks } from '../../wal/files/saved.ts';
import type { EpochSpan } from '../../wal/format/history-spans.ts';

/**
 * Remembers up to which LSN this run acknowledged writes that were durable on this node alone, to tell whether any
 * client was told of a divergent tail. It is lost with the process: nothing is known of the leaderships of earlier
 * runs.
 */
export class LocalAckMemory {
  readonly #led = new Set<number>();
  #highestLsn = 0;

  /** Notes that this run leads `epoch`. */
  leads(epoch: number): void {
    this.#led.add(epoch);
  }

  /** Notes that a write was acknowledged at `local`. */
  acknowledged(lsn: number): void {
    this.#highestLsn = Math.max(this.#highestLsn, lsn);
  }

  /** Notes that the log was cut after `lsn`. */
  cut(lsn: number): void {
    this.#highestLsn = Math.min(this.#highestLsn, lsn);
  }

  /** Answers for the records above `lsn` in a log with this history. */
  above(lsn: number, epochs: readonly EpochSpan[]): LocalAcks {
    if (this.#highestLsn > lsn) return 'yes';
    // Leaderships that wrote these records: the one that wrote the first of them, and all later ones.
    const first = epochs.findLastIndex((entry) => entry.firstLsn <= lsn + 1);
    const writers = epochs.slice(Math.max(first, 0));
    return writers.every(({ epoch }) => epoch !== null && this.#led.has(epoch)) ? 'no' : 'unknown';
  }
}
