import { isWalshipError, type WalshipError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { removeIncoming } from '../../wal/leftovers.ts';

/**
 * Milliseconds that a partial snapshot is kept without a leader that offers it; the leader releases its side after
 * about as long.
 */
export const PARTIAL_SNAPSHOT_MS = 600_000;

export interface PartialSnapshotOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Path of the data directory. */
  readonly dir: string;
  readonly onFailed: (error: WalshipError) => void;
}

/**
 * The part of a snapshot that a node received before the transfer broke off. It is kept for the next transfer, and removed once this node
 * leads or follows without it, or once nobody has offered it for PARTIAL_SNAPSHOT_MS.
 */
export class PartialSnapshot {
  readonly #options: PartialSnapshotOptions;
  /**
   * Time since which nobody offers it, on the monotonic clock; undefined while it is arriving, and once it was
   * removed.
   */
  #idleSinceMs: number | undefined;
  #removing: Promise<void> = Promise.resolve();

  /** Counts from now on: an earlier run may have left a partial snapshot. */
  constructor(options: PartialSnapshotOptions) {
    this.#options = options;
    this.#idleSinceMs = options.clock.nowMs();
  }

  /** Announces that a snapshot arrives: no removal is under way once this resolves. */
  async arriving(): Promise<void> {
    this.#idleSinceMs = undefined;
    await this.#removing;
  }

  /** Notes the end of the transfer, whether it broke off or not. */
  ended(): void {
    this.#idleSinceMs = this.#options.clock.nowMs();
  }

  /** Removes the partial snapshot: this node leads, or follows a log, and needs none. */
  superseded(): void {
    if (this.#idleSinceMs === undefined) return;
    this.#idleSinceMs = undefined;
    this.#removing = this.#remove();
  }

  /** Removes the partial snapshot after too long an idle time. Call it now and then. */
  tick(): void {
    const sinceMs = this.#idleSinceMs ?? Infinity;
    if (this.#options.clock.nowMs() - sinceMs >= PARTIAL_SNAPSHOT_MS) this.superseded();
  }

  /** Resolves when no removal is under way. */
  settled(): Promise<void> {
    return this.#removing;
  }

  async #remove(): Promise<void> {
    const { disk, dir, onFailed } = this.#options;
    try {
      await removeIncoming(disk, dir);
    } catch (error) {
      if (!isWalshipError(error)) throw error;
      onFailed(error);
    }
  }
}
