import type { Store } from '../../store/store.ts';
import type { CutReason, Log, SavedTail } from '../../wal/log.ts';
import { samePosition } from '../../wal/format/position.ts';
import type { MetaStore } from '../../wal/files/meta.ts';
import { dropSnapshot } from '../../wal/snapshot/snapshot-shelf.ts';
import type { SnapshotFile } from '../../wal/snapshot/snapshot-writer.ts';
import type { Applier } from './applier.ts';
import { loadState, newStore } from './load-state.ts';
import type { LoadedState, StatePlace } from './load-state.ts';

/** Node whose state it is. */
export interface StateOwner {
  readonly place: StatePlace;
  readonly log: Log;
  readonly meta: MetaStore;
  learnCommitted(lsn: number): void;
}

interface Changed<T> {
  readonly result: T;
  /** Store and snapshot already in memory, where the disk need not be read. */
  readonly loaded?: Pick<LoadedState, 'store' | 'snapshot'> | undefined;
}

/**
 * Rebuilds the state of a running node from the newest snapshot and the log: the only way to do so, for all reasons.
 */
export class StateLoader {
  readonly #owner: StateOwner;
  readonly #applier: Applier;
  #loading = 0;
  /** True if the applied state was dropped, and no other was loaded instead. */
  #forgotten: boolean;
  #listeners: ((snapshot: SnapshotFile | undefined) => void)[] = [];

  constructor(owner: StateOwner, applier: Applier) {
    this.#owner = owner;
    this.#applier = applier;
    this.#forgotten = owner.meta.current.discarding;
  }

  /** True while the state is being loaded: nothing may be applied to it. */
  get loading(): boolean {
    return this.#loading > 0;
  }

  /** Calls `listener` whenever the state was begun anew, with its snapshot. */
  onLoaded(listener: (snapshot: SnapshotFile | undefined) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Installs a snapshot that is durable under its name: a new log begins after its start, and the state is loaded
   * from it, or is `arrived`, which was filled while it arrived. Durable on resolve; finished at the next start if it
   * is interrupted. Returns what was saved of the old log.
   * @throws WalshipError SAVED_FULL or DISK_FULL with the old log in force; DISK_FAILED.
   */
  async install(
    snapshot: SnapshotFile,
    reason: Omit<CutReason, 'why'>,
    arrived?: Store,
  ): Promise<SavedTail> {
    const { log, place } = this.#owner;
    const { disk, dir } = place;
    const shownLsn = this.#applier.appliedLsn;
    return this.#loadAnew({ toLsn: snapshot.endLsn, shownLsn }, async () => {
      try {
        const tail = await log.replaceBehind(snapshot, reason);
        this.#owner.learnCommitted(snapshot.endLsn);
        return { result: tail, loaded: arrived && { store: arrived, snapshot } };
      } catch (error) {
        if (!samePosition(log.durable, snapshot.start)) {
          await dropSnapshot(disk, dir, snapshot.path);
        }
        throw error;
      }
    });
  }

  /** Drops the applied state in this very turn, until `recall`, or until a snapshot is installed. */
  forget(): void {
    this.#forgotten = true;
    const { place } = this.#owner;
    this.#applier.rebuild({ store: newStore(place), appliedLsn: 0 }, Infinity);
  }

  /**
   * Rebuilds the state from the log and its snapshots, unless that was done since `forget`. @throws WalshipError
   * DISK_FAILED.
   */
  async recall(toLsn: number): Promise<void> {
    if (!this.#forgotten) return;
    await this.#loadAnew({ toLsn, shownLsn: toLsn }, () => Promise.resolve({ result: undefined }));
  }

  /**
   * Loads the state once `change` is done, or has failed. It must not be read until it has reached the lower of
   * `toLsn` and `shownLsn`, and the end of its snapshot. The old state is dropped in this very turn: its memory is
   * needed.
   * @throws WalshipError DISK_FAILED, and the errors of `change`.
   */
  async #loadAnew<T>(
    { toLsn, shownLsn }: { readonly toLsn: number; readonly shownLsn: number },
    change: () => Promise<Changed<T>>,
  ): Promise<T> {
    const { place, meta, log } = this.#owner;
    const applier = this.#applier;
    const { appliedLsn } = applier;
    let changed: Changed<T> | undefined;
    this.#loading += 1;
    applier.rebuild({ store: newStore(place), appliedLsn }, Math.max(toLsn, appliedLsn + 1));
    try {
      changed = await change();
      return changed.result;
    } finally {
      const { store, snapshot } = changed?.loaded ?? (await loadState(place, meta.current));
      this.#loading -= 1;
      if (changed !== undefined) this.#forgotten = false;
      if (snapshot !== undefined) log.history.rebase(snapshot);
      const state = { store, appliedLsn: snapshot?.start.lsn ?? 0 };
      applier.rebuild(state, Math.max(snapshot?.endLsn ?? 0, Math.min(toLsn, shownLsn)));
      for (const listener of this.#listeners) listener(snapshot);
    }
  }
}
