import type { Disk, DiskLock } from '../ports/disk.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entropy } from '../ports/entropy.ts';
import { isWalshipError, WalshipError } from '../errors.ts';
import type { Claim, EpochPromise, VoterState } from '../protocol/messages.ts';
import { applyRecords } from '../store/apply.ts';
import type { Store } from '../store/store.ts';
import { Log } from '../wal/log.ts';
import { MetaStore } from '../wal/meta.ts';
import type { Version } from '../wal/position.ts';
import { OP } from '../wal/record.ts';
import type { RecoveryWarning } from '../wal/recover.ts';
import { listSnapshots } from '../wal/snapshot-reader.ts';
import type { SnapshotFile } from '../wal/snapshot-writer.ts';
import { Applier } from './applier.ts';
import type { EventListener } from './events.ts';
import { loadState } from './load-state.ts';
import type { LoadedState } from './load-state.ts';
import { LocalAckMemory } from './local-acks.ts';
import { Replay } from './replay.ts';

export interface ReplicaOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly dir: string;
  readonly nodeId: string;
  readonly voterCount: number;
  readonly segmentBytes?: number;
  readonly recentBytesMax?: number;
  readonly onDamage?: 'refuse' | 'cut';
  readonly onEvent: EventListener;
}

/** A write that an earlier leadership left in the log, not known to be committed. */
export interface InheritedWrite {
  readonly lsn: number;
  readonly op: number;
  readonly key: Buffer;
}

/**
 * What one node holds, whatever its role: log, meta.json, store, and the two numbers that say what may be shown.
 *
 * Invariant: what is applied is committed, durable here, and verified against the leader of the day
 * (`applied <= min(durable, committed, verified)`): no read ever shows a write that is not committed.
 * Invariant: `fence` never falls below the durable promise, and only a node that said nothing under a fence lowers it again.
 */
export class Replica {
  readonly log: Log;
  readonly meta: MetaStore;
  readonly nodeId: string;
  readonly localAcks = new LocalAckMemory();
  /** What the state was begun from at this start. */
  readonly snapshot: SnapshotFile | undefined;
  /** What recovery has to say to people. */
  readonly warnings: readonly RecoveryWarning[];
  readonly #applier: Applier;
  readonly #lock: DiskLock;
  readonly #onEvent: EventListener;
  #fence: number;
  /** Epochs of promises on their way to the disk. */
  readonly #promising: number[] = [];
  #committedLsn: number;
  #verifiedLsn: number;
  #failure: WalshipError | undefined;
  #closed = false;
  /** Changes of meta.json on their way to the disk. */
  readonly #updates = new Set<Promise<void>>();
  #fencedListeners: ((fence: number) => void)[] = [];
  #committedListeners: ((lsn: number) => void)[] = [];
  #failedListeners: ((error: WalshipError) => void)[] = [];

