import type { Clock } from '../../ports/clock.ts';
import type { Peer } from '../cluster/peers.ts';

/** An operator's wish that this node leave its history. It is in memory only, and gone when it is granted or takes too long. */
export class Departure {
  readonly #clock: Clock;
  #wish: { readonly targets: readonly Peer[]; readonly settle: (met: boolean) => void } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Where a leader of another history is looked for; undefined while nobody wishes it. */
  get targets(): readonly Peer[] | undefined {
    return this.#wish?.targets;
  }

  /** Resolves with true once such a leader is followed, with false after `timeoutMs`; a later wish replaces this one. */
  wish(targets: readonly Peer[], timeoutMs: number): Promise<boolean> {
    this.end();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(timeoutMs, () => this.end());
      const settle = (met: boolean): void => {
        cancel();
        resolve(met);
      };
      this.#wish = { targets, settle };
    });
  }

  /** A leader is followed. */
  met(): void {
    this.#settle(true);
  }

  /** Nobody wishes it any more. */
  end(): void {
    this.#settle(false);
  }

  #settle(met: boolean): void {
    const wish = this.#wish;
    this.#wish = undefined;
    wish?.settle(met);
  }
}
