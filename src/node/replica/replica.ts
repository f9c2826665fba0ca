import type { DiskLock } from '../../ports/disk.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import { applyRecords } from '../../store/apply.ts';
import type { Store } from '../../store/store.ts';
import { Log, type SavedTail } from '../../wal/log.ts';
import { leftMetaAsItWas } from '../../wal/files/meta.ts';
import type { ForcedConfig, Meta, MetaStore } from '../../wal/files/meta.ts';
import { openMeta } from '../../wal/open-meta.ts';
import type { Version } from '../../wal/format/position.ts';
import type { RecoveryWarning } from '../../wal/recovery/recover.ts';
import { removeTemporary } from '../../wal/leftovers.ts';
import { listSnapshots } from '../../wal/snapshot/snapshot-reader.ts';
import type { SnapshotFile } from '../../wal/snapshot/snapshot-writer.ts';
import { Applier } from './applier.ts';
import type { EventListener } from '../api/events.ts';
import { finishBirth } from './finish-birth.ts';
import { loadState, newStore, placeOf } from './load-state.ts';
import type { LoadedState, StatePlace } from './load-state.ts';
import { LocalAckMemory } from './local-acks.ts';
import type { ReplicaOptions } from './replica-options.ts';
import { Replay } from './replay.ts';
import { StateLoader } from './state-loader.ts';
import type { Claim, EpochPromise, VoterState } from '../../wal/format/voter-state.ts';

/**
 * State of one node in any role: log, meta.json, store, and the two LSNs that bound what may be shown.
 *
 * Invariant: what is applied is committed, durable here, and the same as in the log of the leader of the day
 * (`applied <= min(durable, committed, matched)`): no read ever shows a write that is not committed.
 * Invariant: `fence` never falls below the durable promise, and only a node that said nothing under a fence lowers it again.
 */
export class Replica {
  readonly log: Log;
  readonly meta: MetaStore;
  readonly nodeId: string;
  readonly localAcks = new LocalAckMemory();
  /** Snapshot that the state was begun from. */
  snapshot: SnapshotFile | undefined;
  /** Warnings of recovery. */
  readonly warnings: readonly RecoveryWarning[];
  /** Last tail that a leader had this node cut, for display. */
  lastCut: SavedTail | null = null;
  /** Place of the replica's files. */
  readonly place: StatePlace;
  /** Applies the log to the store. */
  readonly applier: Applier;
  /** Rebuilds the state where that is needed. */
  readonly loader: StateLoader;
  readonly #lock: DiskLock;
  readonly #onEvent: EventListener;
  #fence: number;
  /** Epochs of promises that are being written to disk. */
  readonly #promising: number[] = [];
  #committedLsn: number;
  #matchedLsn: number;
  #leaving = 0;
  #failure: WalshipError | undefined;
  #closed = false;
  /** Changes of meta.json that are being written to disk. */
  readonly #updates = new Set<Promise<void>>();
  #fencedListeners: ((fence: number) => void)[] = [];
  #committedListeners: ((lsn: number) => void)[] = [];
  #failedListeners: ((error: WalshipError) => void)[] = [];

