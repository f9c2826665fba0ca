/** How much log a leader keeps for those who lag: pure rules. */

/** Log, in bytes on disk, that is kept for a voter that lags, unless said otherwise. */
export const RETAIN_BYTES_MAX_DEFAULT = 1024 * 1024 * 1024;
/** For one that was given a snapshot, this many times as much, until it has streamed past the end of that. */
export const SNAPSHOT_RETAIN_FACTOR = 2;

/** Somebody who needs the log behind `lsn`. */
export interface Hold {
  readonly nodeId: string;
  readonly lsn: number;
  /** A snapshot was, or is being, sent to it: the log from its start is kept longer, or it would need another one when it has this one. */
  readonly snapshot: boolean;
}

/** What the rules need of a log. */
export interface HeldLog {
  /** The LSN before a border of segments that has at least so many bytes on disk behind it; the one before the first LSN, where none has. */
  boundaryBefore(bytes: number): number;
}

/**
 * The log above this LSN is kept: what the furthest behind needs, but no more than `retainBytesMax` on disk, or a multiple of it for a
 * snapshot that is on its way. Infinity where nobody holds anything.
 */
export function heldLsn(holds: readonly Hold[], log: HeldLog, retainBytesMax: number): number {
  let lowest = Infinity;
  for (const { lsn, snapshot } of holds) {
    const bytes = retainBytesMax * (snapshot ? SNAPSHOT_RETAIN_FACTOR : 1);
    lowest = Math.min(lowest, Math.max(lsn, log.boundaryBefore(bytes)));
  }
  return lowest;
}

/** How long somebody who is away may stay away. */
export interface Forecast {
  /** Log, on disk, that may still be written before it needs a full copy; 0 where it does. */
  readonly bytesLeft: number;
  /** At the rate of the last seconds; null where nothing is written. */
  readonly secondsLeft: number | null;
}

export function forecast(
  at: { readonly lsn: number; readonly firstLsn: number; readonly bytesBehind: number },
  { retainBytesMax, bytesPerSecond }: { retainBytesMax: number; bytesPerSecond: number },
): Forecast {
  const isPurged = at.lsn + 1 < at.firstLsn;
  const bytesLeft = isPurged ? 0 : Math.max(0, retainBytesMax - at.bytesBehind);
  const secondsLeft =
    bytesLeft === 0 ? 0 : bytesPerSecond < 1 ? null : Math.floor(bytesLeft / bytesPerSecond);
  return { bytesLeft, secondsLeft };
}

/** A sample of the rate counts for this much of the average. */
const WEIGHT = 0.2;
const SAMPLE_MS = 1_000;

/** How fast the log grows, averaged over the last seconds. */
export class WriteRate {
  #bytes: number;
  #sinceMs: number;
  #perSecond = 0;

  constructor(bytes: number, nowMs: number) {
    this.#bytes = bytes;
    this.#sinceMs = nowMs;
  }

  get bytesPerSecond(): number {
    return this.#perSecond;
  }

  /** To be called often, with how much log was ever written. */
  sample(bytes: number, nowMs: number): void {
    const tookMs = nowMs - this.#sinceMs;
    if (tookMs < SAMPLE_MS) return;
    const perSecond = (Math.max(0, bytes - this.#bytes) * 1_000) / tookMs;
    this.#perSecond += (perSecond - this.#perSecond) * WEIGHT;
    this.#bytes = bytes;
    this.#sinceMs = nowMs;
  }
}
