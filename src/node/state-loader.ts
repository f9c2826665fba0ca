import { Store } from '../store/store.ts';
import type { Log } from '../wal/log.ts';
import type { MetaStore } from '../wal/meta.ts';
import { dropSnapshot, keepSnapshots } from '../wal/snapshot-shelf.ts';
import type { SnapshotFile } from '../wal/snapshot-writer.ts';
import type { Applier } from './applier.ts';
import { loadState } from './load-state.ts';
import type { StatePlace } from './load-state.ts';

/** The node whose state it is. */
export interface StateOwner {
  readonly place: StatePlace;
  readonly log: Log;
  readonly meta: MetaStore;
  learnCommitted(lsn: number): void;
}

/** Begins the state of a running node anew, from the newest snapshot and the log: the one way for all reasons to do so. */
export class StateLoader {
  readonly #owner: StateOwner;
  readonly #applier: Applier;
  #loading = 0;
  #listeners: ((snapshot: SnapshotFile) => void)[] = [];

  constructor(owner: StateOwner, applier: Applier) {
    this.#owner = owner;
    this.#applier = applier;
  }

  /** The state is being loaded: nothing may be applied to it. */
  get loading(): boolean {
    return this.#loading > 0;
  }

  /** Calls `listener` whenever a snapshot was installed. */
  onInstalled(listener: (snapshot: SnapshotFile) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Goes on from a snapshot that is durable under its name: the log is put aside for a new one behind its start, and the state is loaded
   * from it. Durable on resolve, and finished at the next start where it is interrupted.
   * @throws WalshipError SAVED_FULL or DISK_FULL with the old log in force; DISK_FAILED.
   */
  async install(snapshot: SnapshotFile): Promise<void> {
    const { log, place } = this.#owner;
    const { disk, dir } = place;
    await this.loadAnew(snapshot.endLsn, async () => {
      try {
        await log.restart(snapshot);
      } catch (error) {
        if (log.durable.lsn !== snapshot.start.lsn) await dropSnapshot(disk, dir, snapshot.path);
        throw error;
      }
      this.#owner.learnCommitted(snapshot.endLsn);
    });
    await keepSnapshots(disk, dir, [snapshot.path]);
    for (const listener of this.#listeners) listener(snapshot);
  }

  /**
   * Loads the state once `change` is done, or has failed. It is not fit to be read until it has got to `toLsn`, or to the end of its
   * snapshot. What it held is gone in this very turn: its memory is needed.
   * @throws WalshipError DISK_FAILED, and what `change` throws.
   */
  async loadAnew(toLsn: number, change: () => Promise<void>): Promise<void> {
    const { place, meta } = this.#owner;
    const applier = this.#applier;
    const { appliedLsn } = applier;
    this.#loading += 1;
    const empty = new Store({ seed: place.newSeed() });
    applier.rebuild({ store: empty, appliedLsn }, Math.max(toLsn, appliedLsn + 1));
    try {
      await change();
    } finally {
      const { store, snapshot } = await loadState(place, meta.current);
      this.#loading -= 1;
      const state = { store, appliedLsn: snapshot?.start.lsn ?? 0 };
      applier.rebuild(state, Math.max(snapshot?.endLsn ?? 0, Math.min(toLsn, appliedLsn)));
    }
  }
}
