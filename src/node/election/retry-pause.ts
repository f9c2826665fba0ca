import type { Clock } from '../../ports/clock.ts';
import type { Entropy } from '../../ports/entropy.ts';

/** Between two rounds of looking for a leader: at least this, and a random part of it more. */
export const RETRY_MS = 100;
/** The same, after many rounds without success. */
export const RETRY_MS_MAX = 1_000;
/** The same, while another node that has this one's promise may be about to lead. */
export const EXPECTING_RETRY_MS = 20;
/** From so many failures on the pause is the longest. */
export const PATIENT_FAILURES = 16;

/** The pause between two rounds; jittered, so that two nodes that do the same thing stop doing it at the same time. */
export class RetryPause {
  readonly #clock: Clock;
  readonly #entropy: Entropy;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, entropy: Entropy) {
    this.#clock = clock;
    this.#entropy = entropy;
  }

  /** Resolves after a while, or when it is cancelled: the longer the more rounds have failed, and soon where a leader is expected. */
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
