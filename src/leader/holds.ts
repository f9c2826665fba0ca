import type { Clock } from '../ports/clock.ts';
import type { Log } from '../wal/log.ts';
import { forecast, heldLsn, WriteRate } from './retention.ts';
import type { Forecast, Hold } from './retention.ts';
import type { SnapshotSource } from './snapshot-sender.ts';

/** A snapshot that was given to somebody holds log for it so long after it was last heard of. */
export const SNAPSHOT_HOLD_MS = 600_000;

export interface HoldsOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** Of this node, for which nothing is held. */
  readonly nodeId: string;
  readonly voters: readonly string[];
  /** On disk. */
  readonly retainBytesMax: number;
}

interface GivenSnapshot {
  readonly path: string;
  readonly startLsn: number;
  readonly endLsn: number;
  heardMs: number;
}

/** For whom a leader keeps its log: every other voter, as far as it was known to be, and whoever was given a snapshot. */
export class Holds {
  readonly #options: HoldsOptions;
  readonly #rate: WriteRate;
  /** The last known position of each voter; undefined where nothing was heard of it in this leadership. */
  readonly #positions = new Map<string, number | undefined>();
  readonly #given = new Map<string, GivenSnapshot>();

  constructor(options: HoldsOptions) {
    const { log, clock, voters, nodeId: self } = options;
    this.#options = options;
    this.#rate = new WriteRate(log.onDisk.diskBytes, clock.nowMs());
    for (const nodeId of voters) if (nodeId !== self) this.#positions.set(nodeId, undefined);
  }

  /** `nodeId` has everything up to `lsn`. */
  reached(nodeId: string, lsn: number): void {
    if (this.#positions.has(nodeId)) this.#positions.set(nodeId, lsn);
    const given = this.#given.get(nodeId);
    if (given === undefined) return;
    given.heardMs = this.#options.clock.nowMs();
    if (lsn >= given.endLsn) this.#given.delete(nodeId);
  }

  /** A snapshot is being sent to `nodeId`: its file, and the log from its start, stay until it has got past its end. */
  gave(nodeId: string, { path, start, endLsn }: SnapshotSource): void {
    const heardMs = this.#options.clock.nowMs();
    this.#given.set(nodeId, { path, startLsn: start.lsn, endLsn, heardMs });
  }

  /** `nodeId` was heard of, while a snapshot is being sent to it. */
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

  /** Everybody for whom log is kept. */
  get holds(): readonly Hold[] {
    const given = [...this.#given].map(([nodeId, { startLsn }]) => ({
      nodeId,
      lsn: startLsn,
      snapshot: true,
    }));
    const voters = [...this.#positions]
      .filter(([nodeId]) => !this.#given.has(nodeId))
      // It may need all that there is.
      .map(([nodeId, lsn = 0]) => ({ nodeId, lsn, snapshot: false }));
    return [...given, ...voters];
  }

  /** The log above this LSN is kept. */
  get heldLsn(): number {
    const { log, retainBytesMax } = this.#options;
    const held = { boundaryBefore: (bytes: number) => log.onDisk.boundaryBefore(bytes).lsn };
    return heldLsn(this.holds, held, retainBytesMax);
  }

  /** Snapshot files that are being sent. */
  get paths(): readonly string[] {
    return [...this.#given.values()].map(({ path }) => path);
  }

  /** How much log, on disk, may still be written before `nodeId` needs a full copy; undefined where it has no hold, or was not heard of in this leadership. */
  forecast(nodeId: string): Forecast | undefined {
    const { log, retainBytesMax } = this.#options;
    const lsn = this.#positions.get(nodeId);
    if (lsn === undefined) return undefined;
    const at = { lsn, firstLsn: log.firstLsn, bytesBehind: log.onDisk.diskBytesAfter(lsn) };
    return forecast(at, { retainBytesMax, bytesPerSecond: this.#rate.bytesPerSecond });
  }
}
