import type { Clock } from '../../ports/clock.ts';
import type { Entropy } from '../../ports/entropy.ts';

/** Minimum pause between two rounds of the search for a leader; a random part of it is added. */
export const RETRY_MS = 100;
/** Minimum pause after many rounds without success. */
export const RETRY_MS_MAX = 1_000;
/** Minimum pause while another node that has this one's promise may be about to lead. */
export const EXPECTING_RETRY_MS = 20;
/** Number of failures from which on the pause is the longest. */
export const PATIENT_FAILURES = 16;

/** Pause between two rounds; jittered, so that two nodes in lockstep get out of it. */
export class RetryPause {
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, entropy: Entropy) {
    this.#clock = clock;
    this.#entropy = entropy;
  }

  /**
   * Resolves after the pause, or when it is cancelled. The pause grows with the failed rounds, and is short where a
   * leader is expected.
   */
  wait(failures: number, expecting: boolean): Promise<void> {
    const doublings = Math.min(failures, PATIENT_FAILURES) / 4;
    const patient = Math.min(RETRY_MS * 2 ** doublings, RETRY_MS_MAX);
    const base = expecting ? EXPECTING_RETRY_MS : patient;
    return new Promise((resolve) => {
      const cancel = this.#clock.after(base / 2 + this.#entropy.below(Math.ceil(base)), resolve);
      this.#cancel = () => {
        cancel();
        resolve();
      };
    });
  }

  cancel(): void {
    this.#cancel?.();
  }
}
