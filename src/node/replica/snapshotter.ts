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

/** Log behind the start of the newest snapshot before another one is taken. */
export const SNAPSHOT_LOG_BYTES_DEFAULT = 256 * MiB;
/** After one that failed, the next is not taken before so long. */
export const SNAPSHOT_RETRY_MS = 30_000;

export interface SnapshotterOptions {
  readonly replica: Replica;
  readonly disk: Disk;
  readonly clock: Clock;
  /** The data directory. */
  readonly dir: string;
  /** A snapshot is taken after so much of log, on disk. */
  readonly logBytes: number;
  /** Who keeps log from being purged: nobody, where this node does not lead. */
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
 * Takes snapshots when enough log has come together, or when somebody asks; keeps two; and lets go of the log that both of them, and
 * everybody who follows, can do without.
 *
 * Invariant: the log is never purged above the start of the older of two snapshots: should the newer one turn out to be damaged, the
 * older one and the log lead to the same state.
 */
export class Snapshotter {
  /** A snapshot that this node is sent, as far as it has come. */
  readonly partial: PartialSnapshot;
  readonly #options: SnapshotterOptions;
  /** Newest first; whole as far as known. */
  #shelf: readonly Shelved[] = [];
  /** How much log had been written when the newest one was begun. */
  #begunAt = 0;
  #running: Promise<TakenSnapshot> | undefined;
  /** Being verified, because somebody found them to be wrong. */
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

  /** Looks at what is there: at a start, and whenever the state was begun anew. @throws WalshipError DISK_FAILED. */
  async open(): Promise<void> {
    const { disk, dir, replica } = this.#options;
    // What was there before may be of a log that is gone: nothing is purged by it.
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

  /** Up to here the snapshots can do without the log. */
  get coveredLsn(): number {
    return this.#shelf[SNAPSHOTS_KEPT - 1]?.startLsn ?? 0;
  }

  /**
   * A snapshot for a follower that the log does not reach back to: the newest one that nobody doubts, or else one that is taken now. Undefined where there is
   * none to be had, which was said where it failed.
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
   * Somebody who was sent the snapshot at `path` says that it is wrong. Where it is, it counts no more and another one is taken at once; meanwhile
   * the older one is offered, to whose start the log reaches back.
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
    // Another one may have got its name meanwhile.
    if (read.kind === 'snapshot' || !this.#shelf.includes(shelved) || this.#closed) return;
    this.#shelf = this.#shelf.filter((one) => one !== shelved);
    const message = `${path} is not a valid snapshot: ${read.reason}; a new one is taken in its place`;
    onEvent({ level: 'error', code: 'SNAPSHOT_INVALID', message });
    await this.take();
  }

  /** To be called when more is applied: takes a snapshot where it is time for one. */
  applied(): void {
    const { replica, clock, logBytes } = this.#options;
    if (this.#running !== undefined || clock.nowMs() < this.#notBeforeMs) return;
    if (replica.log.onDisk.diskBytes - this.#begunAt < logBytes) return;
    this.take().catch((error: unknown) => this.#failed(error));
  }

  /**
   * Takes a snapshot now, or waits for the one that is being taken. Where nothing was applied since the last one, that is the result.
   * @throws WalshipError NOT_READY where this node has no state to take it of, DISK_FULL, DISK_FAILED, NODE_CLOSED.
   */
  take(): Promise<TakenSnapshot> {
    this.#running ??= this.#take().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** To be called now and then: purges what nobody needs any more. */
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

  /** Takes none any more; resolves when none is being taken. */
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
      // A cut below what is applied, or another state: what was visited is not what the log says any more.
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
      // A mistake of this program, which is no reason to end: it is told, and tried again later.
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