  private constructor(parts: {
    readonly log: Log;
    readonly meta: MetaStore;
    readonly loaded: LoadedState;
    readonly lock: DiskLock;
    readonly appliedLsn: number;
    readonly options: ReplicaOptions;
  }) {
    const { log } = parts;
    this.log = log;
    this.meta = parts.meta;
    this.nodeId = parts.options.nodeId;
    this.#lock = parts.lock;
    this.#onEvent = parts.options.onEvent;
    this.#fence = parts.meta.current.promise.epoch;
    // Seals carry what their leader knew to be committed: true for ever, and all that a restarted node may show.
    // A snapshot's end is as true, and may lie above what the log holds yet: nothing below it is ever cut.
    const { snapshot, store, warnings } = parts.loaded;
    const endLsn = snapshot?.endLsn ?? 0;
    this.#committedLsn = Math.max(Math.min(log.knownCommitLsn, log.durable.lsn), endLsn);
    this.#verifiedLsn = this.#committedLsn;
    this.snapshot = snapshot;
    this.warnings = [...log.recovery.warnings, ...warnings];
    this.#applier = new Applier({
      log,
      clock: parts.options.clock,
      store,
      appliedLsn: parts.appliedLsn,
      // With one voter, a log that ends before it was cut by an operator who wants what is left.
      readyLsn: parts.options.voterCount === 1 ? Math.min(endLsn, log.durable.lsn) : endLsn,
      limit: () => this.#applyLimit(),
      failed: () => this.#failure !== undefined,
      onFailed: (error) => this.fail(error),
    });
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
      const hasLog =
        (await disk.list(`${dir}/wal`)).some((name) => name.endsWith('.wal')) ||
        (await listSnapshots(disk, dir)).length > 0;
      const meta = await MetaStore.open(disk, dir, { hasLog, nodeId });
      const place = { disk, clock, dir, newSeed: () => options.entropy.below(2 ** 31) };
      const loaded = await loadState(place, meta.current);
      const { store, snapshot } = loaded;
      const replay = new Replay((bytes) => applyRecords(store, bytes), {
        from: snapshot?.start.lsn ?? 0,
        committedLsn: snapshot?.endLsn ?? 0,
      });
      const log = await Log.open({
        disk,
        clock,
        dir,
        meta,
        nodeId,
        voters: options.voterCount,
        base: snapshot,
        ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
        ...(options.recentBytesMax === undefined ? {} : { recentBytesMax: options.recentBytesMax }),
        ...(options.onDamage === undefined ? {} : { onDamage: options.onDamage }),
        replay: ({ bytes, last, seal }) => replay.batch({ bytes, last, commitLsn: seal.commitLsn }),
      });
      const { appliedLsn } = replay;
      const replica = new Replica({ log, meta, loaded, lock, appliedLsn, options });
      await replica.#finishBirth();
      replica.#applier.wake();
      return replica;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * The first leader becomes intact with its EPOCH record, the others when it says so. A node that died before that, with the record in its log,
   * still has in meta.json that it confirmed this very birth: it has forgotten nothing since, and its log is all that it ever held.
   */
  async #finishBirth(): Promise<void> {
    const { state, birth } = this.meta.current;
    const first = this.log.epochs[0];
    if (state !== 'blank' || birth === null || first?.firstLsn !== 1) return;
    if (first.epoch !== birth.epoch || first.leader !== birth.candidate) return;
    await this.meta.update({ state: 'intact' });
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

  /** What is applied; another object after the state was built anew. */
  get store(): Store {
    return this.#applier.store;
  }

  /** Another number whenever the state was begun anew. */
  get stateGeneration(): number {
    return this.#applier.generation;
  }

  /** The state is being built, and is not fit to be read: it is not yet what it was, or what a snapshot needs. */
  get rebuilding(): boolean {
    return this.#applier.rebuilding;
  }

  get appliedLsn(): number {
    return this.#applier.appliedLsn;
  }

  get applied(): Version {
    return { epoch: this.log.epochAt(this.appliedLsn), lsn: this.appliedLsn };
  }

  /** The lowest epoch whose frames, acks and writes this node still takes part in; in memory, at least the durable promise. */
  get fence(): number {
    return this.#fence;
  }

  get failure(): WalshipError | undefined {
    return this.#failure;
  }

  /** Why nothing more will be applied here: the disk failed, or the node was closed. */
  get end(): WalshipError | undefined {
    return this.#failure ?? (this.#closed ? closedError() : undefined);
  }

  onFenced(listener: (fence: number) => void): void {
    this.#fencedListeners.push(listener);
  }

  onApplied(listener: (lsn: number) => void): void {
    this.#applier.onApplied(listener);
  }

  /** Calls `listener` once, when more is applied or this node ends. The result takes it back, so that nothing piles up while nothing is applied. */
  onceApplied(listener: () => void): () => void {
    return this.#applier.onceApplied(listener);
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

  /** Takes a fence back under which nothing was said; never below the durable promise, or one that is being written. */
  lowerFence(epoch: number): void {
    if (this.#fence !== epoch) return;
    this.#fence = Math.max(this.meta.current.promise.epoch, ...this.#promising);
  }

  /**
   * Makes a promise of the fence durable. Where the disk has no room for it nothing was promised, and the fence goes back: it would
   * keep this node from every leader there is, and nobody would know of it.
   * @throws WalshipError DISK_FULL, DISK_FAILED.
   */
  async promise(promised: EpochPromise): Promise<void> {
    const { epoch } = promised;
    this.#promising.push(epoch);
    let full = false;
    try {
      await this.updateMeta({ promise: promised });
    } catch (error) {
      full = isWalshipError(error, 'DISK_FULL');
      throw error;
    } finally {
      this.#promising.splice(this.#promising.indexOf(epoch), 1);
      if (full) this.lowerFence(epoch);
    }
  }

  /**
   * Makes it durable that no epoch below `epoch` is followed. Resolves false where a higher fence came up meanwhile.
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

  /** What the log holds up to `lsn` is what the leader of the day has. Truncation and new sessions may lower it. */
  setVerified(lsn: number): void {
    this.#verifiedLsn = lsn;
    this.#applier.wake();
  }

  /** The leader says that everything up to `lsn` is committed. Never goes back. */
  learnCommitted(lsn: number): void {
    if (lsn > this.#committedLsn) {
      this.#committedLsn = lsn;
      for (const listener of this.#committedListeners) listener(lsn);
    }
    this.#applier.wake();
  }

  /** To be called when more became durable. */
  durableMoved(): void {
    this.#applier.wake();
  }

  #applyLimit(): number {
    return Math.min(this.log.durable.lsn, this.#committedLsn, this.#verifiedLsn);
  }

  /**
   * The writes in the log that are not applied yet, oldest first: what a new leader inherits and may still see committed. Everything that is
   * known to be committed is applied before it resolves, so what is left is bounded by the limit on uncommitted bytes.
   */
  async unapplied(): Promise<readonly InheritedWrite[]> {
    await this.#applier.caughtUp();
    if (this.#failure !== undefined) throw this.#failure;
    const found: InheritedWrite[] = [];
    for await (const { lsn, op, key } of this.log.read({ from: this.appliedLsn + 1 })) {
      if (op === OP.PUT || op === OP.DELETE) found.push({ lsn, op, key: Buffer.from(key) });
    }
    return found;
  }

  /** Stops for good: nothing is written, acknowledged or applied any more. The first failure counts. */
  fail(error: WalshipError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#applier.tellWaiting();
    this.#onEvent({ level: 'error', code: error.code, message: error.message, ...error.details });
    for (const listener of this.#failedListeners) listener(error);
  }

  onFailed(listener: (error: WalshipError) => void): void {
    this.#failedListeners.push(listener);
  }

  /** Idempotent; what has an LSN is still written. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#applier.tellWaiting();
    await this.log.close();
    // Once the lock is released, another process may write meta.json.
    await Promise.allSettled(this.#updates);
    await this.#lock.release();
  }
}

function closedError(): WalshipError {
  return new WalshipError('NODE_CLOSED', 'the node is shutting down');
}
