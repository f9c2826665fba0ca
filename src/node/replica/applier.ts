import { isUnwritable } from '../../ports/disk-errors.ts';
import { type Clock, nextTurn } from '../../ports/clock.ts';
import { WalshipError } from '../../errors.ts';
import { applySteps } from '../../store/apply.ts';
import type { Store } from '../../store/store.ts';
import { KiB } from '../../ports/units.ts';
import type { Log } from '../../wal/log.ts';

/** Log bytes that are applied to the store between two looks at the clock: some milliseconds for short records. */
export const APPLY_BYTES_MAX = 64 * KiB;
/**
 * Milliseconds that one turn of the event loop may spend applying while more waits. Much arrives in that time:
 * records that are applied more slowly than they arrive have left memory when their turn comes, and have to be read
 * from the files and verified again.
 */
export const APPLY_MS_MAX = 4;
/** Milliseconds before the log is read again where no file descriptor was available. */
const READ_RETRY_MS = 500;

/** A store, and the LSN up to which it contains the log. */
export interface AppliedState {
  readonly store: Store;
  readonly appliedLsn: number;
}

export interface ApplierOptions extends AppliedState {
  readonly log: Pick<Log, 'recentAfter' | 'chunkAfter'>;
  readonly clock: Clock;
  /** Log bytes for one slice; APPLY_BYTES_MAX unless given. */
  readonly applyBytesMax?: number | undefined;
  /** LSN that the store has to reach before it may be read. */
  readonly readyLsn?: number;
  /** Returns the LSN up to which records may be applied. */
  readonly limit: () => number;
  /** Returns true once the node has failed: nothing is applied from then on. */
  readonly failed: () => boolean;
  readonly onFailed: (error: WalshipError) => void;
}

/**
 * Keeps the store up to date: applies the log in slices, and never holds up the event loop for long. A batch of many
 * records takes several turns: `appliedLsn` is its end from the first turn on, and readers of the store wait until it
 * is settled.
 *
 * Invariant: the store contains the log up to `settledLsn`, and part of the records that follow up to `appliedLsn`,
 * and nothing else.
 */
export class Applier {
  readonly #options: ApplierOptions;
  #store: Store;
  #appliedLsn: number;
  #settledLsn: number;
  #applying = false;
  /** Number of the current store: records read for an earlier store are not applied to it. */
  #generation = 0;
  /** LSN that a rebuilt store has to reach. */
  #rebuildToLsn = 0;
  #listeners: ((lsn: number) => void)[] = [];
  #once = new Set<() => void>();

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#appliedLsn = options.appliedLsn;
    this.#settledLsn = options.appliedLsn;
    this.#rebuildToLsn = options.readyLsn ?? 0;
  }

  get store(): Store {
    return this.#store;
  }

  /** Number of the current store; each store has another one. */
  get generation(): number {
    return this.#generation;
  }

  get appliedLsn(): number {
    return this.#appliedLsn;
  }

  /** LSN up to which every record is in the store: below `appliedLsn` while a batch takes several turns. */
  get settledLsn(): number {
    return this.#settledLsn;
  }

  /** True if no batch is half applied: the store may be read. */
  get isSettled(): boolean {
    return this.#settledLsn === this.#appliedLsn;
  }

  /** True if the store contains less than was shown before: it must not be read. */
  get rebuilding(): boolean {
    return this.#appliedLsn < this.#rebuildToLsn;
  }

  onApplied(listener: (lsn: number) => void): void {
    this.#listeners.push(listener);
  }

  /** Calls `listener` once, when more is applied or the node ends. The returned function cancels it. */
  onceApplied(listener: () => void): () => void {
    this.#once.add(listener);
    return () => this.#once.delete(listener);
  }

  /**
   * Continues from another state, an empty store or a loaded one, which may be read again at `toLsn`. The old store
   * is dropped in this very turn.
   */
  rebuild({ store, appliedLsn }: AppliedState, toLsn: number): void {
    this.#generation += 1;
    this.#store = store;
    this.#appliedLsn = appliedLsn;
    this.#settledLsn = appliedLsn;
    this.#rebuildToLsn = toLsn;
    this.tellWaiting();
    this.wake();
  }

  /** Starts applying if there are records that may be applied. */
  wake(): void {
    if (this.#applying || this.#options.failed()) return;
    if (this.#appliedLsn >= this.#options.limit()) return;
    this.#applying = true;
    const generation = this.#generation;
    this.#applySlices().then(
      () => {
        this.#applying = false;
        this.wake();
      },
      (cause: unknown) => {
        this.#applying = false;
        // Records read for a dropped store may be gone from the log too.
        if (generation !== this.#generation) return this.wake();
        if (isUnwritable(cause)) {
          // No file descriptor for a file that is only read: the file itself is fine.
          this.#options.clock.after(READ_RETRY_MS, () => this.wake());
          return;
        }
        this.#options.onFailed(
          cause instanceof WalshipError
            ? cause
            : new WalshipError('WAL_CORRUPT', 'applying the log failed', { cause }),
        );
      },
    );
  }

  /** Resolves when all that may be applied is applied, or rejects with the error that ended the node. */
  async caughtUp(): Promise<void> {
    while (this.#settledLsn < this.#options.limit() && !this.#options.failed()) {
      await new Promise<void>((resolve) => {
        this.onceApplied(resolve);
      });
    }
  }

  /** Resolves when no batch is half applied, or when the node ends. */
  async settled(): Promise<void> {
    while (!this.isSettled && !this.#options.failed()) {
      await new Promise<void>((resolve) => {
        this.onceApplied(resolve);
      });
    }
  }

  /** Wakes all waiters: the node has ended, or the store was replaced. */
  tellWaiting(): void {
    const once = this.#once;
    this.#once = new Set();
    for (const listener of once) listener();
  }

  async #applySlices(): Promise<void> {
    const { log, limit, failed, clock, applyBytesMax = APPLY_BYTES_MAX } = this.#options;
    const generation = this.#generation;
    let turnMs = clock.nowMs();
    while (this.#appliedLsn < limit() && !failed()) {
      const from = this.#appliedLsn;
      const chunk =
        log.recentAfter(from, applyBytesMax) ?? (await log.chunkAfter(from, applyBytesMax));
      // The limit may have gone down while the log was read, or the store may have been replaced.
      const limitLsn = limit();
      if (chunk === undefined || generation !== this.#generation || from >= limitLsn) return;
      this.#appliedLsn = Math.min(chunk.last.lsn, limitLsn);
      let sliced = false;
      const steps = applySteps(this.#store, chunk.bytes, limitLsn);
      while (steps.next().done !== true) {
        if (clock.nowMs() - turnMs < APPLY_MS_MAX) continue;
        sliced = true;
        await nextTurn(clock);
        turnMs = clock.nowMs();
        if (generation !== this.#generation || failed()) return;
      }
      this.#settledLsn = this.#appliedLsn;
      for (const listener of this.#listeners) listener(this.#appliedLsn);
      this.tellWaiting();
      // Yield only if records are left: most commits are one slice, and would pay for a turn each time.
      if (this.#appliedLsn >= limit()) return;
      // This holds for reads from the files too: most of those bytes were read ahead and are available at once.
      // After a batch of several turns, waiting readers get a turn.
      if (!sliced && clock.nowMs() - turnMs < APPLY_MS_MAX) continue;
      await nextTurn(clock);
      turnMs = clock.nowMs();
      if (generation !== this.#generation) return;
    }
  }
}
