/** Rules for how much log a leader keeps for lagging nodes; pure. */

/** Default for the bytes of log on disk that are kept for a lagging voter. */
export const RETAIN_BYTES_MAX_DEFAULT = 1024 * 1024 * 1024;
/** Factor on that bound for a receiver of a snapshot, until it has streamed past the end of the snapshot. */
export const SNAPSHOT_RETAIN_FACTOR = 2;

/** A node that needs the log after `lsn`. */
export interface Hold {
  readonly nodeId: string;
  readonly lsn: number;
  /**
   * True if a snapshot was, or is being, sent to it: the log from its start is kept longer, or the node would need
   * another snapshot after this one.
   */
  readonly snapshot: boolean;
}

/** Part of a log that the rules need. */
export interface HeldLog {
  /**
   * Returns the LSN before a segment border with at least this many bytes on disk after it; the LSN before the first
   * one, where no border has.
   */
  boundaryBefore(bytes: number): number;
}

/**
 * Returns the LSN above which the log is kept: the need of the node that lags most, but no more than `retainBytesMax`
 * on disk, or a multiple of it for a snapshot that is on its way. Infinity where nobody holds anything.
 */
export function heldLsn(holds: readonly Hold[], log: HeldLog, retainBytesMax: number): number {
  let lowest = Infinity;
  for (const { lsn, snapshot } of holds) {
    const bytes = retainBytesMax * (snapshot ? SNAPSHOT_RETAIN_FACTOR : 1);
    lowest = Math.min(lowest, Math.max(lsn, log.boundaryBefore(bytes)));
  }
  return lowest;
}

/** Slack of an absent node before it needs a full copy. */
export interface Forecast {
  /** Bytes of log, on disk, that may still be written before it needs a full copy; 0 where it already does. */
  readonly bytesLeft: number;
  /** Seconds left at the recent write rate; null where nothing is written. */
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

/** Weight of a new sample in the average rate. */
const WEIGHT = 0.2;
const SAMPLE_MS = 1_000;

/** Write rate of the log, averaged over the last seconds. */
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

  /** Takes a sample. Call it often; `bytes` is the number of bytes ever written. */
  sample(bytes: number, nowMs: number): void {
    const tookMs = nowMs - this.#sinceMs;
    if (tookMs < SAMPLE_MS) return;
    const perSecond = (Math.max(0, bytes - this.#bytes) * 1_000) / tookMs;
    this.#perSecond += (perSecond - this.#perSecond) * WEIGHT;
    this.#bytes = bytes;
    this.#sinceMs = nowMs;
  }
}
