import { isUnwritable } from '../../ports/disk-errors.ts';
import { type Clock, nextTurn } from '../../ports/clock.ts';
import { WalshipError } from '../../errors.ts';
import { applySteps } from '../../store/apply.ts';
import type { Store } from '../../store/store.ts';
import { KiB } from '../../ports/units.ts';
import type { Log } from '../../wal/log.ts';

/** Log bytes that are applied to the store before anybody looks at the time: in short records, some milliseconds. */
export const APPLY_BYTES_MAX = 64 * KiB;
/**
 * How long a turn of the event loop applies where more waits. Much comes in meanwhile: what is applied more slowly than it arrives is in memory no
 * more when its turn comes, and has to be read from the files and verified again.
 */
export const APPLY_MS_MAX = 4;
/** Where no descriptor was to be had for reading the log, it is tried again after this. */
const READ_RETRY_MS = 500;

/** A store, and the LSN up to which the log is in it. */
export interface AppliedState {
  readonly store: Store;
  readonly appliedLsn: number;
}

export interface ApplierOptions extends AppliedState {
  readonly log: Pick<Log, 'recentAfter' | 'chunkAfter'>;
  readonly clock: Clock;
  /** APPLY_BYTES_MAX unless given. */
  readonly applyBytesMax?: number | undefined;
  /** The store is not fit to be read before it has got so far. */
  readonly readyLsn?: number;
  /** Up to here everything may be applied. */
  readonly limit: () => number;
  /** The node has failed: nothing is applied any more. */
  readonly failed: () => boolean;
  readonly onFailed: (error: WalshipError) => void;
}

/**
 * Keeps the store at what may be shown: applies the log in slices, and never holds up the event loop for long. A batch of many records takes
 * several turns: then `appliedLsn` is its end from the first one on, and whoever reads the store waits until it is settled.
 *
 * Invariant: what is in the store is the log up to `settledLsn`, and part of what follows up to `appliedLsn`, and nothing else.
 */
export class Applier {
  readonly #options: ApplierOptions;
  #store: Store;
  #appliedLsn: number;
  #settledLsn: number;
  #applying = false;
  /** Counts stores: what was read for an earlier one is not applied to this one. */
  #generation = 0;
  /** The store is being built anew until it has got so far. */
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

  /** Another number for each store. */
  get generation(): number {
    return this.#generation;
  }

  get appliedLsn(): number {
    return this.#appliedLsn;
  }

  /** Everything up to here is in the store: below `appliedLsn` while a batch takes several turns. */
  get settledLsn(): number {
    return this.#settledLsn;
  }

  /** No batch is half in the store: it may be read. */
  get isSettled(): boolean {
    return this.#settledLsn === this.#appliedLsn;
  }

  /** Less is in the store than was shown before: it is not fit to be read. */
  get rebuilding(): boolean {
    return this.#appliedLsn < this.#rebuildToLsn;
  }

  onApplied(listener: (lsn: number) => void): void {
    this.#listeners.push(listener);
  }

  /** Calls `listener` once, when more is applied or the node ends; the result takes it back. */
  onceApplied(listener: () => void): () => void {
    this.#once.add(listener);
    return () => this.#once.delete(listener);
  }

  /**
   * Goes on from another state, an empty store or one that was loaded, and is fit to be read again at `toLsn`. What the store held is gone in
   * this very turn.
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

  /** More may be applied now, perhaps. */
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
        // What was read for a store that is gone may be gone from the log too.
        if (generation !== this.#generation) return this.wake();
        if (isUnwritable(cause)) {
          // No descriptor for a file that is only read: nothing is wrong with it.
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

  /** Resolves when everything that may be applied is, or rejects with what ended the node. */
  async caughtUp(): Promise<void> {
    while (this.#settledLsn < this.#options.limit() && !this.#options.failed()) {
      await new Promise<void>((resolve) => {
        this.onceApplied(resolve);
      });
    }
  }

  /** Resolves when no batch is half in the store, or when the node ends. */
  async settled(): Promise<void> {
    while (!this.isSettled && !this.#options.failed()) {
      await new Promise<void>((resolve) => {
        this.onceApplied(resolve);
      });
    }
  }

  /** Wakes those who wait for more: the node has ended, or the store is another one. */
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
      // The limit may have gone down while the log was read, or the store may be another one.
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
      // A turn of its own only for what is left: most commits are one slice, and would pay for it each time.
      if (this.#appliedLsn >= limit()) return;
      // From the files too: most of what comes from there was read before, and is there at once.
      // Behind a batch of several turns those who wait to read have one.
      if (!sliced && clock.nowMs() - turnMs < APPLY_MS_MAX) continue;
      await nextTurn(clock);
      turnMs = clock.nowMs();
      if (generation !== this.#generation) return;
    }
  }
}
