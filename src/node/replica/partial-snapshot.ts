import { isWalshipError, type WalshipError } from '../../errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { removeIncoming } from '../../wal/leftovers.ts';

/** What came of a snapshot is kept so long without a leader that offers it; its leader lets go of it after about as long. */
export const PARTIAL_SNAPSHOT_MS = 600_000;

export interface PartialSnapshotOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** The data directory. */
  readonly dir: string;
  readonly onFailed: (error: WalshipError) => void;
}

/**
 * The part of a snapshot that a node received before the transfer broke off. It is kept for the next transfer, and removed once this node
 * leads or follows without it, or once nobody has offered it for PARTIAL_SNAPSHOT_MS.
 */
export class PartialSnapshot {
  readonly #options: PartialSnapshotOptions;
  /** Since when nobody offers it, on the monotonic clock; undefined while it is arriving, and once it was removed. */
  #idleSinceMs: number | undefined;
  #removing: Promise<void> = Promise.resolve();

  /** An earlier life may have left one. */
  constructor(options: PartialSnapshotOptions) {
    this.#options = options;
    this.#idleSinceMs = options.clock.nowMs();
  }

  /** A snapshot is about to arrive: nothing is removed any more once this resolves. */
  async arriving(): Promise<void> {
    this.#idleSinceMs = undefined;
    await this.#removing;
  }

  /** The transfer is over, whether it broke off or not. */
  ended(): void {
    this.#idleSinceMs = this.#options.clock.nowMs();
  }

  /** This node leads, or follows a log: it needs no snapshot. */
  superseded(): void {
    if (this.#idleSinceMs === undefined) return;
    this.#idleSinceMs = undefined;
    this.#removing = this.#remove();
  }

  /** To be called now and then. */
  tick(): void {
    const sinceMs = this.#idleSinceMs ?? Infinity;
    if (this.#options.clock.nowMs() - sinceMs >= PARTIAL_SNAPSHOT_MS) this.superseded();
  }

  /** Resolves when nothing is being removed. */
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
