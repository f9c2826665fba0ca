import type { Clock } from '../../ports/clock.ts';
import type { Peer } from '../cluster/peers.ts';

/**
 * An operator's request that this node leave its history. It is held in memory only, and ends when it is met or times
 * out.
 */
export class PendingRejoin {
  readonly #clock: Clock;
  #pending:
    | { readonly targets: readonly Peer[]; readonly settle: (met: boolean) => void }
    | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Addresses where a leader of another history is looked for; undefined without a request. */
  get targets(): readonly Peer[] | undefined {
    return this.#pending?.targets;
  }

  /**
   * Resolves with true once such a leader is followed, with false after `timeoutMs`; a later request replaces this
   * one.
   */
  request(targets: readonly Peer[], timeoutMs: number): Promise<boolean> {
    this.end();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(timeoutMs, () => this.end());
      const settle = (met: boolean): void => {
        cancel();
        resolve(met);
      };
      this.#pending = { targets, settle };
    });
  }

  /** Notes that a leader is followed. */
  met(): void {
    this.#settle(true);
  }

  /** Withdraws the request. */
  end(): void {
    this.#settle(false);
  }

  #settle(met: boolean): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.settle(met);
  }
}
