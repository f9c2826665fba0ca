import type { Clock } from '../ports/clock.ts';
import type { Log } from '../wal/log.ts';
import { forecast, heldLsn, WriteRate } from './retention.ts';
import type { Forecast, Hold } from './retention.ts';
import type { SnapshotSource } from './snapshot-sender.ts';

/** Milliseconds that a snapshot holds log for its receiver after the last sign of life. */
export const SNAPSHOT_HOLD_MS = 600_000;

export interface HoldsOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** This node's id: the leader holds no log for itself. */
  readonly nodeId: string;
  readonly voters: readonly string[];
  /** Bytes of log on disk that are kept for a lagging voter. */
  readonly retainBytesMax: number;
}

interface GivenSnapshot {
  readonly path: string;
  readonly startLsn: number;
  readonly endLsn: number;
  heardMs: number;
}

/**
 * Receivers that a leader keeps log for: every other voter, from its last known position, and each node that was
 * given a snapshot.
 */
export class Holds {
  readonly #options: HoldsOptions;
  readonly #rate: WriteRate;
  /** Last known position of each voter; undefined where nothing was heard from it in this leadership. */
  readonly #positions = new Map<string, number | undefined>();
  readonly #given = new Map<string, GivenSnapshot>();

  constructor(options: HoldsOptions) {
    const { log, clock, voters, nodeId: self } = options;
    this.#options = options;
    this.#rate = new WriteRate(log.onDisk.diskBytes, clock.nowMs());
    for (const nodeId of voters) if (nodeId !== self) this.#positions.set(nodeId, undefined);
  }

  /** Notes that `nodeId` has everything up to `lsn`. */
  reached(nodeId: string, lsn: number): void {
    if (this.#positions.has(nodeId)) this.#positions.set(nodeId, lsn);
    const given = this.#given.get(nodeId);
    if (given === undefined) return;
    given.heardMs = this.#options.clock.nowMs();
    if (lsn >= given.endLsn) this.#given.delete(nodeId);
  }

  /**
   * Notes that a snapshot is being sent to `nodeId`: its file, and the log from its start, stay until the node is
   * past its end.
   */
  gave(nodeId: string, { path, start, endLsn }: SnapshotSource): void {
    const heardMs = this.#options.clock.nowMs();
    this.#given.set(nodeId, { path, startLsn: start.lsn, endLsn, heardMs });
  }

  /** Notes a sign of life of `nodeId` while a snapshot is being sent to it. */
  heard(nodeId: string): void {
    const given = this.#given.get(nodeId);
    if (given !== undefined) given.heardMs = this.#options.clock.nowMs();
  }

  tick(): void {
    const { log, clock } = this.#options;
    const nowMs = clock.nowMs();
    this.#rate.sample(log.onDisk.diskBytes, nowMs);
    for (const [nodeId, { heardMs }] of this.#given) {
      if (nowMs - heardMs > SNAPSHOT_HOLD_MS) this.#given.delete(nodeId);
    }
  }

  /** Holds on the log, one for each receiver. */
  get holds(): readonly Hold[] {
    const given = [...this.#given].map(([nodeId, { startLsn }]) => ({
      nodeId,
      lsn: startLsn,
      snapshot: true,
    }));
    const voters = [...this.#positions]
      .filter(([nodeId]) => !this.#given.has(nodeId))
      // A voter that was not heard may need the whole log.
      .map(([nodeId, lsn = 0]) => ({ nodeId, lsn, snapshot: false }));
    return [...given, ...voters];
  }

  /** LSN above which the log is kept. */
  get heldLsn(): number {
    const { log, retainBytesMax } = this.#options;
    const held = { boundaryBefore: (bytes: number) => log.onDisk.boundaryBefore(bytes).lsn };
    return heldLsn(this.holds, held, retainBytesMax);
  }

  /** Snapshot files that are being sent. */
  get paths(): readonly string[] {
    return [...this.#given.values()].map(({ path }) => path);
  }

  /**
   * Returns how much log, on disk, may still be written before `nodeId` needs a full copy; undefined where it has no
   * hold, or was not heard in this leadership.
   */
  forecast(nodeId: string): Forecast | undefined {
    const { log, retainBytesMax } = this.#options;
    const lsn = this.#positions.get(nodeId);
    if (lsn === undefined) return undefined;
    const at = { lsn, firstLsn: log.firstLsn, bytesBehind: log.onDisk.diskBytesAfter(lsn) };
    return forecast(at, { retainBytesMax, bytesPerSecond: this.#rate.bytesPerSecond });
  }
}
