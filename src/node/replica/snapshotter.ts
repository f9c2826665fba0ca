import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { isWalshipError, WalshipError } from '../../errors.ts';
import type { Holds } from '../../leader/holds.ts';
import type { SnapshotSource } from '../../leader/snapshot-sender.ts';
import { MiB } from '../../ports/units.ts';
import { newestOf } from '../../wal/format/history-spans.ts';
import { listSnapshots, readSnapshot } from '../../wal/snapshot/snapshot-reader.ts';
import { keepSnapshots, SNAPSHOTS_KEPT } from '../../wal/snapshot/snapshot-shelf.ts';
import { writeSnapshot } from '../../wal/snapshot/snapshot-writer.ts';
import type { EventListener } from '../api/events.ts';
import { snapshotSource } from './offer-snapshot.ts';
import { PartialSnapshot } from './partial-snapshot.ts';
import type { Replica } from './replica.ts';

/** Default for the bytes of log after the start of the newest snapshot before another one is taken. */
export const SNAPSHOT_LOG_BYTES_DEFAULT = 256 * MiB;
/** Milliseconds after a failed snapshot before the next one is taken. */
export const SNAPSHOT_RETRY_MS = 30_000;

export interface SnapshotterOptions {
  readonly replica: Replica;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Path of the data directory. */
  readonly dir: string;
  /** Bytes of log, on disk, after which a snapshot is taken. */
  readonly logBytes: number;
  /** Returns the holds that keep log from being purged; undefined where this node does not lead. */
  readonly holds: () => Pick<Holds, 'heldLsn' | 'paths'> | undefined;
  readonly onEvent: EventListener;
}

/** A snapshot that was taken. */
export interface TakenSnapshot {
  readonly path: string;
  readonly startLsn: number;
  readonly endLsn: number;
  readonly keys: number;
  readonly bytes: number;
  readonly tookMs: number;
}

interface Shelved {
  readonly path: string;
  readonly startLsn: number;
}

/**
 * Takes snapshots when enough log has accumulated, or on request; keeps two; and purges the log that both of them, and
 * all followers, can do without.
 *
 * Invariant: the log is never purged above the start of the older of two snapshots: should the newer one turn out to be damaged, the
 * older one and the log lead to the same state.
 */
export class Snapshotter {
  /** Snapshot that this node is being sent, as far as it has arrived. */
  readonly partial: PartialSnapshot;
  readonly #options: SnapshotterOptions;
  /** Snapshots, newest first; whole as far as known. */
  #shelf: readonly Shelved[] = [];
  /** Bytes of log written when the newest snapshot was begun. */
  #begunAt = 0;
  #running: Promise<TakenSnapshot> | undefined;
  /** Snapshots that are being verified, because a receiver found them to be wrong. */
  readonly #doubted = new Set<Shelved>();
  #purging = false;
  #notBeforeMs = -Infinity;
  #closed = false;

  constructor(options: SnapshotterOptions) {
    this.#options = options;
    this.partial = new PartialSnapshot({
      ...options,
      onFailed: (error) => options.replica.fail(error),
    });
  }

  /**
   * Lists the snapshots on disk: at a start, and whenever the state was begun anew. @throws WalshipError DISK_FAILED.
   */
  async open(): Promise<void> {
    const { disk, dir, replica } = this.#options;
    // Earlier snapshots may belong to a log that is gone: nothing is purged by them.
    this.#shelf = [];
    const newest = replica.snapshot?.start.lsn ?? 0;
    const found = await listSnapshots(disk, dir);
    this.#shelf = found.filter(({ startLsn }) => startLsn <= newest);
    this.#begunAt = replica.log.onDisk.diskBytes - replica.log.onDisk.diskBytesAfter(newest);
  }

  /** Start of the newest snapshot; 0 where there is none. */
  get newestLsn(): number {
    return this.#shelf[0]?.startLsn ?? 0;
  }

  /** LSN up to which the snapshots can do without the log. */
  get coveredLsn(): number {
    return this.#shelf[SNAPSHOTS_KEPT - 1]?.startLsn ?? 0;
  }

  /**
   * Returns a snapshot for a follower that the log does not reach back to: the newest one without doubts, or else one
   * that is taken now. Resolves with undefined if none can be taken; the failure was reported already.
   */
  async offer(): Promise<SnapshotSource | undefined> {
    const { disk, replica } = this.#options;
    try {
      const newest = this.#shelf.find((one) => !this.#doubted.has(one));
      const found =
        newest === undefined ? undefined : await snapshotSource(disk, replica.log, newest.path);
      if (found !== undefined) return found;
      const { path } = await this.take();
      return await snapshotSource(disk, replica.log, path);
    } catch (error) {
      this.#failed(error);
      return undefined;
    }
  }

