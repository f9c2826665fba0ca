import type { LocalAcks } from '../../wal/files/saved.ts';
import type { EpochSpan } from '../../wal/format/history-spans.ts';

/**
 * Remembers how far this run acknowledged writes that were durable on this node alone, so that it can be said of a divergent tail
 * whether anybody was told of it. It is gone with the process: of what an earlier run led, nothing is known.
 */
export class LocalAckMemory {
  readonly #led = new Set<number>();
  #highestLsn = 0;

  /** This run leads `epoch`. */
  leads(epoch: number): void {
    this.#led.add(epoch);
  }

  /** A write was acknowledged at `local`. */
  acknowledged(lsn: number): void {
    this.#highestLsn = Math.max(this.#highestLsn, lsn);
  }

  /** The log was cut behind `lsn`. */
  cut(lsn: number): void {
    this.#highestLsn = Math.min(this.#highestLsn, lsn);
  }

  /** Of the records above `lsn` in a log with this history. */
  above(lsn: number, epochs: readonly EpochSpan[]): LocalAcks {
    if (this.#highestLsn > lsn) return 'yes';
    // The leadership that wrote the first of them, and every later one.
    const first = epochs.findLastIndex((entry) => entry.firstLsn <= lsn + 1);
    const writers = epochs.slice(Math.max(first, 0));
    return writers.every(({ epoch }) => epoch !== null && this.#led.has(epoch)) ? 'no' : 'unknown';
  }
}