  private constructor(parts: {
    readonly log: Log;
    readonly meta: MetaStore;
    readonly loaded: LoadedState;
    readonly place: StatePlace;
    readonly lock: DiskLock;
    readonly appliedLsn: number;
    readonly options: ReplicaOptions;
  }) {
    const { log } = parts;
    this.log = log;
    this.meta = parts.meta;
    this.nodeId = parts.options.nodeId;
    this.place = parts.place;
    this.#lock = parts.lock;
    this.#onEvent = parts.options.onEvent;
    this.#fence = parts.meta.current.promise.epoch;
    // Seals carry the commit LSN that their leader knew: true for ever, and all that a restarted node may show.
    // A snapshot's end is as true, and may lie above the end of the log: nothing below it is ever cut.
    const { snapshot, store, warnings } = parts.loaded;
    const { discarding } = parts.meta.current;
    const snapshotLsn = discarding ? 0 : (snapshot?.endLsn ?? 0);
    // With a single voter the log may end below the snapshot if an operator truncated it; accept that.
    const alone = parts.options.voterCount === 1;
    const endLsn = alone ? Math.min(snapshotLsn, log.durable.lsn) : snapshotLsn;
    const known = Math.max(Math.min(log.history.knownCommitLsn, log.durable.lsn), endLsn);
    // A node that an operator sent to another history does not know what is committed there.
    this.#committedLsn = discarding ? 0 : known;
    this.#matchedLsn = this.#committedLsn;
    this.snapshot = snapshot;
    this.warnings = [...log.recovery.warnings, ...warnings];
    this.applier = new Applier({
      log,
      clock: parts.options.clock,
      store,
      appliedLsn: parts.appliedLsn,
      applyBytesMax: parts.options.applyBytesMax,
      readyLsn: endLsn,
      limit: () => this.#applyLimit(),
      failed: () => this.#failure !== undefined,
      onFailed: (error) => (log.sealed.isRepairable(error) ? undefined : this.fail(error)),
    });
    this.loader = new StateLoader(this, this.applier);
    this.loader.onLoaded((begunFrom) => void (this.snapshot = begunFrom));
  }