  /**
   * Handles a receiver's report that the snapshot at `path` is wrong. If it is, it no longer counts and another one
   * is taken immediately; until then the older one is offered, to whose start the log reaches back.
   */
  refused(path: string): void {
    const shelved = this.#shelf.find((one) => one.path === path);
    if (shelved === undefined || this.#closed || this.#doubted.has(shelved)) return;
    this.#doubted.add(shelved);
    this.#verify(shelved)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => this.#doubted.delete(shelved))
      .catch(() => undefined);
  }

  async #verify(shelved: Shelved): Promise<void> {
    const { disk, clock, onEvent } = this.#options;
    const { path } = shelved;
    const read = await readSnapshot({ disk, clock }, path);
    // Another snapshot may have been given this name during the read.
    if (read.kind === 'snapshot' || !this.#shelf.includes(shelved) || this.#closed) return;
    this.#shelf = this.#shelf.filter((one) => one !== shelved);
    const message = `${path} is not a valid snapshot: ${read.reason}; a new one is taken in its place`;
    onEvent({ level: 'error', code: 'SNAPSHOT_INVALID', message });
    await this.take();
  }

  /** Takes a snapshot if one is due. Call it when more is applied. */
  applied(): void {
    const { replica, clock, logBytes } = this.#options;
    if (this.#running !== undefined || clock.nowMs() < this.#notBeforeMs) return;
    if (replica.log.onDisk.diskBytes - this.#begunAt < logBytes) return;
    this.take().catch((error: unknown) => this.#failed(error));
  }

  /**
   * Takes a snapshot now, or waits for the one under way. If nothing was applied since the last one, returns that
   * one.
   * @throws WalshipError NOT_READY if this node has no state to take it of, DISK_FULL, DISK_FAILED, NODE_CLOSED.
   */
  take(): Promise<TakenSnapshot> {
    this.#running ??= this.#take().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Purges log that nobody needs. Call it now and then. */
  tick(): void {
    const { replica, holds } = this.#options;
    if (this.#closed || replica.end !== undefined) return;
    this.partial.tick();
    if (this.#purging) return;
    const lsn = Math.min(this.coveredLsn, holds()?.heldLsn ?? Infinity);
    if (lsn < replica.log.firstLsn) return;
    this.#purging = true;
    replica.log
      .purge(lsn)
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#purging = false;
      })
      .catch(() => undefined);
  }

  /** Stops taking snapshots; resolves when none is under way. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running?.catch(() => undefined);
    await this.partial.settled();
  }

  async #take(): Promise<TakenSnapshot> {
    const { replica, disk, clock, dir, onEvent } = this.#options;
    const startMs = clock.nowMs();
    if (this.#closed) throw new WalshipError('NODE_CLOSED', 'the node is shutting down');
    const { clusterId } = replica.meta.current;
    const generation = replica.stateGeneration;
    const begunAt = replica.log.onDisk.diskBytes;
    if (replica.rebuilding || clusterId === null || replica.applier.settledLsn === 0) {
      throw new WalshipError('NOT_READY', 'this node has no state yet to take a snapshot of');
    }
    const start = await replica.log.chainAt(replica.applier.settledLsn);
    if (start === undefined) {
      throw new WalshipError(
        'NOT_READY',
        'the applied state does not end with a whole batch right now',
      );
    }
    const history = replica.log.epochs.filter(({ firstLsn }) => firstLsn <= start.lsn);
    if (newestOf(history) === undefined) {
      throw new WalshipError(
        'NOT_READY',
        `this node no longer knows the epoch of LSN ${start.lsn}`,
      );
    }
    const snapshot = await writeSnapshot({
      disk,
      clock,
      dir,
      header: { clusterId, start },
      history,
      source: {
        page: (request) => replica.store.page(request),
        get appliedLsn() {
          return replica.appliedLsn;
        },
      },
      // After a cut below the applied LSN, or with another state, the visited pages no longer match the log.
      cancelled: () =>
        this.#closed ||
        replica.end !== undefined ||
        replica.stateGeneration !== generation ||
        replica.appliedLsn > replica.log.durable.lsn,
    });
    if (snapshot === undefined) {
      throw new WalshipError('NODE_CLOSED', 'the snapshot was abandoned: its state was replaced');
    }
    const { path, endLsn, count, bytes } = snapshot;
    if (replica.stateGeneration === generation) replica.log.history.rebase(snapshot);
    this.#begunAt = begunAt;
    await this.#shelve({ path, startLsn: start.lsn });
    const tookMs = Math.round(clock.nowMs() - startMs);
    const message = `snapshot of LSN ${start.lsn} to ${endLsn}: ${count} keys, ${bytes} bytes`;
    onEvent({ level: 'info', code: 'SNAPSHOT_TAKEN', message, tookMs });
    return { path, startLsn: start.lsn, endLsn, keys: count, bytes, tookMs };
  }

  async #shelve(shelved: Shelved): Promise<void> {
    const { disk, dir, holds } = this.#options;
    const older = this.#shelf.filter(({ startLsn }) => startLsn < shelved.startLsn);
    this.#shelf = [shelved, ...older].slice(0, SNAPSHOTS_KEPT);
    const kept = this.#shelf.map(({ path }) => path);
    await keepSnapshots(disk, dir, [...kept, ...(holds()?.paths ?? [])]);
    this.tick();
  }

  #failed(error: unknown): void {
    const { clock, replica, onEvent } = this.#options;
    this.#notBeforeMs = clock.nowMs() + SNAPSHOT_RETRY_MS;
    if (!isWalshipError(error)) {
      // A bug of this program is no reason to end: report it, and try again later.
      const message = `no snapshot was taken because of a bug in walship: ${String(error)}`;
      onEvent({ level: 'error', code: 'SNAPSHOT_FAILED', message, reason: 'INTERNAL' });
      return;
    }
    if (error.code === 'NODE_CLOSED' || error.code === 'NOT_READY') return;
    if (error.code === 'DISK_FAILED') return replica.fail(error);
    const message = `no snapshot was taken: ${error.message}`;
    onEvent({ level: 'warn', code: 'SNAPSHOT_FAILED', message });
  }
}