  /**
   * Locks the directory, recovers the log and replays what is known to be committed.
   * @throws WalshipError DATA_DIR_LOCKED, WAL_CORRUPT, SEGMENT_MISSING, WRONG_CLUSTER, UNSUPPORTED_VERSION, CONFIG_MISMATCH, DISK_FAILED.
   */
  static async open(options: ReplicaOptions): Promise<Replica> {
    const { disk, dir, clock, nodeId } = options;
    await disk.makeDir(dir);
    const lock = await disk.lock(`${dir}/LOCK`);
    try {
      await removeTemporary(disk, dir);
      const hasLog =
        (await disk.list(`${dir}/wal`)).some((name) => name.endsWith('.wal')) ||
        (await listSnapshots(disk, dir)).length > 0;
      const meta = await openMeta(disk, dir, { hasLog, nodeId });
      const place = placeOf(options);
      const { discarding } = meta.current;
      const found = await loadState(place, meta.current);
      const loaded = discarding ? { ...found, store: newStore(place) } : found;
      const { store, snapshot } = loaded;
      const replay = new Replay((bytes) => applyRecords(store, bytes), {
        from: snapshot?.start.lsn ?? 0,
        committedLsn: snapshot?.endLsn ?? 0,
      });
      const log = await Log.open({
        disk,
        clock,
        entropy: options.entropy,
        dir,
        meta,
        voters: options.voterCount,
        base: snapshot,
        ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
        ...(options.recentBytesMax === undefined ? {} : { recentBytesMax: options.recentBytesMax }),
        ...(options.onDamage === undefined ? {} : { onDamage: options.onDamage }),
        replay: ({ bytes, last, seal }) => {
          // A discarding node may hold records that its new history lacks: nothing of them is shown.
          if (!discarding) replay.batch({ bytes, last, commitLsn: seal.commitLsn });
        },
      });
      const appliedLsn = discarding ? 0 : replay.appliedLsn;
      const replica = new Replica({ log, meta, loaded, place, lock, appliedLsn, options });
      await finishBirth(meta, log);
      replica.applier.wake();
      return replica;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /** Changes meta.json, durable on resolve; a disk that failed at it stops the node. @throws WalshipError DISK_FULL, DISK_FAILED, NODE_CLOSED. */
  async updateMeta(patch: Parameters<MetaStore['update']>[0]): Promise<void> {
    if (this.#closed) throw closedError();
    const before = this.state;
    const update = this.meta.update(patch);
    this.#updates.add(update);
    try {
      await update;
      this.#tellState(before, patch.state);
    } catch (error) {
      if (isWalshipError(error, 'DISK_FAILED')) this.fail(error);
      throw error;
    } finally {
      this.#updates.delete(update);
    }
  }

  #tellState(before: VoterState, after: VoterState | undefined): void {
    if (after === undefined || after === before) return;
    const level = after === 'intact' ? 'info' : 'warn';
    const message = `this node was ${before}, and is ${after} now`;
    this.#onEvent({ level, code: 'STATE_CHANGED', message, before, after });
  }

  get state(): VoterState {
    return this.meta.current.state;
  }

  get claim(): Claim {
    return this.meta.current.claim;
  }

  get committedLsn(): number {
    return this.#committedLsn;
  }

  /** Store with the applied state; another object after the state was rebuilt. */
  get store(): Store {
    return this.applier.store;
  }

  /** Number that changes whenever the state is begun anew. */
  get stateGeneration(): number {
    return this.applier.generation;
  }

  /**
   * True while the state is being built: it contains less than before, or less than its snapshot needs, and must not
   * be read.
   */
  get rebuilding(): boolean {
    return this.meta.current.discarding || this.applier.rebuilding;
  }

  get appliedLsn(): number {
    return this.applier.appliedLsn;
  }

  get applied(): Version {
    return { epoch: this.log.epochAt(this.appliedLsn), lsn: this.appliedLsn };
  }

  /**
   * Lowest epoch whose frames, acks and writes this node still takes part in; held in memory, at least the durable
   * promise.
   */
  get fence(): number {
    return this.#fence;
  }

  get failure(): WalshipError | undefined {
    return this.#failure;
  }

  /** Reason why nothing more will be applied here: the disk failed, or the node was closed. */
  get end(): WalshipError | undefined {
    return this.#failure ?? (this.#closed ? closedError() : undefined);
  }

  onFenced(listener: (fence: number) => void): void {
    this.#fencedListeners.push(listener);
  }

  onApplied(listener: (lsn: number) => void): void {
    this.applier.onApplied(listener);
  }

  /**
   * Calls `listener` once, when more is applied or this node ends. The returned function cancels it, so that
   * listeners do not pile up while nothing is applied.
   */
  onceApplied(listener: () => void): () => void {
    return this.applier.onceApplied(listener);
  }

  onCommitted(listener: (lsn: number) => void): void {
    this.#committedListeners.push(listener);
  }

  /** Fences every epoch below `epoch` in this very turn: leaders and sessions of lower ones stop before anything else runs. */
  raiseFence(epoch: number): void {
    if (epoch <= this.#fence) return;
    this.#fence = epoch;
    for (const listener of this.#fencedListeners) listener(epoch);
  }

  /** Lowers a fence that no promise was sent under; never below the durable promise, or one that is being written. */
  lowerFence(epoch: number): void {
    if (this.#fence !== epoch) return;
    this.#fence = Math.max(this.meta.current.promise.epoch, ...this.#promising);
  }

  /**
   * Makes a promise of the fence durable. If the disk has no space for it nothing was promised, and the fence goes back: it would
   * keep this node from every existing leader, and nobody would know of it.
   * @throws WalshipError DISK_FULL, DISK_FAILED.
   */
  async promise(promised: EpochPromise, forced: ForcedConfig | null = null): Promise<void> {
    const { epoch } = promised;
    this.#promising.push(epoch);
    let nothingChanged = false;
    try {
      await this.updateMeta({ promise: promised, forced });
    } catch (error) {
      nothingChanged = leftMetaAsItWas(error);
      throw error;
    } finally {
      this.#promising.splice(this.#promising.indexOf(epoch), 1);
      if (nothingChanged) this.lowerFence(epoch);
    }
  }

  /**
   * Makes it durable that no epoch below `epoch` is followed. Resolves with false if a higher fence came up in the
   * meantime.
   * Calls come in rising order of epochs, since the fence rises in the turn of the call: no promise is ever lowered.
   */
  async promiseToFollow(epoch: number): Promise<boolean> {
    if (epoch < this.#fence) return false;
    this.raiseFence(epoch);
    if (this.meta.current.promise.epoch < epoch) {
      await this.promise({ epoch, candidate: null, attempt: null });
    }
    return this.#fence === epoch;
  }

  /**
   * Leaves for another history; durable on resolve. Until a leader has verified the log, nothing of it is applied;
   * commits above this node's own end do not belong to the new history. If an operator sent this node, the fence may
   * go down with its promise, and no commit is known. Its state is forgotten then, and also where a snapshot holds
   * more than its log, which the new history may lack.
   */
  async enterHistory(patch: Partial<Meta>): Promise<void> {
    this.#matchedLsn = 0;
    this.#leaving += 1;
    const discarding = patch.discarding ?? (this.snapshot?.endLsn ?? 0) > this.log.durable.lsn;
    try {
      await this.updateMeta({ ...patch, discarding });
    } finally {
      this.#leaving -= 1;
    }
    this.#committedLsn = Math.min(this.#committedLsn, this.log.durable.lsn);
    const { promise } = patch;
    if (promise !== undefined) this.#fence = Math.max(promise.epoch, ...this.#promising);
    if (!discarding) return;
    this.#committedLsn = 0;
    this.loader.forget();
  }

  /**
   * Rebuilds the state once the log equals that of a leader of this node's new history: its seals, and a snapshot
   * that was not cut, say again what is committed.
   */
  async arrived(): Promise<void> {
    const { log } = this;
    const known = Math.min(log.history.knownCommitLsn, log.durable.lsn);
    await this.loader.recall(known);
    await this.updateMeta({ discarding: false });
    this.learnCommitted(Math.max(known, this.snapshot?.endLsn ?? 0));
  }

  /** True while this node is about to leave its history: it answers no question about it. */
  get leaving(): boolean {
    return this.#leaving > 0;
  }

  /** Notes a tail that was cut off the log. */
  cut(tail: SavedTail): void {
    this.localAcks.cut(tail.fromLsn - 1);
    this.lastCut = tail;
  }

  /** Notes that the log up to `lsn` equals the current leader's. Truncation and new sessions may lower it. */
  setMatched(lsn: number): void {
    this.#matchedLsn = lsn;
    this.applier.wake();
  }

  /** Takes a commit LSN from the leader. It never goes back. */
  learnCommitted(lsn: number): void {
    if (lsn > this.#committedLsn) {
      this.#committedLsn = lsn;
      for (const listener of this.#committedListeners) listener(lsn);
    }
    this.applier.wake();
  }

  /** Applies more, if possible. Call it when more became durable. */
  durableMoved(): void {
    this.applier.wake();
  }

  #applyLimit(): number {
    // The rest of another history's log is applied to a state that was begun anew from it, not to an empty one.
    if (this.loader.loading || this.meta.current.discarding) return 0;
    return Math.min(this.log.durable.lsn, this.#committedLsn, this.#matchedLsn);
  }

  /**
   * Resolves when everything known to be committed is applied. @throws WalshipError the error that ended the node
   * before that.
   */
  async caughtUp(): Promise<void> {
    await this.applier.caughtUp();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Stops for good: nothing is written, acknowledged or applied from now on. The first failure counts. */
  fail(error: WalshipError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.applier.tellWaiting();
    this.#onEvent({ level: 'error', code: error.code, message: error.message, ...error.details });
    for (const listener of this.#failedListeners) listener(error);
  }

  onFailed(listener: (error: WalshipError) => void): void {
    this.#failedListeners.push(listener);
  }

  /** Closes the replica; idempotent. Records that have an LSN are still written. */
  async close(): Promise<void> {
    this.#closed = true;
    this.applier.tellWaiting();
    await this.log.close();
    // Another process may write meta.json once the lock is released.
    await Promise.allSettled(this.#updates);
    await this.#lock.release();
  }
}

function closedError(): WalshipError {
  return new WalshipError('NODE_CLOSED', 'the node is shutting down');
}
